"""Fast paths of text to image, each a switch: a new model beside the plain one, of the same parameters.

blocks         FLUX.1's blocks with what lies between two products in one kernel each; the other backend's
               repeated blocks compiled, one compilation for all of a kind (rounding)
autoencoder    its images channels last, with what lies between two convolutions in one kernel each (rounding)
graphs         text encoders, transformer and autoencoder recorded as CUDA graphs (exact)
prompts        the states of the last prompts are kept, so that a second attempt skips T5 (exact)
"""

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from diffusers import DiffusionPipeline, FluxTransformer2DModel
from torch import Tensor, nn

from models.fast.flux.autoencoder import fused_decoder
from models.fast.flux.blocks import fused_transformer
from models.fast.flux.recording import recorded_clip, recorded_decoder, recorded_t5, recorded_transformer
from models.fast.graphs import GraphRecorder
from models.fast.twins import twin
from models.image.text_to_image import TextToImage

KEPT_PROMPTS = 32

V = TypeVar("V", bound=nn.Module)

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


def accelerate(
    model: TextToImage, switches: ImageSwitches, recorder: GraphRecorder | None = None
) -> TextToImage:
    """The model as switched; its first calls build and record.

    The networks of FLUX.2-klein are not recorded and its prompts are not kept: they have other forms.

    Args:
        model: Whose parameters are shared; with recorded kernels they must stay where they are.
        switches: What is switched on.
        recorder: Holds the recorded kernels; by default one of their own.
    """
    pipeline = copy.copy(model.pipeline)
    is_flux1 = isinstance(pipeline.transformer, FluxTransformer2DModel)
    if switches.blocks:
        pipeline.transformer = (
            fused_transformer(pipeline.transformer)
            if is_flux1
            else _compiled(pipeline.transformer, switches.compiler)
        )
    if switches.autoencoder:
        pipeline.vae = with_decoder(pipeline.vae, fused_decoder(pipeline.vae.decoder))
    if not is_flux1:
        return TextToImage(pipeline, one_by_one=model.one_by_one)
    if switches.graphs:
        _record(pipeline, recorder or GraphRecorder(pipeline.device))
    if switches.prompts:
        pipeline.encode_prompt = PromptCache(pipeline.encode_prompt, switches.prompts)
    return TextToImage(pipeline, one_by_one=switches.graphs or model.one_by_one)


def _compiled(transformer: Any, backend: str) -> Any:
    compiled = twin(transformer)
    compiled.compile_repeated_blocks(fullgraph=True, backend=backend)
    return compiled


def _record(pipeline: DiffusionPipeline, recorder: GraphRecorder) -> None:
    """Puts recorded networks into a pipeline that nobody else has."""
    pipeline.transformer = recorded_transformer(pipeline.transformer, recorder)
    pipeline.text_encoder = recorded_clip(pipeline.text_encoder, recorder)
    pipeline.text_encoder_2 = recorded_t5(pipeline.text_encoder_2, recorder)
    pipeline.vae = with_decoder(pipeline.vae, recorded_decoder(pipeline.vae.decoder, recorder))


def with_decoder(vae: V, decoder: nn.Module) -> V:
    """An autoencoder of the same parameters with another decoder."""
    changed = twin(vae)
    changed.set_submodule("decoder", decoder)
    return changed


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
