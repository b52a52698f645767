"""Which viewer shows which file upright: loads all of them, takes pictures, and looks for the object's top.

python -m tests.viewers FOLDER [--node NODE_MODULES] [--only supersplat]

The object is a blue cone with a red top and a yellow arm that points to +x: a picture tells what is up, and
to which side the arm points for a camera that looks along -z. Every file is made by the writers of the
service. FOLDER takes the files, the pictures and table.md. It needs node, Chromium, which draws in software,
and from npm (versions as in docs/formats.md): three, @sparkjsdev/spark, @mkkellogg/gaussian-splats-3d,
@playcanvas/supersplat-viewer, @babylonjs/core, @babylonjs/loaders, esbuild, puppeteer-core. It takes minutes.
"""

import argparse
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import torch
from PIL import Image

from command_line.arguments import out_folder, user_path
from export.glb import write_glb
from export.meshes.surface import FinishedMesh
from models.gaussians.gaussians import Gaussians
from runners.formats import FORMATS, Frame, SpzVersion, Wanted, write_splats
from tests.export.node_tools import program

PAGES = Path(__file__).parent
SECONDS = 60  # for one picture, in software on two busy cores
RED, BLUE, YELLOW = (0.85, 0.05, 0.05), (0.1, 0.15, 0.8), (0.9, 0.8, 0.05)
VIEWERS = {
    "supersplat": ("ply", "compressed.ply", "sog", "spz"),
    "spark": ("ply", "compressed.ply", "sog", "spz", "spz4", "splat.glb"),
    "mkkellogg": ("ply", "compressed.ply", "spz"),
    "three": ("glb", "splat.glb"),
    "babylon": ("splat.glb", "glb"),
}


def cone() -> Gaussians:
    """The object in "validator" space, its surface covered with splats."""
    turns, heights = np.meshgrid(np.linspace(0, 2 * np.pi, 90, False), np.linspace(-0.75, 0.75, 100))
    width = 0.35 * (0.75 - heights) / 1.5
    body = np.stack([width * np.sin(turns), heights, width * np.cos(turns)], -1).reshape(-1, 3)
    reach, around = np.meshgrid(np.linspace(0.1, 0.7, 40), np.linspace(0, 2 * np.pi, 20, False))
    arm = np.stack([reach, 0.06 * np.sin(around) - 0.2, 0.06 * np.cos(around)], -1).reshape(-1, 3)
    colors = np.where((body[:, 1] > 0.2)[:, None], RED, BLUE)
    points = np.concatenate([body, arm])
    return Gaussians(
        means=torch.from_numpy(points).float(),
        scales=torch.full((len(points), 3), 0.012),
        quats_wxyz=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(len(points), 1),
        opacities=torch.full((len(points),), 0.95),
        colors=torch.from_numpy(np.concatenate([colors, np.tile(YELLOW, (len(arm), 1))])).float(),
    )


def mesh() -> FinishedMesh:
    """The same as little triangles, one around every splat's centre."""
    splats = cone()
    centers, colors = splats.means.numpy(), splats.colors.numpy()
    corners = np.array([[0.02, 0, 0], [-0.01, 0.017, 0], [-0.01, -0.017, 0]], np.float32)
    vertices = (centers[:, None] + corners).reshape(-1, 3)
    normals = np.tile(np.array([[0.0, 0.0, 1.0]], np.float32), (len(vertices), 1))
    faces = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
    return FinishedMesh(vertices=vertices, normals=normals, faces=faces, colors=np.repeat(colors, 3, axis=0))


def write_files(folder: Path) -> None:
    """FRAME.SUFFIX for each frame and splat format, and the mesh."""
    frames: tuple[Frame, ...] = ("validator", "standard")
    for frame in frames:
        for name, form in FORMATS.items():
            if form.source == "splats":
                data = write_splats(name, cone(), Wanted(frame=frame))
                (folder / f"{frame}.{form.suffix}").write_bytes(data)
        version: SpzVersion = 4
        data = write_splats("spz", cone(), Wanted(frame=frame, spz_version=version))
        (folder / f"{frame}.spz4.spz").write_bytes(data)
        (folder / f"{frame}.glb").write_bytes(write_glb(mesh()))


def verdict(picture: Path) -> str:
    """What the picture shows, by where the colours lie."""
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    masks = {
        "red": (red > 110) & (green < 0.5 * red) & (blue < 0.6 * red),
        "blue": (blue > 90) & (red < 0.7 * blue) & (green < 0.8 * blue),
        "yellow": (red > 110) & (green > 0.6 * red) & (blue < 0.6 * red),
    }
    if min(mask.sum() for mask in masks.values()) < 30:
        return "nothing to see"
    rows = {color: np.nonzero(mask)[0].mean() for color, mask in masks.items()}
    columns = {color: np.nonzero(mask)[1].mean() for color, mask in masks.items()}
    up = "upright" if rows["red"] < rows["blue"] else "upside down"
    return f"{up}, arm {'right' if columns['yellow'] > columns['blue'] else 'left'}"


@contextmanager
def served(files: Path, modules: Path) -> Iterator[str]:
    """The address of pages, packages and files."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            name = path.split("?")[0].lstrip("/")
            for prefix, folder in (("node_modules/", modules), ("files/", files)):
                if name.startswith(prefix):
                    return str(folder / name.removeprefix(prefix))
            return str(files / name if name == "babylon.js" else PAGES / name)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def bundle(modules: Path, target: Path) -> None:
    """Babylon.js comes in parts that no browser finds by itself."""
    command = [str(modules / ".bin/esbuild"), str(PAGES / "babylon.js"), "--bundle", "--format=esm"]
    environment = {"NODE_PATH": str(modules), "PATH": "/usr/bin:/bin"}
    subprocess.run([*command, f"--outfile={target}", "--log-level=error"], check=True, env=environment)


def main() -> None:
    """Writes files, pictures and the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.viewers", description=__doc__)
    parser.add_argument("folder", type=out_folder)
    parser.add_argument("--node", type=user_path, default=Path("build/node/node_modules"))
    parser.add_argument("--only", choices=VIEWERS)
    given = parser.parse_args()
    modules = given.node.resolve()
    write_files(given.folder)
    bundle(modules, given.folder / "babylon.js")
    node, chromium = program("node"), program("chromium", "chromium-browser", "google-chrome")
    lines = ["| viewer | file | validator | standard |", "|---|---|---|---|"]
    with served(given.folder.resolve(), modules) as url:
        for viewer in [given.only] if given.only else VIEWERS:
            for kind in VIEWERS[viewer]:
                seen = []
                for frame in ("validator", "standard"):
                    name = f"{frame}.{kind}.spz" if kind == "spz4" else f"{frame}.{kind}"
                    picture = given.folder / f"{viewer}.{name}.png"
                    page = f"{url}/{viewer}.html?file=/files/{name}"
                    command = [node, str(PAGES / "shoot.cjs"), str(modules), chromium, page, str(picture)]
                    ran = subprocess.run([*command, str(SECONDS)], capture_output=True, check=True, text=True)
                    said = json.loads(ran.stdout)
                    shown = said["title"] == "shown"
                    seen.append(verdict(picture) if shown else f"{said['title']} {said['said']}"[:160])
                lines.append(f"| {viewer} | {kind} | {seen[0]} | {seen[1]} |")
                (given.folder / "table.md").write_text("\n".join(lines) + "\n")  # so far


if __name__ == "__main__":
    main()
