"""Latents to mesh to GLB at the published sizes: time, the GPU's share, memory over the resting state.

    python -m benchmarks.mesh [--device cpu] [--voxels 500] [--runs 10] [--faces 20000] [--texture 1024]

Weights are random, so the decoder's own field crosses zero nearly everywhere: its decoding and extraction are
the worst case. For the GLB its signed distance is replaced by a sphere's, through the middle of the voxels,
which gives the face count of a trained decoder; 32 splats a voxel lie on that sphere. The GPU's share of a
GLB is decoding, extraction and, for the splats' colours, the pictures. The last line is JSON, with the
targets that an H100 is to meet.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import measure, synchronize
from benchmarks.results import failure, tell_set_aside
from command_line.arguments import at_least_one, device_name, out_folder
from command_line.running import run_program
from export.glb import write_glb
from export.meshes.finishing import FinishSettings, finish
from export.meshes.splat_colors import SplatPictures, picture_size
from export.meshes.surface import surface_of
from models.gaussians.cleanup import clean_up_placed
from models.gaussians.gaussians import Gaussians
from models.mesh.cube_tables import CORNERS
from models.mesh.decoder import MeshDecoder
from models.mesh.mesh import Mesh
from models.sparse import SparseTensor, VoxelGrid
from models.weights import read_module, read_pipeline
from models.weights.random_layout import GRID, SHELL_VOXELS, shell, write_random_layout
from models.weights.random_tensors import RandomWeights
from rendering.cameras import Cameras
from rendering.renderer import SplatRenderer, create_renderer
from rendering.views import WHITE, RenderedViews, SplatWeights

SPLATS_PER_VOXEL = 32
TARGETS = {  # on an H100, at 16,040 voxels, 20,000 faces and a texture of 1024
    "decoder, its own field": {"median_ms": 120.0, "peak_over_rest_gib": 2.5},
    "decoder, a sphere's field": {"median_ms": 120.0, "peak_over_rest_gib": 2.5},
    "latents to GLB, bake: decoder": {"median_ms": 2000.0, "device_ms": 400.0},
    "latents to GLB, bake: gaussians": {"median_ms": 2000.0, "device_ms": 400.0},
}
NUM_DISTANCES, NUM_PLAIN = 8, 8 + 24 + 21  # channels of the distances, and of all before the attributes


class MeshLab:
    """The published mesh decoder with random weights, and one object's random latents on the shell."""

    def __init__(self, device: str, voxels: int) -> None:
        self.device = torch.device(device)
        half = torch.float16 if self.device.type == "cuda" else torch.float32
        with tempfile.TemporaryDirectory(prefix="random-weights-") as folder:
            write_random_layout(Path(folder), RandomWeights(seed=0, shell_voxels=voxels))
            part = read_pipeline(Path(folder) / "image_to_3d").modules["slat_decoder_mesh"]
            decoder = read_module(part, device=self.device, dtype=half)
        assert isinstance(decoder, MeshDecoder)
        self.decoder = decoder
        self.points = shell(voxels).to(self.device)
        generator = torch.Generator(self.device).manual_seed(0)
        self.feats = torch.randn(voxels, 8, device=self.device, generator=generator)
        self.radius = float((self.points - (GRID - 1) / 2).norm(dim=1).mean()) / GRID

    def latents(self) -> SparseTensor:
        """On a new grid, so that its tables are built anew."""
        coords = torch.nn.functional.pad(self.points.int(), (1, 0))
        return SparseTensor(grid=VoxelGrid(coords), feats=self.feats)

    def decoded(self) -> Mesh:
        """The decoder's own surface."""
        (mesh,) = self.decoder.to_meshes(self.decoder(self.latents()))
        return mesh

    def sphere(self) -> Mesh:
        """The surface of a sphere's field with the decoder's colours; the decoder runs all the same."""
        raw = self.decoder(self.latents())
        side = self.decoder.resolution
        for coords, feats in zip(raw.coords[:, 1:].split(2**16), raw.feats.split(2**16), strict=True):
            feats[:, :NUM_PLAIN] = 0
            feats[:, :NUM_DISTANCES] = self._distance(coords, side)
        (mesh,) = self.decoder.to_meshes(raw)
        return mesh

    def splats(self) -> Gaussians:
        """On the sphere, as many and as large as a trained decoder's."""
        generator = torch.Generator(self.device).manual_seed(1)
        count = SPLATS_PER_VOXEL * len(self.points)
        means = torch.randn(count, 3, device=self.device, generator=generator)
        means = torch.nn.functional.normalize(means, dim=1) * self.radius
        return Gaussians(
            means=means,
            scales=torch.full_like(means, 0.003),
            quats_wxyz=torch.tensor([[1.0, 0.0, 0.0, 0.0]], device=self.device).expand(count, 4),
            opacities=torch.full_like(means[:, 0], 0.7),
            colors=0.5 + means,
        )

    def _distance(self, coords: Tensor, side: int) -> Tensor:
        corners = coords[:, None] + torch.tensor(CORNERS, device=coords.device)
        distance: Tensor = (corners / side - 0.5).norm(dim=2) - self.radius
        return distance + 1 / side  # undoes the shift of `corner_field`


class TimedRenderer:
    """A renderer that adds up its seconds, the GPU's included."""

    def __init__(self, renderer: SplatRenderer) -> None:
        self.renderer, self.seconds = renderer, 0.0

    def warm_up(self) -> None:
        self.renderer.warm_up()

    def render(self, gaussians: Gaussians, cameras: Cameras, background: Sequence[float] = WHITE) -> Tensor:
        return self.renderer.render(gaussians, cameras, background)

    def render_float(
        self, gaussians: Gaussians, cameras: Cameras, background: Sequence[float] = WHITE
    ) -> RenderedViews:
        started = time.perf_counter()
        views = self.renderer.render_float(gaussians, cameras, background)
        synchronize()
        self.seconds += time.perf_counter() - started
        return views

    def weigh(self, gaussians: Gaussians, cameras: Cameras, pictures: Tensor) -> SplatWeights:
        return self.renderer.weigh(gaussians, cameras, pictures)


def main() -> int:
    """Prints a row a case; returns the number of failures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", type=device_name, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--voxels", type=at_least_one, default=SHELL_VOXELS)
    parser.add_argument("--runs", type=at_least_one, default=10)
    parser.add_argument("--faces", type=at_least_one, default=20_000)
    parser.add_argument("--texture", type=at_least_one, default=1024)
    parser.add_argument("--out", type=out_folder, help="folder for mesh.json")
    options = parser.parse_args()
    lab = MeshLab(options.device, options.voxels)
    threads = min(os.cpu_count() or 1, 4 if lab.device.type == "cuda" else 8)  # as the service has them
    settings = FinishSettings(faces=options.faces, texture=options.texture)
    renderer = TimedRenderer(create_renderer(lab.device, num_threads=threads))
    splats, placement = clean_up_placed(lab.splats())
    pictures = SplatPictures(
        splats=splats,
        placement=placement,
        renderer=renderer,
        num_threads=threads,
        size=picture_size(options.texture),
    )
    cases: dict[str, Callable[[], dict[str, Any]]] = {
        "decoder, its own field": lambda: timed(lab.decoded, lab, options.runs),
        "decoder, a sphere's field": lambda: timed(lab.sphere, lab, options.runs),
        "latents to GLB, bake: decoder": lambda: to_glb(lab, settings, options.runs),
        "latents to GLB, bake: gaussians": lambda: to_glb(lab, settings, options.runs, pictures, renderer),
    }
    rows: dict[str, dict[str, Any]] = {}
    with torch.inference_mode():
        for name, case in cases.items():
            try:
                rows[name] = case()
            except Exception as error:
                rows[name] = failure(error)
            print(
                f"{name:34} " + "  ".join(f"{key} {value}" for key, value in rows[name].items()), flush=True
            )
    cuda = lab.device.type == "cuda"
    environment = {
        "device": torch.cuda.get_device_name() if cuda else platform.machine(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": threads,
        "voxels": options.voxels,
        "splats": splats.num_splats,
    }
    report = json.dumps({"environment": environment, "targets": TARGETS, "rows": rows})
    if cuda:
        print_targets(rows)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        tell_set_aside(options.out / "mesh.json")
        (options.out / "mesh.json").write_text(report)
    print(report)
    return sum("failed" in row for row in rows.values())


def print_targets(rows: dict[str, dict[str, Any]]) -> None:
    """Every number that has a target, beside it."""
    for name, limits in TARGETS.items():
        for key, limit in limits.items():
            if key in rows[name]:
                verdict = "met" if rows[name][key] <= limit else "MISSED"
                print(f"{name:34} {key} {rows[name][key]} of at most {limit}: {verdict}")


def timed(make: Callable[[], Mesh], lab: MeshLab, runs: int) -> dict[str, Any]:
    """Decoding and extraction."""
    mesh = make()
    row: dict[str, Any] = {"vertices": mesh.num_vertices, "faces": mesh.num_faces}
    del mesh
    resting = _held(lab)
    timing = measure(make, runs=runs, warm_ups=3 if lab.device.type == "cuda" else 1)
    row |= {"median_ms": round(timing.median_ms, 1), "p95_ms": round(timing.p95_ms, 1)}
    if lab.device.type == "cuda":
        row["peak_over_rest_gib"] = round(timing.peak_gib - resting, 3)
    return row


def to_glb(
    lab: MeshLab,
    settings: FinishSettings,
    runs: int,
    pictures: SplatPictures | None = None,
    renderer: TimedRenderer | None = None,
) -> dict[str, Any]:
    """From latents to a file's bytes; the GPU's share is the surface in host memory, and the pictures."""
    totals, shares, steps, row = list[float](), list[float](), dict[str, list[float]](), dict[str, Any]()
    for _ in range(max(2, runs)):  # the first one compiles
        before = renderer.seconds if renderer else 0.0
        started = time.perf_counter()
        surface = surface_of(lab.sphere())
        synchronize()
        decoded = time.perf_counter()
        mesh, report = finish(surface, settings, pictures)
        finished = time.perf_counter()
        glb = write_glb(mesh)
        ended = time.perf_counter()
        totals.append(ended - started)
        drawing = renderer.seconds - before if renderer else 0.0
        shares.append(decoded - started + drawing)
        steps.setdefault("pictures", []).append(drawing)
        for step, seconds in {**report.timings, "write": ended - finished}.items():
            steps.setdefault(step, []).append(seconds)
        row = {"faces": report.num_faces, "watertight": report.watertight, "bytes": len(glb)}
    row |= {"first_s": round(totals[0], 2), "median_ms": _median_ms(totals), "device_ms": _median_ms(shares)}
    return row | {f"{step}_ms": _median_ms(seconds) for step, seconds in steps.items()}


def _median_ms(seconds: list[float]) -> float:
    return round(1e3 * statistics.median(seconds[1:]), 1)


def _held(lab: MeshLab) -> float:
    """GiB that torch holds on the GPU now."""
    return torch.cuda.memory_allocated() / 2**30 if lab.device.type == "cuda" else 0.0


if __name__ == "__main__":
    run_program(main)
