"""Prompts to images with a FLUX.1 pipeline from a local folder in its published layout.

    prompts ──> CLIP text ─> pooled ──┐
            └─> T5 ──> token states ──┼─> transformer, `steps` Euler steps ──> autoencoder ──> uint8 images
    seeds ──> a CPU generator each ──> noise ─┘

Noise is drawn per request on the CPU, so an image depends neither on its batch mates nor on the device's
generator.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from diffusers import FluxPipeline
from diffusers.utils import logging as diffusers_logging
from jaxtyping import UInt8
from transformers.utils import logging as transformers_logging

from models.errors import WeightsError

INDEX = "model_index.json"
SIDE_MULTIPLE = 16
Image = UInt8[np.ndarray, "height width 3"]


class TextToImage:
    """A loaded pipeline; make one with `load`."""

    def __init__(self, pipeline: FluxPipeline) -> None:
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline

    @classmethod
    def load(
        cls, folder: Path, *, device: torch.device | str, dtype: torch.dtype = torch.float32
    ) -> "TextToImage":
        """Loads a folder in FLUX.1's published layout; nothing is fetched from anywhere.

        Args:
            folder: Holds model_index.json and a folder for each part that it names.
            device: Where the networks run.
            dtype: Precision of all networks.

        Raises:
            WeightsError: The folder or one of its parts is missing or cannot be read.
        """
        check_parts(folder)
        with _quiet():
            try:
                pipeline = FluxPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True)
            except (OSError, ValueError, RuntimeError) as error:
                raise WeightsError(f"cannot load the text-to-image pipeline in {folder}: {error}") from error
        return cls(pipeline.to(device))

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int,
        resolution: int,
        guidance: float = 0.0,
        max_sequence_length: int = 256,
    ) -> list[Image]:
        """One image per prompt, made in one batch.

        Args:
            prompts: What to draw.
            seeds: One a prompt; the same prompt and seed give the same image, up to rounding in a batch.
            steps: Euler steps.
            resolution: Side of the square images in pixels, a multiple of 16.
            guidance: Guidance scale, for models that were distilled with one; others ignore it.
            max_sequence_length: T5 tokens; longer prompts are cut.

        Raises:
            ValueError: Not as many seeds as prompts, or a number out of range.
        """
        if len(prompts) != len(seeds):
            raise ValueError(f"{len(prompts)} prompts but {len(seeds)} seeds")
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        if resolution < SIDE_MULTIPLE or resolution % SIDE_MULTIPLE:
            raise ValueError(f"resolution must be a multiple of {SIDE_MULTIPLE}, not {resolution}")
        if not prompts:
            return []
        images = self._pipeline(
            prompt=list(prompts),
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            num_inference_steps=steps,
            height=resolution,
            width=resolution,
            guidance_scale=guidance,
            max_sequence_length=max_sequence_length,
            output_type="np",
        ).images
        return list((images * 255).round().astype(np.uint8))


def check_parts(folder: Path) -> None:
    """Whether every part that the folder's index names is there.

    Raises:
        WeightsError: The index or a part is missing; the message names it.
    """
    index = folder / INDEX
    if not index.is_file():
        raise WeightsError(f"no {INDEX} in {folder}")
    try:
        named = json.loads(index.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{index} is not JSON: {error}") from error
    parts = [name for name, value in named.items() if isinstance(value, list) and value[0] is not None]
    missing = [name for name in parts if not (folder / name).is_dir()]
    if missing:
        raise WeightsError(f"{folder} lacks {', '.join(sorted(missing))}")


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars of the libraries while weights load."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        diffusers_logging.enable_progress_bar()
        transformers_logging.enable_progress_bar()
