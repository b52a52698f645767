"""Where a mesh's colours come from: meshes against their splats over 24 views, and the time of each way.

    python -m benchmarks.bake [--device cpu] [--prompts "pink bicycle,brown horse"] [--runs 3] [--out DIR]

Objects of the embedded family, seed 0 upwards. Each is finished four ways: the decoder's colours and those of
pictures of the splats, in a texture over simplified faces and at the vertices of all faces; and a fifth way
with the surface of the splats. Two numbers each:
PSNR over whole pictures, which the outlines rule (splats end softly, a little outside the mesh), and PSNR
where the mesh is, which the colours rule. No view of the comparison is one of the bake's. The last line is
JSON; with --out also bake.json, and bake.png: splats, decoder, gaussians.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.results import tell_set_aside
from command_line.arguments import at_least_one, device_name, out_folder
from command_line.running import run_program
from configuration import read_configuration
from export.meshes.finishing import FinishSettings, MeshReport, finish_in_place
from export.meshes.splat_colors import SplatPictures, picture_size
from export.meshes.surface import FinishedMesh, Surface, surface_of
from models.errors import MinerError
from models.gaussians.cleanup import clean_up_placed
from models.image.text_to_image import TextToImage
from models.matte import MatteCutter
from models.trellis.image_to_3d import ImageTo3D, SamplerSettings
from rendering.cameras import Cameras, orbit
from rendering.mesh_kernels import NOTHING
from rendering.mesh_rasterizer import SeenMesh, painted, see_mesh, textured
from rendering.renderer import create_renderer

ROOT = Path(__file__).parents[1]
PROMPTS = "pink bicycle,blue chair with yellow legs,brown horse,green tractor,white penguin,yellow duck"
ELEVATIONS_DEGREES = (-15.0, 10.0, 30.0, 50.0)
NUM_VIEWS, SHOWN_VIEWS, SHOWN_SIZE = 24, (1, 11), 150

Views = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Object3D:
    """One object: its surface as decoded, and its cleaned splats with what pictures them."""

    prompt: str
    surface: Surface
    pictures: SplatPictures


class Family:
    """The stages from prompt to splats and surface, as the embedded preset sets them up."""

    def __init__(self, device: str, threads: int) -> None:
        self._configuration = read_configuration(
            ROOT / "configuration.yaml", {"MINER__PROFILE": "embedded", "MINER__DEVICE": device}
        )
        weights = Path(self._configuration.weights)
        self._text_to_image = TextToImage.load(weights / "text_to_image", device=device)
        self._matting = MatteCutter.load(weights / "matte", device=device)
        self._image_to_3d = ImageTo3D.load(weights / "image_to_3d", device=device)
        self._renderer = create_renderer(device, num_threads=threads)
        self._threads = threads

    @torch.inference_mode()
    def make(self, prompt: str, seed: int, picture_side: int) -> Object3D:
        """Raises MinerError where a stage finds nothing."""
        options, stages = self._configuration.text_to_image, self._configuration.image_to_3d.stages
        images = self._text_to_image.generate(
            [prompt],
            [seed],
            steps=options.steps,
            resolution=options.resolution,
            guidance=options.guidance,
            max_sequence_length=options.max_sequence_length,
        )
        (matte,) = self._matting.cut_out(images)
        (made,) = self._image_to_3d.generate(
            [_no_error(matte)],
            [seed],
            structure=SamplerSettings(**asdict(stages.structure)),
            latents=SamplerSettings(**asdict(stages.latents)),
        )
        made = _no_error(made)
        splats, placement = clean_up_placed(made.gaussians)
        (mesh,) = self._image_to_3d.decode_mesh(made.latents.as_batch(self._image_to_3d.device))
        pictures = SplatPictures(
            splats=splats,
            placement=placement,
            renderer=self._renderer,
            num_threads=self._threads,
            size=picture_side,
        )
        return Object3D(prompt=prompt, surface=surface_of(mesh), pictures=pictures)


def _no_error(made: Any) -> Any:
    if isinstance(made, MinerError):
        raise made
    return made


def compare(
    thing: Object3D, ways: dict[str, tuple[str, FinishSettings]], cameras: Cameras, runs: int
) -> tuple[dict[str, dict[str, Any]], list[Views]]:
    """A row of numbers for each way, and the pictures: the splats', then each way's."""
    rendered = thing.pictures.renderer.render(thing.pictures.splats, cameras).cpu().numpy()
    truth = (rendered / 255.0).astype(np.float32)
    rows: dict[str, dict[str, Any]] = {}
    shown = [truth]
    for name, (bake, settings) in ways.items():
        mesh, reports, core_seconds = _finished(thing, settings, bake, runs)
        seen = see_mesh(thing.pictures.beside(mesh.vertices), mesh.faces, cameras, num_threads=2)
        drawn: Views = np.stack([_drawn(mesh, view) for view in seen])
        inside = np.stack([view.face != NOTHING for view in seen])
        error = (drawn - truth) ** 2
        rows[name] = {
            "psnr_db": _decibels(error),
            "psnr_inside_db": _decibels(error[inside]),
            "bake_ms": round(1e3 * statistics.median(report.timings["bake"] for report in reports)),
            "finish_ms": round(1e3 * statistics.median(sum(r.timings.values()) for r in reports)),
            "finish_core_ms": round(1e3 * core_seconds),
            "faces": reports[0].num_faces,
            "watertight": reports[0].watertight,
        }
        shown.append(drawn)
    return rows, shown


def _finished(
    thing: Object3D, settings: FinishSettings, bake: str, runs: int
) -> tuple[FinishedMesh, list[MeshReport], float]:
    """The mesh, a report a run, and a run's seconds on all cores (which other programs lengthen less)."""
    pictures = thing.pictures if bake == "gaussians" else None
    mesh, _ = finish_in_place(thing.surface, settings, pictures)  # warms up
    started = time.process_time()
    reports = [finish_in_place(thing.surface, settings, pictures)[1] for _ in range(runs)]
    return mesh, reports, (time.process_time() - started) / runs


def _drawn(mesh: FinishedMesh, seen: SeenMesh) -> Views:
    if mesh.uvs is not None and mesh.texture is not None:
        return textured(seen, mesh.uvs, mesh.texture)
    assert mesh.colors is not None
    return painted(seen, mesh.colors)


def _decibels(squared_error: Views) -> float:
    return round(-10 * float(np.log10(squared_error.mean())), 2)


def strip(shown: Sequence[Views]) -> Views:
    """Some views of the splats, beneath them those of each of the first two ways."""
    return np.concatenate(
        [np.concatenate([pictures[view] for view in SHOWN_VIEWS], axis=1) for pictures in shown[:3]]
    )


def sheet(strips: Sequence[Views]) -> Image.Image:
    """All objects side by side."""
    pixels = np.rint(np.concatenate(list(strips), axis=1).clip(0, 1) * 255).astype(np.uint8)
    size = (SHOWN_SIZE * len(SHOWN_VIEWS) * len(strips), SHOWN_SIZE * 3)
    return Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)


def mean_rows(rows: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Over all objects."""
    return {
        way: {key: round(statistics.mean(row[way][key] for row in rows), 2) for key in rows[0][way]}
        for way in rows[0]
    }


def print_rows(title: str, rows: dict[str, dict[str, Any]]) -> None:
    """One line a way."""
    for way, row in rows.items():
        print(f"{title:28} {way:20} " + "  ".join(f"{k} {v}" for k, v in row.items()), flush=True)


def main() -> int:
    """Prints a row for each object and way, then their means; returns the number of objects that failed."""
    options = parse_arguments()
    threads = min(os.cpu_count() or 1, 4 if options.device == "cuda" else 8)
    torch.set_num_threads(threads)
    family = Family(options.device, threads)
    texture = FinishSettings(faces=options.faces, texture=options.texture)
    dense = FinishSettings(faces=None, texture=None)
    ways = {
        f"{bake}, {kind}": (bake, settings)
        for kind, settings in (("texture", texture), ("vertices", dense))
        for bake in ("decoder", "gaussians")
    }
    ways["splats' surface"] = ("gaussians", replace(texture, shape="gaussians"))
    cameras = orbit(
        azimuths_degrees=[360.0 * view / NUM_VIEWS for view in range(NUM_VIEWS)],
        elevation_degrees=[ELEVATIONS_DEGREES[view % 4] for view in range(NUM_VIEWS)],
        size=options.size,
    )
    found: dict[str, dict[str, dict[str, Any]]] = {}
    strips, failed = [], 0
    for seed, prompt in enumerate(options.prompts.split(",")):
        try:
            thing = family.make(prompt, seed, picture_size(options.texture))
        except MinerError as error:
            print(f"{prompt:28} failed: {error}")
            failed += 1
            continue
        found[prompt], shown = compare(thing, ways, cameras, options.runs)
        strips.append(strip(shown))
        print_rows(prompt, found[prompt])
    means = mean_rows(list(found.values())) if found else {}
    print_rows("mean", means)
    report = json.dumps({"environment": environment(options, threads), "mean": means, "objects": found})
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        tell_set_aside(options.out / "bake.json", options.out / "bake.png")
        (options.out / "bake.json").write_text(report)
        if strips:
            sheet(strips).quantize(128).save(options.out / "bake.png", optimize=True)
    print(report)
    return failed


def environment(options: argparse.Namespace, threads: int) -> dict[str, Any]:
    """What the numbers depend on."""
    cuda = options.device == "cuda"
    return {
        "device": torch.cuda.get_device_name() if cuda else platform.machine(),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "faces": options.faces,
        "texture": options.texture,
        "size": options.size,
    }


def parse_arguments() -> argparse.Namespace:
    """Reads `sys.argv`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", type=device_name, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--prompts", default=PROMPTS, help="separated by commas")
    parser.add_argument("--runs", type=at_least_one, default=3)
    parser.add_argument("--faces", type=at_least_one, default=20_000)
    parser.add_argument("--texture", type=at_least_one, default=1024)
    parser.add_argument("--size", type=at_least_one, default=512, help="side of the compared pictures")
    parser.add_argument("--out", type=out_folder, help="folder for bake.json and bake.png")
    return parser.parse_args()


if __name__ == "__main__":
    run_program(main)
