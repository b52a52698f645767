"""Fast paths of a FLUX pipeline, each a switch; off, the pipeline runs as it was loaded.

blocks         FLUX.1's blocks with what lies between two products in one kernel each; the other backend's
               repeated blocks compiled, one compilation for all of a kind (rounding)
autoencoder    its images channels last, with what lies between two convolutions in one kernel each (rounding)
graphs         text encoders, transformer and autoencoder recorded as CUDA graphs (exact)
prompts        the states of the last prompts are kept, so that a second attempt skips T5 (exact)
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from diffusers import DiffusionPipeline, FluxTransformer2DModel
from torch import Tensor

from models.fast.flux.autoencoder import fuse_decoder
from models.fast.flux.blocks import fuse_blocks
from models.fast.flux.recording import record_pipeline
from models.fast.graphs import GraphRecorder

KEPT_PROMPTS = 32

Encoded = tuple[Tensor, Tensor, Tensor]  # token states, pooled state, positions


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSwitches:
    """What is switched on.

    Attributes:
        prompts: So many prompts' states are kept, 0 for none; one takes 2 MiB.
        compiler: torch.compile's back end, for the other backend's blocks.
    """

    blocks: bool = False
    autoencoder: bool = False
    graphs: bool = False
    prompts: int = 0
    compiler: str = "inductor"

    @classmethod
    def for_device(cls, device: torch.device) -> "ImageSwitches":
        """Everything on a GPU, nothing on a CPU."""
        on = device.type == "cuda"
        return cls(blocks=on, autoencoder=on, graphs=on, prompts=KEPT_PROMPTS if on else 0)

    def names(self) -> list[str]:
        """The switches that are on, for logs."""
        return [
            field.name for field in fields(self) if field.name != "compiler" and getattr(self, field.name)
        ]


def accelerate_pipeline(
    pipeline: DiffusionPipeline, switches: ImageSwitches, recorder: GraphRecorder | None = None
) -> None:
    """Sets a loaded pipeline as the switches say; call it once. `recorder` holds the graphs."""
    if switches.blocks and isinstance(pipeline.transformer, FluxTransformer2DModel):
        fuse_blocks(pipeline.transformer)
    elif switches.blocks:
        pipeline.transformer.compile_repeated_blocks(fullgraph=True, backend=switches.compiler)
    if switches.autoencoder:
        fuse_decoder(pipeline.vae.decoder)
    if switches.graphs:
        record_pipeline(pipeline, recorder or GraphRecorder(pipeline.device))
    if switches.prompts:
        pipeline.encode_prompt = PromptCache(pipeline.encode_prompt, switches.prompts)


class PromptCache:
    """Stands in for `FluxPipeline.encode_prompt` and keeps the latest results.

    Prompts are encoded one by one, never as a batch: a kept result then does not depend on the requests that
    came along with it.
    """

    def __init__(self, encode: Callable[..., Encoded], capacity: int) -> None:
        self._encode = encode
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, int], Encoded] = OrderedDict()

    def __call__(
        self, prompt: str | Sequence[str], *arguments: Any, max_sequence_length: int = 512, **options: Any
    ) -> Encoded:
        """The states of all prompts, joined."""
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        found = [self._one(text, max_sequence_length, arguments, options) for text in prompts]
        states, pooled, positions = zip(*found, strict=True)
        return torch.cat(states), torch.cat(pooled), positions[0]

    def _one(
        self, prompt: str, max_sequence_length: int, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Encoded:
        given = ("prompt_embeds", "pooled_prompt_embeds", "lora_scale", "prompt_2")
        if any(options.get(name) is not None for name in given):
            raise ValueError(f"states are kept per prompt, not for {', '.join(given)}")
        key = (prompt, max_sequence_length)
        if key not in self._kept:
            self._kept[key] = self._encode(
                [prompt], *arguments, max_sequence_length=max_sequence_length, **options
            )
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
