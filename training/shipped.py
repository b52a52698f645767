"""Where the parts of an exported image-to-3D family lie, and reading them back to train on.

The autoencoders' encoders are not exported. They can be fitted again to the exported decoders
(`--start-from` of `training.structure_vae` and `training.splat_vae`), after which the flows go on from
their exported weights (`--start-from` of `training.image_to_3d`).
"""

import json
from pathlib import Path

from torch import nn
from transformers import Dinov2WithRegistersModel

from training.loop import load_matching

IMAGE_ENCODER = "image_cond_model"
CHECKPOINTS = {
    "structure_flow": "ss_flow_img_dit_xs_16l8p2_fp16",
    "structure_decoder": "ss_dec_conv3d_16l8_xs_fp16",
    "latent_flow": "slat_flow_img_dit_xs_64l8p2_fp16",
    "splat_decoder": "slat_dec_gs_swin8_xs_64l8gs8_fp16",
}


def load_checkpoint(module: nn.Module, folder: Path, part: str) -> None:
    """Strictly load one of `CHECKPOINTS` from an exported folder (`models/embedded/image_to_3d`)."""
    load_matching(module, folder / "ckpts" / f"{CHECKPOINTS[part]}.safetensors")


def latent_normalization(folder: Path) -> tuple[list[float], list[float]]:
    """Mean and deviation of the latent channels that an exported family was trained with."""
    arguments = json.loads((folder / "pipeline.json").read_text(encoding="utf-8"))["args"]
    numbers = arguments["slat_normalization"]
    return numbers["mean"], numbers["std"]


def load_image_encoder(module: Dinov2WithRegistersModel, folder: Path) -> None:
    """Load the exported image encoder, whose file keeps the published names of its tensors."""
    exported = Dinov2WithRegistersModel.from_pretrained(folder / IMAGE_ENCODER)
    module.load_state_dict(exported.state_dict())
