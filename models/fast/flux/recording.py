"""The networks of a FLUX.1 pipeline by recorded kernels, behind the calls that the pipeline makes."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from diffusers import DiffusionPipeline
from torch import Tensor, nn

from models.fast.graphs import GraphRecorder, record_forward


def record_pipeline(pipeline: DiffusionPipeline, recorder: GraphRecorder) -> None:
    """Lets every network of the pipeline replay its kernels; a batch size is recorded when it first comes."""
    _record_transformer(pipeline.transformer, recorder)
    _record_clip(pipeline.text_encoder, recorder)
    _record_t5(pipeline.text_encoder_2, recorder)
    record_forward(pipeline.vae.decoder, recorder, "vae")


def _record_transformer(transformer: nn.Module, recorder: GraphRecorder) -> None:
    plain = transformer.forward

    def step(
        hidden: Tensor, states: Tensor, pooled: Tensor, timestep: Tensor, image_ids: Tensor, text_ids: Tensor
    ) -> tuple[Tensor, ...]:
        out: tuple[Tensor, ...] = plain(
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

    vars(transformer)["forward"] = forward


def _record_clip(encoder: nn.Module, recorder: GraphRecorder) -> None:
    encode = _encoder(encoder, recorder, "clip_text", lambda out: (out.pooler_output,))

    def forward(input_ids: Tensor, output_hidden_states: bool = False) -> SimpleNamespace:
        return SimpleNamespace(pooler_output=encode(input_ids)[0])

    vars(encoder)["forward"] = forward


def _record_t5(encoder: nn.Module, recorder: GraphRecorder) -> None:
    encode = _encoder(encoder, recorder, "t5", lambda out: (out[0],))

    def forward(input_ids: Tensor, output_hidden_states: bool = False) -> tuple[Tensor, ...]:
        return encode(input_ids)

    vars(encoder)["forward"] = forward


def _encoder(
    encoder: nn.Module, recorder: GraphRecorder, group: str, wanted: Callable[[Any], tuple[Tensor, ...]]
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    plain = encoder.forward

    def call(ids: Tensor) -> tuple[Tensor, ...]:
        return wanted(plain(ids, output_hidden_states=False))

    return lambda ids: recorder.run(group, "encode", call, [ids])
