"""The validator's scorer as tiny random networks in the published layouts and under the published names."""

import json
from pathlib import Path

import open_clip
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.models import AlexNet
from transformers import Dinov2Config, Dinov2Model

from validation.subnet.files import ALEXNET, BACKBONE, CLIP, FOLDER, HEAD, LINEAR

CLIP_CONFIG = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {
            "timm_model_name": "test_convnext",
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "mlp",
            "timm_drop": 0.0,
            "timm_drop_path": 0.1,
            "image_size": 256,
        },
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
    },
}
DINO = Dinov2Config(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14, mlp_ratio=4
)
FINETUNING = 0.01  # added to every tensor
CHANNELS = (64, 192, 384, 256, 256)  # of AlexNet's layers


def write_subnet(folder: Path) -> None:
    """Fills `subnet/` in a folder of validation."""
    own = folder / FOLDER
    (own / CLIP).mkdir(parents=True)
    write_clip(own / CLIP)
    dino().save_pretrained(own / BACKBONE)
    save_file(head(load_file(own / BACKBONE / "model.safetensors")), own / HEAD)
    torch.save(alexnet(), own / ALEXNET)
    torch.save(lpips_weights(), own / LINEAR)


def write_clip(folder: Path) -> None:
    """An open_clip folder whose image tower is a ConvNeXt, as that of convnext_large_d is."""
    torch.manual_seed(3)
    model = open_clip.CLIP(**CLIP_CONFIG["model_cfg"])  # type: ignore[arg-type]
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps(CLIP_CONFIG), encoding="utf-8")


def dino() -> Dinov2Model:
    """A backbone of the layout of facebook/dinov2-small."""
    torch.manual_seed(4)
    return Dinov2Model(DINO).eval()


def head(backbone: dict[str, Tensor]) -> dict[str, Tensor]:
    """The quality head's file, with a finetuned backbone in it and a second head that nobody reads."""
    torch.manual_seed(5)
    finetuned = {f"backbone.{name}": tensor + FINETUNING for name, tensor in backbone.items()}
    return finetuned | {
        "score_head.weight": torch.randn(1, DINO.hidden_size),
        "score_head.bias": torch.tensor([0.25]),
        "emb_head.weight": torch.randn(256, DINO.hidden_size),
        "emb_head.bias": torch.randn(256),
    }


def alexnet() -> dict[str, Tensor]:
    """torchvision's names and shapes; the classifier, which LPIPS does not use, is left out for its size."""
    torch.manual_seed(6)
    state = AlexNet(num_classes=1).state_dict()
    return {name: tensor.clone() for name, tensor in state.items() if name.startswith("features.")}


def lpips_weights() -> dict[str, Tensor]:
    """The LPIPS package's names and shapes."""
    torch.manual_seed(7)
    return {f"lin{i}.model.1.weight": torch.rand(1, count, 1, 1) for i, count in enumerate(CHANNELS)}
