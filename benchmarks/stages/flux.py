"""FLUX.1-schnell: one transformer step, and a prompt to a 512 px image in two steps.

Blocks that were fused stay so: diffusers' own come first.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from benchmarks.bench import Case, Lab, Work, relative_error, run_stages
from benchmarks.measure import Call
from benchmarks.stages import text_encoders, vae
from command_line.running import run_program
from models.fast.flux.acceleration import ImageSwitches, accelerate
from models.fast.flux.blocks import fused_transformer

STEP_FLOPS = 17.69e12
WEIGHT_BYTES = 2 * 11.89e9
PIXELS_PER_TOKEN = 16
Way = Callable[[Any, dict[str, Any]], Callable[[], torch.Tensor]]


def cases(lab: Lab) -> Iterator[Case]:
    plain: dict[int, torch.Tensor] = {}
    ways: list[tuple[str, Way, int]] = [
        ("eager", _eager, 1),
        ("eager", _eager, 4),
        ("graph", _graphed, 1),
        ("fused blocks", _fused, 1),
        ("fused blocks", _fused, 4),
        ("fused blocks, graph", _fused_graphed, 1),
    ]
    for name, way, images in ways:
        if way in (_graphed, _fused_graphed) and lab.device.type != "cuda":
            continue
        actual: list[torch.Tensor] = []
        yield Case(
            name=f"one step, {name}, batch {images}",
            build=partial(_step, lab, way, images, actual, plain),
            work=Work(flops=images * STEP_FLOPS, moved_bytes=WEIGHT_BYTES),
            error=partial(_error, actual, plain, images),
            runs=10,
        )
    for images in (1, 4):
        yield Case(
            name=f"prompt to image, {lab.sizes.image_steps} steps, fused blocks, batch {images}",
            build=partial(_generate, lab, images),
            work=Work(
                flops=images * (2 * STEP_FLOPS + text_encoders.FLOPS + vae.FLOPS),
                moved_bytes=2 * WEIGHT_BYTES + text_encoders.WEIGHT_BYTES,
            ),
            runs=8,
        )


def _step(
    lab: Lab, way: Way, images: int, actual: list[torch.Tensor], plain: dict[int, torch.Tensor]
) -> Call:
    torch.manual_seed(0)
    run = way(lab.text_to_image.pipeline.transformer, _inputs(lab, images))
    actual.append(run().clone())
    if way is _eager:
        plain[images] = actual[0]
    return run


def _error(actual: list[torch.Tensor], plain: dict[int, torch.Tensor], images: int) -> float | None:
    return relative_error(actual[0], plain[images]) if images in plain else None


def _inputs(lab: Lab, images: int) -> dict[str, Any]:
    transformer = lab.text_to_image.pipeline.transformer
    config, dtype, side = transformer.config, transformer.dtype, lab.sizes.image // PIXELS_PER_TOKEN

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=lab.device, dtype=dtype)

    ids = torch.zeros(side**2, 3, device=lab.device, dtype=dtype)
    ids[:, 1:] = torch.cartesian_prod(torch.arange(side), torch.arange(side)).to(ids)
    return {
        "hidden_states": noise(images, side**2, config.in_channels),
        "encoder_hidden_states": noise(images, lab.sizes.prompt_tokens, config.joint_attention_dim),
        "pooled_projections": noise(images, config.pooled_projection_dim),
        "timestep": torch.full((images,), 1.0, device=lab.device, dtype=dtype),
        "img_ids": ids,
        "txt_ids": torch.zeros(lab.sizes.prompt_tokens, 3, device=lab.device, dtype=dtype),
        "guidance": None,
        "return_dict": False,
    }


def _eager(transformer: Any, inputs: dict[str, Any]) -> Callable[[], torch.Tensor]:
    return lambda: transformer(**inputs)[0]


def _fused(transformer: Any, inputs: dict[str, Any]) -> Callable[[], torch.Tensor]:
    return _eager(fused_transformer(transformer), inputs)


def _graphed(transformer: Any, inputs: dict[str, Any]) -> Callable[[], torch.Tensor]:
    for _ in range(3):
        transformer(**inputs)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out: torch.Tensor = transformer(**inputs)[0]

    def run() -> torch.Tensor:
        graph.replay()
        return out

    return run


def _fused_graphed(transformer: Any, inputs: dict[str, Any]) -> Callable[[], torch.Tensor]:
    return _graphed(fused_transformer(transformer), inputs)


def _generate(lab: Lab, images: int) -> Call:
    lab.text_to_image = accelerate(lab.text_to_image, ImageSwitches(blocks=True, autoencoder=True))
    prompts = ["a pink bicycle"] * images
    return lambda: lab.draw(prompts)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["flux"]) > 0))
