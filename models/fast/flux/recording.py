"""The networks of a FLUX.1 pipeline by recorded kernels, behind the calls that the pipeline makes.

A batch size is recorded when it first comes.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn

from models.fast.graphs import GraphRecorder
from models.fast.recorded import recorded
from models.fast.twins import StandIn


def recorded_decoder(decoder: nn.Module, recorder: GraphRecorder) -> StandIn:
    """The autoencoder's decoder."""
    return StandIn(decoder, recorded(decoder, recorder, "vae"))


def recorded_transformer(transformer: nn.Module, recorder: GraphRecorder) -> StandIn:
    """The transformer; its guidance is fixed and its attention takes no arguments."""

    def step(
        hidden: Tensor, states: Tensor, pooled: Tensor, timestep: Tensor, image_ids: Tensor, text_ids: Tensor
    ) -> tuple[Tensor, ...]:
        out: tuple[Tensor, ...] = transformer(
            hidden_states=hidden,
            encoder_hidden_states=states,
            pooled_projections=pooled,
            timestep=timestep,
            img_ids=image_ids,
            txt_ids=text_ids,
            return_dict=False,
        )
        return out[:1]

    def forward(
        *,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        pooled_projections: Tensor,
        timestep: Tensor,
        img_ids: Tensor,
        txt_ids: Tensor,
        guidance: Tensor | None = None,
        joint_attention_kwargs: dict[str, Any] | None = None,
        return_dict: bool = False,
    ) -> tuple[Tensor, ...]:
        if guidance is not None or joint_attention_kwargs or return_dict:
            raise ValueError("the recorded transformer takes no guidance and no attention arguments")
        inputs = (hidden_states, encoder_hidden_states, pooled_projections, timestep, img_ids, txt_ids)
        return recorder.run("flux_transformer", "step", step, inputs)

    return StandIn(transformer, forward)


def recorded_clip(encoder: nn.Module, recorder: GraphRecorder) -> StandIn:
    """CLIP's text encoder, whose pooled states are all that is used."""
    encode = _encoder(encoder, recorder, "clip_text", lambda out: (out.pooler_output,))

    def forward(input_ids: Tensor, output_hidden_states: bool = False) -> SimpleNamespace:
        return SimpleNamespace(pooler_output=encode(input_ids)[0])

    return StandIn(encoder, forward)


def recorded_t5(encoder: nn.Module, recorder: GraphRecorder) -> StandIn:
    """T5's encoder."""
    encode = _encoder(encoder, recorder, "t5", lambda out: (out[0],))

    def forward(input_ids: Tensor, output_hidden_states: bool = False) -> tuple[Tensor, ...]:
        return encode(input_ids)

    return StandIn(encoder, forward)


def _encoder(
    encoder: nn.Module, recorder: GraphRecorder, group: str, wanted: Callable[[Any], tuple[Tensor, ...]]
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    def call(ids: Tensor) -> tuple[Tensor, ...]:
        return wanted(encoder(ids, output_hidden_states=False))

    return lambda ids: recorder.run(group, "encode", call, [ids])
