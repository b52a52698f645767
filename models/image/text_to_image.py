"""Prompts to images with a FLUX.1 pipeline from a local folder in its published layout.

    prompts ──> CLIP text ─> pooled ──┐
            └─> T5 ──> token states ──┼─> transformer, `steps` Euler steps ──> autoencoder ──> uint8 images
    seeds ──> a CPU generator each ──> noise ─┘

Noise is drawn per request on the CPU, so an image depends neither on its batch mates nor on the device's
generator.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, FluxPipeline
from diffusers.utils import logging as diffusers_logging
from jaxtyping import UInt8
from torch import Tensor
from transformers import CLIPTokenizer
from transformers.utils import logging as transformers_logging

from models.errors import WeightsError
from models.image.flux_parts import (
    load_clip_text,
    load_scheduler,
    load_t5,
    load_t5_tokenizer,
    load_transformer,
    load_vae,
)
from models.image.klein import load_klein
from models.prompt_lengths import cut
from models.stopping import between_steps
from models.weights.guard import weights_in
from models.weights.loading import Scheme

INDEX = "model_index.json"
SIDE_MULTIPLE = 16
FLUX1, KLEIN = "flux1-schnell", "flux2-klein-4b"
Image = UInt8[np.ndarray, "height width 3"]


class TextToImage:
    """A loaded pipeline; make one with `load`."""

    def __init__(self, pipeline: DiffusionPipeline, *, one_by_one: bool = False) -> None:
        """Takes the pipeline; `one_by_one` draws the images of a batch one after the other."""
        pipeline.set_progress_bar_config(disable=True)
        self.pipeline = pipeline
        self.one_by_one = one_by_one

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        transformer_scheme: Scheme | None = None,
        text_encoder_scheme: Scheme | None = None,
        vae_slicing: bool = False,
        backend: str = FLUX1,
    ) -> "TextToImage":
        """Loads a folder in its published layout; nothing is fetched from anywhere.

        Args:
            folder: Holds model_index.json and a folder for each part that it names.
            device: Where the networks run.
            dtype: Precision of all that is not quantised; T5 does not survive fp16.
            transformer_scheme: Makes the linear layers of its blocks; None leaves them as they are.
            text_encoder_scheme: The same for T5.
            vae_slicing: Decode the images of a batch one by one.
            backend: Which pipeline the folder holds, `flux1-schnell` or `flux2-klein-4b`.

        Raises:
            ValueError: For fp16.
            WeightsError: The folder or one of its parts is missing or cannot be read.
        """
        check_parts(folder)
        with _quiet():
            if backend == KLEIN:
                with weights_in(folder):
                    pipeline = load_klein(
                        folder,
                        device=device,
                        dtype=dtype,
                        transformer_scheme=transformer_scheme,
                        text_encoder_scheme=text_encoder_scheme,
                    )
            else:
                pipeline = _load_flux1(folder, device, dtype, transformer_scheme, text_encoder_scheme)
        if vae_slicing:
            pipeline.vae.enable_slicing()
        return cls(pipeline)

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
        """One image per prompt, made in one batch, or one after the other.

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
        size = 1 if self.one_by_one else max(1, len(prompts))
        return [
            image
            for i in range(0, len(prompts), size)
            for image in self._draw(
                prompts[i : i + size], seeds[i : i + size], steps, resolution, guidance, max_sequence_length
            )
        ]

    def cuts(self, prompt: str, max_sequence_length: int) -> list[str]:
        """Which encoders do not read all of a prompt, and how much they read (`models.prompt_lengths`)."""
        tokenizer = self.pipeline.tokenizer
        if not hasattr(self.pipeline, "tokenizer_2"):  # klein: the prompt within a conversation
            asked = [{"role": "user", "content": prompt}]
            options = {"add_generation_prompt": True, "enable_thinking": False}
            text = tokenizer.apply_chat_template(asked, tokenize=False, **options)
            return cut("qwen3", _count(tokenizer, text), max_sequence_length)
        clip = cut("clip", _count(tokenizer, prompt), tokenizer.model_max_length)
        return clip + cut("t5", _count(self.pipeline.tokenizer_2, prompt), max_sequence_length)

    def _draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        steps: int,
        resolution: int,
        guidance: float,
        max_sequence_length: int,
    ) -> list[Image]:
        images: Tensor = self.pipeline(
            prompt=list(prompts),
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            num_inference_steps=steps,
            height=resolution,
            width=resolution,
            guidance_scale=guidance,
            max_sequence_length=max_sequence_length,
            output_type="pt",
            callback_on_step_end=_after_step,
        ).images
        pixels = images.permute(0, 2, 3, 1).float() * 255
        return list(pixels.round().to(torch.uint8).cpu().numpy())


def _after_step(pipeline: object, step: int, time: object, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the pipeline calls after each step; it changes nothing."""
    between_steps()
    return {}


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, truncation=False, verbose=False).input_ids)


def _load_flux1(
    folder: Path,
    device: torch.device | str,
    dtype: torch.dtype,
    transformer_scheme: Scheme | None,
    text_encoder_scheme: Scheme | None,
) -> FluxPipeline:
    if dtype == torch.float16:
        raise ValueError("T5 overflows in float16; use bfloat16 or float32")

    def part(name: str, load: Callable[..., Any], **options: Any) -> Any:
        with weights_in(folder / name):
            return load(folder / name, **options)

    place: dict[str, Any] = {"device": device, "dtype": dtype}
    return FluxPipeline(
        transformer=part("transformer", load_transformer, **place, scheme=transformer_scheme),
        text_encoder_2=part("text_encoder_2", load_t5, **place, scheme=text_encoder_scheme),
        text_encoder=part("text_encoder", load_clip_text, **place),
        vae=part("vae", load_vae, **place),
        scheduler=part("scheduler", load_scheduler),
        tokenizer=part("tokenizer", CLIPTokenizer.from_pretrained),
        tokenizer_2=part("tokenizer_2", load_t5_tokenizer),
    )


def check_parts(folder: Path) -> None:
    """Whether every part that the folder's index names is there.

    Raises:
        WeightsError: The index or a part is missing; the message names it.
    """
    index = folder / INDEX
    if not index.is_file():
        raise WeightsError(f"no {INDEX} in {folder}")
    with weights_in(index):
        named = json.loads(index.read_text(encoding="utf-8"))
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
