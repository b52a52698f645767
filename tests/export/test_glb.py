"""GLB files against the reference validator, an independent reader and a browser."""

import dataclasses
import io
import json
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from command_line.places import ROOT
from export.glb import linear_from_srgb, write_glb
from export.meshes.finishing import FinishSettings, finish
from export.meshes.surface import FinishedMesh
from tests.export.glb_reading import document_of, vertex_colors
from tests.export.mesh_samples import surface_where, torus
from tests.export.node_tools import node_package, program

TOOLS = Path(__file__).parent / "gltf"
CHROMIUM = [
    *("--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic", "--hide-scrollbars"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
]
VIEW = 400  # pixels; the camera sees 1.456 m


@pytest.fixture(scope="module")
def textured() -> FinishedMesh:
    return finish(surface_where(torus()), FinishSettings(faces=3000, texture=256))[0]


@pytest.fixture(scope="module")
def painted() -> FinishedMesh:
    return finish(surface_where(torus()), FinishSettings(faces=None, texture=None))[0]


def read(data: bytes) -> Any:  # a trimesh.Trimesh, whose visuals are unions
    return trimesh.load_mesh(io.BytesIO(data), file_type="glb", process=False)


@pytest.mark.parametrize("kind", ["textured", "painted"])
def test_the_reference_validator_finds_neither_error_nor_warning(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file = tmp_path / "object.glb"
    file.write_bytes(write_glb(request.getfixturevalue(kind), watertight=True))
    command = [program("node"), str(TOOLS / "validate.cjs"), str(node_package("gltf-validator")), str(file)]
    issues = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]


@pytest.mark.parametrize("kind", ["textured", "painted"])
def test_another_reader_finds_the_same_mesh(kind: str, request: pytest.FixtureRequest) -> None:
    mesh: FinishedMesh = request.getfixturevalue(kind)
    found = read(write_glb(mesh))
    assert np.array_equal(found.faces, mesh.faces)
    np.testing.assert_array_equal(found.vertices, mesh.vertices)
    np.testing.assert_array_equal(found.bounds, [mesh.vertices.min(0), mesh.vertices.max(0)])


def test_the_material_is_matte_and_not_metallic(textured: FinishedMesh) -> None:
    material = read(write_glb(textured)).visual.material
    assert (material.metallicFactor, material.roughnessFactor) == (0.0, 1.0)
    assert material.baseColorTexture.size == (256, 256)


def test_texture_coordinates_find_their_texels_in_another_reader(textured: FinishedMesh) -> None:
    visual = read(write_glb(textured)).visual
    texture = np.asarray(visual.material.baseColorTexture)
    assert textured.texture is not None
    assert np.abs(texture.astype(int) - textured.texture).mean() < 3  # JPEG
    columns, rows = (visual.uv * [256, -256] + [0, 256]).astype(int).clip(0, 255).T  # theirs count upwards
    red_side = textured.vertices[:, 0] > 0.05
    assert (texture[rows, columns][red_side, 0] > 100).mean() > 0.99
    assert (texture[rows, columns][textured.vertices[:, 0] < -0.05, 2] > 100).mean() > 0.99


def test_colours_at_vertices_are_linear(painted: FinishedMesh) -> None:
    found = vertex_colors(write_glb(painted))
    assert painted.colors is not None
    np.testing.assert_allclose(found, linear_from_srgb(painted.colors), atol=1e-6)


def test_another_reader_finds_colours_at_vertices_between_0_and_1(painted: FinishedMesh) -> None:
    scene = trimesh.load_scene(io.BytesIO(write_glb(painted)), file_type="glb", process=False)
    (mesh,) = scene.geometry.values()
    found = mesh.visual.vertex_attributes["color"]  # trimesh keeps them beside the material
    assert painted.colors is not None
    np.testing.assert_allclose(found, linear_from_srgb(painted.colors), atol=1e-6)


def test_linear_values_are_those_of_the_standard() -> None:
    srgb = np.array([0.0, 0.04045, 0.5, 1.0])
    np.testing.assert_allclose(linear_from_srgb(srgb), [0, 0.0031308, 0.2140411, 1], atol=1e-6)


def test_a_mesh_without_faces_or_with_wild_values_is_refused(painted: FinishedMesh) -> None:
    with pytest.raises(ValueError, match="face"):
        write_glb(dataclasses.replace(painted, faces=painted.faces[:0]))
    with pytest.raises(ValueError, match="finite"):
        write_glb(dataclasses.replace(painted, vertices=painted.vertices * np.nan))


class _Handler(SimpleHTTPRequestHandler):
    """Files of a folder, silently."""

    def log_message(self, *_: object) -> None: ...


@pytest.mark.slow
def test_three_js_shows_it_in_a_browser(textured: FinishedMesh, tmp_path: Path) -> None:
    browser = program("chromium", "chromium-browser", "google-chrome")
    (tmp_path / "node_modules").symlink_to(node_package("three"))
    (tmp_path / "three.html").write_bytes((ROOT / "tests/viewers/three.html").read_bytes())
    (tmp_path / "object.glb").write_bytes(write_glb(textured))
    shot = tmp_path / "shot.png"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/three.html?file=/object.glb&fov=40&distance=2"
        options = [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}"]
        options += [f"--window-size={VIEW},{VIEW}", "--virtual-time-budget=10000"]
        subprocess.run([browser, *CHROMIUM, *options, url], check=True, capture_output=True, timeout=120)
        server.shutdown()
    picture = np.asarray(Image.open(shot).convert("RGB")).astype(int)[:VIEW, :VIEW]
    object_pixels = (picture < 240).any(axis=2)
    columns = np.flatnonzero(object_pixels.any(axis=0))
    width = columns[-1] - columns[0] + 1  # seen from the front: 1 m wide
    assert width == pytest.approx(VIEW / 1.456, rel=0.08)
    left, right = picture[:, : VIEW // 2 - 15], picture[:, VIEW // 2 + 15 :]
    mean_left, mean_right = (side[(side < 240).any(axis=2)].mean(axis=0) for side in (left, right))
    assert mean_left[2] > 1.5 * mean_left[0]  # blue at -x
    assert mean_right[0] > 1.5 * mean_right[2]  # red at +x


def test_a_file_says_whether_its_surface_is_closed(painted: FinishedMesh) -> None:
    for watertight in (True, False):
        data = write_glb(painted, watertight=watertight)
        assert document_of(data)["asset"]["extras"] == {"watertight": watertight}
