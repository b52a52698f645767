"""What each quantisation costs and saves, against bf16 on the same random weights and inputs.

python -m benchmarks.quantization [--device cuda] [--resolution 512] [--tokens 256] [--repeats 10] [--out DIR]

For FLUX.1-schnell's transformer (one step) and for T5-XXL: relative rms error of the output, memory of the
weights, peak memory and median time of one forward, eager. Random weights have no outliers, so the errors of
trained ones may be larger. Prints a table, and one line of JSON last; with --out both also go to files there.
"""

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.results import tell_set_aside
from command_line.arguments import at_least_one, device_name, out_folder
from command_line.running import run_program
from models.fast.quantization import SCHEMES, scheme_named
from models.image.flux_parts import load_t5, load_transformer
from models.weights.published_shapes import FLUX_T5, FLUX_TRANSFORMER
from models.weights.random_layout import SHELL_VOXELS, write_random_layout
from models.weights.random_tensors import RandomWeights

GIB = 2**30
PIXELS_PER_TOKEN = 16
POOLED_CHANNELS = 768
REFERENCE = "none"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    arguments = parse_arguments(argv)
    device = torch.device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        layout = Path(folder) / "text_to_image"
        write_random_layout(Path(folder), RandomWeights(seed=0, shell_voxels=SHELL_VOXELS))
        rows = [
            *compare(
                "transformer", lambda scheme: step(layout, scheme, device, arguments), arguments.repeats
            ),
            *compare("T5", lambda scheme: encode(layout, scheme, device, arguments), arguments.repeats),
        ]
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    result = {"benchmark": "quantization", "device": gpu, "torch": torch.__version__, "rows": rows}
    table, line = as_table(result), json.dumps(result)
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        tell_set_aside(arguments.out / "quantization.md", arguments.out / "quantization.json")
        (arguments.out / "quantization.md").write_text(table + "\n", encoding="utf-8")
        (arguments.out / "quantization.json").write_text(line + "\n", encoding="utf-8")
    print(table)
    print(line)
    return 0


Forward = Callable[[], Tensor]


def compare(part: str, load: Callable[[str], Forward], repeats: int) -> list[dict[str, Any]]:
    """One row for bf16 and each scheme; one model at a time is in memory."""
    rows: list[dict[str, Any]] = []
    reference: Tensor | None = None
    for name in (REFERENCE, *SCHEMES):
        gc.collect()
        _reset()
        before, started = _allocated(), time.perf_counter()
        forward = load(name)
        _synchronize()
        load_seconds, weights, load_peak = time.perf_counter() - started, _allocated() - before, _peak()
        _reset()
        resting = _allocated()
        with torch.no_grad():
            output = forward().float().cpu()
            activations = _peak() - resting
            milliseconds = statistics.median(_timed(forward) for _ in range(repeats))
        reference = output if reference is None else reference
        rows.append(
            {
                "part": part,
                "scheme": "bf16" if name == REFERENCE else name,
                "relative_error": float((output - reference).norm() / reference.norm()),
                "finite": bool(output.isfinite().all()),
                "weights_gib": round(weights / GIB, 2),
                "load_peak_gib": round((load_peak - before) / GIB, 2),
                "activations_gib": round(activations / GIB, 2),
                "milliseconds": round(milliseconds, 2),
                "load_seconds": round(load_seconds, 2),
            }
        )
        print(rows[-1], flush=True)
        del forward
    return rows


def step(layout: Path, scheme: str, device: torch.device, arguments: argparse.Namespace) -> Forward:
    """One velocity of the transformer for one image."""
    model = load_transformer(
        layout / "transformer", device=device, dtype=torch.bfloat16, scheme=scheme_named(scheme)
    )
    generator = torch.Generator().manual_seed(1)
    side = arguments.resolution // PIXELS_PER_TOKEN

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device, torch.bfloat16)

    inputs = {
        "hidden_states": noise(1, side * side, FLUX_TRANSFORMER["in_channels"]),
        "encoder_hidden_states": noise(1, arguments.tokens, FLUX_TRANSFORMER["joint_attention_dim"]),
        "pooled_projections": noise(1, POOLED_CHANNELS),
        "timestep": torch.ones(1, device=device, dtype=torch.bfloat16),
        "img_ids": torch.cartesian_prod(torch.arange(1), torch.arange(side), torch.arange(side)).to(device),
        "txt_ids": torch.zeros(arguments.tokens, 3, device=device),
    }
    return lambda: model(**inputs, return_dict=False)[0]


def encode(layout: Path, scheme: str, device: torch.device, arguments: argparse.Namespace) -> Forward:
    """T5's states of one prompt."""
    model = load_t5(
        layout / "text_encoder_2", device=device, dtype=torch.bfloat16, scheme=scheme_named(scheme)
    )
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(FLUX_T5["vocab_size"], (1, arguments.tokens), generator=generator).to(device)
    return lambda: model(ids, return_dict=False)[0]


def as_table(result: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = [
        f"# Quantisation against bf16, {result['device']}, torch {result['torch']}",
        "",
        "| part | scheme | relative error | weights GiB | highest while loading GiB | activations GiB | ms |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['part']} | {row['scheme']} | {row['relative_error']:.4f} | {row['weights_gib']} |"
        f" {row['load_peak_gib']} | {row['activations_gib']} | {row['milliseconds']} |"
        for row in result["rows"]
    ]
    return "\n".join(lines)


def _timed(forward: Forward) -> float:
    """Milliseconds of one call."""
    _synchronize()
    started = time.perf_counter()
    forward()
    _synchronize()
    return (time.perf_counter() - started) * 1e3


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _allocated() -> int:
    return int(torch.cuda.memory_allocated()) if torch.cuda.is_available() else 0


def _peak() -> int:
    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else 0


def _reset() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", type=device_name, default="cuda")
    parser.add_argument("--resolution", type=at_least_one, default=512)
    parser.add_argument("--tokens", type=at_least_one, default=256)
    parser.add_argument("--repeats", type=at_least_one, default=10)
    parser.add_argument("--out", type=out_folder)
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_program(main)
