"""FLUX.1-schnell: one transformer step, and a prompt to a 512 px image in two steps."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from benchmarks.bench import Case, Lab, relative_error, run_stages
from benchmarks.measure import Call

STEP_FLOPS = 17.7e12
WEIGHT_BYTES = 2 * 11.9e9
Way = Callable[[Any, dict[str, Any]], Callable[[], torch.Tensor]]


def cases(lab: Lab) -> Iterator[Case]:
    plain: dict[int, torch.Tensor] = {}
    ways: list[tuple[str, Way, int]] = [
        ("eager", _eager, 1),
        ("eager", _eager, 4),
        ("graph", _graphed, 1),
        ("compiled blocks", _compiled, 1),
        ("compiled blocks", _compiled, 4),
        ("compiled blocks, graph", _graphed, 1),
    ]
    for name, way, images in ways:
        actual: list[torch.Tensor] = []
        yield Case(
            name=f"one step at 512 px, {name}, batch {images}",
            build=partial(_step, lab, way, images, actual, plain),
            flops=images * STEP_FLOPS,
            moved_bytes=WEIGHT_BYTES,
            error=partial(_error, actual, plain, images),
            runs=10,
        )
    for images in (1, 4):
        yield Case(
            name=f"prompt to image, 2 steps, compiled blocks, batch {images}",
            build=partial(_generate, lab, images),
            flops=2 * images * STEP_FLOPS,
            runs=8,
        )


def _step(
    lab: Lab, way: Way, images: int, actual: list[torch.Tensor], plain: dict[int, torch.Tensor]
) -> Call:
    torch.manual_seed(0)
    run = way(lab.text_to_image._pipeline.transformer, _inputs(lab, images))
    actual.append(run().clone())
    plain.setdefault(images, actual[0])
    return run


def _error(actual: list[torch.Tensor], plain: dict[int, torch.Tensor], images: int) -> float:
    return relative_error(actual[0], plain[images])


def _inputs(lab: Lab, images: int) -> dict[str, Any]:
    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=lab.device, dtype=torch.bfloat16)

    ids = torch.zeros(1024, 3, device=lab.device, dtype=torch.bfloat16)
    ids[:, 1:] = torch.cartesian_prod(torch.arange(32), torch.arange(32)).to(ids)
    return {
        "hidden_states": noise(images, 1024, 64),
        "encoder_hidden_states": noise(images, 256, 4096),
        "pooled_projections": noise(images, 768),
        "timestep": torch.full((images,), 1.0, device=lab.device, dtype=torch.bfloat16),
        "img_ids": ids,
        "txt_ids": torch.zeros(256, 3, device=lab.device, dtype=torch.bfloat16),
        "guidance": None,
        "return_dict": False,
    }


def _eager(transformer: Any, inputs: dict[str, Any]) -> Callable[[], torch.Tensor]:
    return lambda: transformer(**inputs)[0]


def _compiled(transformer: Any, inputs: dict[str, Any]) -> Callable[[], torch.Tensor]:
    transformer.compile_repeated_blocks(fullgraph=True)
    return lambda: transformer(**inputs)[0]


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


def _generate(lab: Lab, images: int) -> Call:
    prompts, seeds = ["a pink bicycle"] * images, list(range(images))
    return lambda: lab.text_to_image.generate(prompts, seeds, steps=2, resolution=512)


if __name__ == "__main__":
    sys.exit(run_stages(["flux"]) > 0)
