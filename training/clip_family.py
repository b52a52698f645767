"""The embedded judge: a small open_clip model, its folder, and its aesthetics head."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file
from torch import Tensor

from training.text.tokenizers import MAX_TOKENS

MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFamilyConfig:
    """Sizes of both towers."""

    image_size: int = 112
    patch_size: int = 14
    image_width: int = 144
    image_head_width: int = 48
    image_layers: int = 4
    text_width: int = 128
    text_heads: int = 4
    text_layers: int = 3
    text_mlp_ratio: float = 2.0
    embed_dim: int = 128
    logit_scale: float = 2.3
    logit_bias: float = -6.0


SMOKE = ClipFamilyConfig(
    image_size=28,
    image_width=32,
    image_head_width=16,
    image_layers=1,
    text_width=32,
    text_heads=2,
    text_layers=1,
    embed_dim=16,
)


def model_config(config: ClipFamilyConfig, vocabulary: int) -> dict[str, object]:
    """The `model_cfg` of open_clip_config.json."""
    return {
        "embed_dim": config.embed_dim,
        "init_logit_scale": config.logit_scale,
        "init_logit_bias": config.logit_bias,
        "vision_cfg": {
            "image_size": config.image_size,
            "patch_size": config.patch_size,
            "width": config.image_width,
            "head_width": config.image_head_width,
            "layers": config.image_layers,
        },
        "text_cfg": {
            "context_length": MAX_TOKENS,
            "vocab_size": vocabulary,
            "hf_tokenizer_name": "clip",
            "width": config.text_width,
            "heads": config.text_heads,
            "layers": config.text_layers,
            "mlp_ratio": config.text_mlp_ratio,
        },
    }


def create_clip(config: ClipFamilyConfig, vocabulary: int) -> CLIP:
    """A fresh model, the one that open_clip builds from the saved config."""
    model = model_config(config, vocabulary)
    vision = {key: value for key, value in asdict(config).items() if key.startswith("image_")}
    assert vision, "the config names the image tower's sizes"
    return CLIP(
        embed_dim=config.embed_dim,
        vision_cfg=CLIPVisionCfg(**model["vision_cfg"]),  # type: ignore[arg-type]
        text_cfg=CLIPTextCfg(**model["text_cfg"]),  # type: ignore[arg-type]
        init_logit_scale=config.logit_scale,
        init_logit_bias=config.logit_bias,
    )


def save_judge(
    model: CLIP,
    head_weight: Float[Tensor, "1 embed"],
    head_bias: Float[Tensor, "1"],
    config: ClipFamilyConfig,
    folder: Path,
) -> None:
    """Writes clip/ (config, half-precision weights; the tokenizer is there) and aesthetics.safetensors."""
    clip = folder / "clip"
    preprocess = {
        "size": config.image_size, "mode": "RGB", "mean": MEAN, "std": STD, "interpolation": "bicubic",
        "resize_mode": "shortest", "fill_color": 0,
    }  # fmt: skip
    content = {"model_cfg": model_config(config, model.vocab_size), "preprocess_cfg": preprocess}
    (clip / "open_clip_config.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    tensors = {key: value.detach().half().cpu().contiguous() for key, value in model.state_dict().items()}
    save_file(tensors, clip / "open_clip_model.safetensors", metadata={"format": "pt"})
    head = {"weight": head_weight.float().cpu().contiguous(), "bias": head_bias.float().cpu().contiguous()}
    save_file(head, folder / "aesthetics.safetensors")


def to_clip_input(pictures: Tensor) -> Float[Tensor, "batch 3 height width"]:
    """uint8 [batch, height, width, 3] pictures as the network's input."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def fit_head(
    embeddings: Float[Tensor, "pictures embed"], ratings: Float[Tensor, "pictures"], ridge: float = 1e-3
) -> tuple[Float[Tensor, "1 embed"], Float[Tensor, "1"]]:
    """Least squares of ratings on unit-norm embeddings."""
    x = torch.cat([embeddings.double(), torch.ones(len(embeddings), 1, device=embeddings.device)], 1)
    penalty = ridge * torch.eye(x.shape[1], device=x.device, dtype=x.dtype)
    penalty[-1, -1] = 0
    solution = torch.linalg.solve(x.T @ x / len(x) + penalty, x.T @ ratings.double() / len(x))
    return solution[None, :-1].float(), solution[-1:].float()
