"""The data set of geometries: python -m training.objects.dataset --out DIR [--per-kind 128] [--workers 16].

Writes one array file a field, row `i` = geometry `i`, one block of rows a kind. Colours are not part of it:
every training step colours the parts anew. Trainings draw rows evenly, so `--more bicycle=8`, eight times as
many bicycles, also has them seen eight times as often.
"""

import argparse
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from command_line.arguments import at_least_one, user_path
from command_line.running import run_program
from training.objects.catalog import KINDS
from training.objects.cloud import NUM_POINTS, build_cloud
from training.objects.kind import Kind
from training.objects.occlusion import baked_shade

logger = logging.getLogger(__name__)
FIELDS: dict[str, tuple[type, tuple[int, ...]]] = {
    "positions": (np.float16, (3,)),
    "normals": (np.int8, (3,)),
    "radii": (np.float16, ()),
    "parts": (np.uint8, ()),
    "shades": (np.uint8, ()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometries:
    """Surfaces of many objects on one device.

    Attributes:
        positions: Half precision, cube [-0.5, 0.5]^3, z up, front to -y.
        normals: Times 127.
        radii: Splat standard deviation, half precision.
        parts: Part index of each point.
        shades: Baked brightness (tone, light, occlusion) times 160.
        kinds: Index into the catalogue, one a geometry.
    """

    positions: Float[Tensor, "geometries points 3"]
    normals: Int[Tensor, "geometries points 3"]
    radii: Float[Tensor, "geometries points"]
    parts: UInt8[Tensor, "geometries points"]
    shades: UInt8[Tensor, "geometries points"]
    kinds: Int[Tensor, "geometries"]

    def __len__(self) -> int:
        return self.positions.shape[0]


def load_geometries(folder: Path, device: torch.device | str) -> Geometries:
    """Read a data set written by `write_dataset` straight to a device."""
    fields = {name: torch.from_numpy(np.load(folder / f"{name}.npy")).to(device) for name in FIELDS}
    kinds = torch.from_numpy(np.load(folder / "kinds.npy")).to(device)
    return Geometries(kinds=kinds, **fields)


def write_dataset(
    folder: Path,
    kinds: tuple[Kind, ...],
    per_kind: int,
    workers: int,
    seed: int = 0,
    more: Mapping[str, int] | None = None,
) -> None:
    """Build `per_kind` instances of every kind; instance seeds follow from `seed`, so the set is
    reproducible.

    Args:
        more: How many times `per_kind` of the kinds named in it.

    Raises:
        ValueError: `more` names a kind that is not among `kinds`.
    """
    counts = instances(kinds, per_kind, more or {})
    folder.mkdir(parents=True, exist_ok=True)
    for name, (dtype, shape) in FIELDS.items():
        np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=dtype, shape=(sum(counts), NUM_POINTS, *shape)
        ).flush()
    np.save(folder / "kinds.npy", np.repeat(np.arange(len(kinds)), counts))
    firsts = np.cumsum([0, *counts[:-1]]).tolist()
    chunks = [
        (folder, kind, first + start, min(8, count - start), seed)
        for kind, first, count in zip(kinds, firsts, counts, strict=True)
        for start in range(0, count, 8)
    ]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_write_chunk, chunks))


def instances(kinds: Sequence[Kind], per_kind: int, more: Mapping[str, int]) -> list[int]:
    """How many of each kind; see `write_dataset`."""
    if unknown := set(more) - {kind.name for kind in kinds}:
        raise ValueError(f"no kind is called {', '.join(sorted(unknown))}")
    return [per_kind * more.get(kind.name, 1) for kind in kinds]


def _write_chunk(job: tuple[Path, Kind, int, int, int]) -> None:
    folder, kind, first, count, seed = job
    files = {name: np.load(folder / f"{name}.npy", mmap_mode="r+") for name in FIELDS}
    for row in range(first, first + count):
        cloud = build_cloud(kind, seed=seed * 1_000_003 + row)
        shade = baked_shade(cloud.positions, cloud.normals) * (cloud.tones / 128)
        files["positions"][row] = cloud.positions
        files["normals"][row] = np.round(cloud.normals * 127)
        files["radii"][row] = cloud.radii
        files["parts"][row] = cloud.parts
        files["shades"][row] = np.clip(np.round(shade * 160), 0, 255)
    for array in files.values():
        array.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=user_path, required=True)
    parser.add_argument("--per-kind", type=at_least_one, default=128)
    parser.add_argument("--workers", type=at_least_one, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--more", type=_times, action="append", default=[], metavar="KIND=TIMES")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    started = time.perf_counter()
    more = dict(arguments.more)
    write_dataset(arguments.out, KINDS, arguments.per_kind, arguments.workers, arguments.seed, more)
    count = sum(instances(KINDS, arguments.per_kind, more))
    logger.info("%d objects of %d kinds in %.0f s", count, len(KINDS), time.perf_counter() - started)


def _times(text: str) -> tuple[str, int]:
    kind, _, times = text.partition("=")
    return kind, int(times)


if __name__ == "__main__":
    run_program(main)
