"""The embedded text-to-image networks: sizes, construction, and the folder in FLUX.1's published layout."""

import json
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from models.weights.published_shapes import FLUX_INDEX
from training.text.tokenizers import MAX_TOKENS, save_clip_tokenizer, save_t5_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class FluxFamilyConfig:
    """Sizes of all networks.

    Attributes:
        resolution: Side of the square pictures in pixels; a multiple of 16.
        shift: Of the sampling schedule, as in the scheduler's configuration.
    """

    resolution: int = 192
    vae_channels: tuple[int, ...] = (24, 32, 48, 64)
    latent_channels: int = 16
    heads: int = 3
    head_dim: int = 64
    rope_axes: tuple[int, int, int] = (8, 28, 28)
    double_blocks: int = 1
    single_blocks: int = 3
    clip_width: int = 96
    clip_hidden: int = 128
    clip_layers: int = 2
    t5_width: int = 128
    t5_layers: int = 2
    t5_hidden: int = 256
    shift: float = 1.0


SMOKE = FluxFamilyConfig(
    resolution=32, vae_channels=(8, 8, 8, 8), heads=1, head_dim=16, rope_axes=(4, 6, 6), single_blocks=1,
    clip_width=16, clip_hidden=32, clip_layers=1, t5_width=16, t5_layers=1, t5_hidden=32,
)  # fmt: skip


class FluxFamily(nn.Module):
    """The four trained networks together.

    Args:
        clip_vocabulary: Tokens of the CLIP tokenizer, the last of which is <|endoftext|>.
        t5_vocabulary: Tokens of the T5 tokenizer.
    """

    def __init__(self, config: FluxFamilyConfig, clip_vocabulary: int, t5_vocabulary: int) -> None:
        super().__init__()
        self.config = config
        self.vae = create_vae(config)
        self.text_encoder = create_clip_text(config, clip_vocabulary)
        self.text_encoder_2 = create_t5(config, t5_vocabulary)
        self.transformer = FluxTransformer2DModel(
            in_channels=config.latent_channels * 4,
            num_layers=config.double_blocks,
            num_single_layers=config.single_blocks,
            attention_head_dim=config.head_dim,
            num_attention_heads=config.heads,
            joint_attention_dim=config.t5_width,
            pooled_projection_dim=config.clip_width,
            guidance_embeds=False,
            axes_dims_rope=config.rope_axes,
        )

    def flow_parameters(self) -> list[nn.Parameter]:
        """Everything that flow matching trains: all but the autoencoder."""
        parts = (self.transformer, self.text_encoder, self.text_encoder_2)
        return [parameter for part in parts for parameter in part.parameters()]

    def velocity(
        self,
        noisy: Float[Tensor, "batch tokens channels"],
        sigma: Float[Tensor, "batch"],
        clip_ids: Tensor,
        t5_ids: Tensor,
    ) -> Float[Tensor, "batch tokens channels"]:
        """Predicted noise minus picture, in packed latents."""
        pooled = self.text_encoder(clip_ids).pooler_output
        states = self.text_encoder_2(t5_ids)[0]
        side = round(noisy.shape[1] ** 0.5)
        predicted: Tensor = self.transformer(
            hidden_states=noisy,
            encoder_hidden_states=states,
            pooled_projections=pooled,
            timestep=sigma,
            img_ids=image_ids(side, noisy.device),
            txt_ids=torch.zeros(states.shape[1], 3, device=noisy.device),
            return_dict=False,
        )[0]
        return predicted


def create_vae(config: FluxFamilyConfig) -> AutoencoderKL:
    levels = len(config.vae_channels)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=config.vae_channels,
        layers_per_block=1,
        latent_channels=config.latent_channels,
        norm_num_groups=8,
        sample_size=config.resolution,
        scaling_factor=1.0,
        shift_factor=0.0,
        use_quant_conv=False,
        use_post_quant_conv=False,
        force_upcast=True,
    )


def create_clip_text(config: FluxFamilyConfig, vocabulary: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=config.clip_width,
            intermediate_size=config.clip_hidden,
            projection_dim=config.clip_width,
            num_hidden_layers=config.clip_layers,
            num_attention_heads=max(1, config.clip_width // 32),
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=0,
        )
    )


def create_t5(config: FluxFamilyConfig, vocabulary: int) -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            vocab_size=vocabulary,
            d_model=config.t5_width,
            d_kv=32,
            d_ff=config.t5_hidden,
            num_layers=config.t5_layers,
            num_heads=max(1, config.t5_width // 32),
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
            tie_word_embeddings=False,
            decoder_start_token_id=0,
        )
    )


def pack(latents: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch tokens packed"]:
    """2x2 neighbours become one token, as FLUX packs them."""
    batch, channels, height, width = latents.shape
    blocks = latents.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return blocks.reshape(batch, height * width // 4, channels * 4)


def unpack(tokens: Float[Tensor, "batch tokens packed"]) -> Float[Tensor, "batch channels height width"]:
    """The inverse of `pack` for square latents."""
    batch, count, packed = tokens.shape
    side = round(count**0.5)
    blocks = tokens.reshape(batch, side, side, packed // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return blocks.reshape(batch, packed // 4, 2 * side, 2 * side)


def image_ids(side: int, device: torch.device) -> Float[Tensor, "tokens 3"]:
    """Position of every token: (0, row, column)."""
    axis = torch.arange(side, device=device, dtype=torch.float32)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], -1).reshape(side * side, 3)


def save_tokenizers(texts: list[str], folder: Path) -> tuple[int, int]:
    """Makes both tokenizers in the folder; their numbers of tokens (CLIP, T5)."""
    return save_clip_tokenizer(texts, folder / "tokenizer"), save_t5_tokenizer(texts, folder / "tokenizer_2")


def save_family(family: FluxFamily, folder: Path) -> None:
    """Writes configs and half-precision weights next to the tokenizers already there."""
    FlowMatchEulerDiscreteScheduler(shift=family.config.shift, use_dynamic_shifting=False).save_pretrained(
        folder / "scheduler"
    )
    weights = {
        "transformer": "diffusion_pytorch_model.safetensors",
        "vae": "diffusion_pytorch_model.safetensors",
        "text_encoder": "model.safetensors",
        "text_encoder_2": "model.safetensors",
    }
    for part, name in weights.items():
        module: nn.Module = getattr(family, part)
        (folder / part).mkdir(parents=True, exist_ok=True)
        _write_config(module, folder / part)
        tensors = {
            key: value.detach().half().cpu().contiguous() for key, value in _own_tensors(module).items()
        }
        save_file(tensors, folder / part / name, metadata={"format": "pt"})
    index = {"_diffusers_version": "0.30.0", **FLUX_INDEX}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    (folder / "family.json").write_text(json.dumps(asdict(family.config), indent=2) + "\n", encoding="utf-8")


def _write_config(module: nn.Module, folder: Path) -> None:
    if isinstance(module, FluxTransformer2DModel | AutoencoderKL):
        module.save_config(folder)
    else:
        module.config.save_pretrained(folder)  # type: ignore[union-attr, operator]


def _own_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The state without tied duplicates (T5 lists its embedding twice)."""
    state = module.state_dict()
    return {key: value for key, value in state.items() if key != "encoder.embed_tokens.weight"}


def archive(folder: Path, target: Path) -> None:
    """One uncompressed tar of the folder, its name at the root."""
    with tarfile.open(target, "w") as tar:
        tar.add(folder, arcname=folder.name)
