"""The files between decoder and GLB, and where a mesh takes its colours from."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from command_line.places import ROOT
from configuration import read_configuration
from configuration.schema import MeshOptions
from export.glb import linear_from_srgb
from models.gaussians.cleanup import clean_up_placed
from models.gaussians.gaussians import Gaussians
from models.latents.object_latents import ObjectLatents
from models.mesh.mesh import Mesh
from models.sparse import SparseTensor
from rendering.renderer import create_renderer
from runners.mesh import decode_mesh, finish_mesh, keep_latents
from tests.export.glb_reading import vertex_colors
from tests.export.mesh_samples import surface_where, torus

SPLATS, DECODER = (0.9, 0.2, 0.1), (0.1, 0.3, 0.8)
CENTER = (0.07, 0.02, -0.04)
ENVIRONMENT = {"MINER__PROFILE": "embedded", "MINER__DEVICE": "cpu"}


class RingDecoder:
    """Decodes a ring of one colour, off the centre."""

    def decode_mesh(self, latents: SparseTensor) -> list[Mesh]:
        ring = surface_where(torus(CENTER))
        return [
            Mesh(
                vertices=torch.from_numpy(ring.vertices),
                faces=torch.from_numpy(ring.faces),
                attributes=torch.tensor(DECODER).expand(ring.num_vertices, 3),
            )
        ]


def splats_on(mesh: Mesh) -> Gaussians:
    count = mesh.num_vertices
    return Gaussians(
        means=mesh.vertices,
        scales=torch.full((count, 3), 0.006),
        quats_wxyz=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).expand(count, 4),
        opacities=torch.full((count,), 0.95),
        colors=torch.tensor(SPLATS).expand(count, 3),
    )


def options(**changes: Any) -> MeshOptions:
    configuration = read_configuration(ROOT / "configuration.yaml", ENVIRONMENT)
    return replace(configuration.mesh, **changes)


@pytest.fixture
def made(tmp_path: Path) -> tuple[str, Gaussians]:
    """A filled mesh file, and the splats beside it."""
    model: Any = RingDecoder()
    nothing = ObjectLatents(coords=torch.zeros(1, 3, dtype=torch.int), feats=torch.zeros(1, 8))
    splats, placement = clean_up_placed(splats_on(model.decode_mesh(nothing)[0]))
    latents, mesh = tmp_path / "object.latents", tmp_path / "object.mesh"
    latents.touch()
    mesh.touch()
    keep_latents(str(latents), nothing, placement)
    decode_mesh(model, str(latents), str(mesh), torch.device("cpu"))
    return str(mesh), splats


def glb_of(made: tuple[str, Gaussians], settings: MeshOptions) -> bytes:
    mesh, splats = made
    glb, report = finish_mesh(mesh, settings, lambda: splats, create_renderer("cpu"), 2)
    assert report.watertight
    return glb


def read(glb: bytes) -> Any:  # a trimesh.Trimesh
    return trimesh.load_mesh(io.BytesIO(glb), file_type="glb", process=False)


@pytest.mark.parametrize(("bake", "expected"), [("decoder", DECODER), ("gaussians", SPLATS)])
def test_the_configuration_says_whose_colours_a_texture_has(
    made: tuple[str, Gaussians], bake: str, expected: tuple[float, float, float]
) -> None:
    found = read(glb_of(made, options(bake=bake, faces=2000, texture=256)))
    texture = np.asarray(found.visual.material.baseColorTexture).reshape(-1, 3) / 255
    np.testing.assert_allclose(np.median(texture, axis=0), expected, atol=0.02)


@pytest.mark.parametrize(("bake", "expected"), [("decoder", DECODER), ("gaussians", SPLATS)])
def test_every_vertex_can_keep_a_colour_of_its_own(
    made: tuple[str, Gaussians], bake: str, expected: tuple[float, float, float]
) -> None:
    glb = glb_of(made, options(shape="decoder", bake=bake, faces="all", texture="none"))
    found, colors = read(glb), vertex_colors(glb)
    assert len(found.faces) == surface_where(torus(CENTER)).num_faces  # nothing is simplified
    assert len(colors) == len(found.vertices)
    np.testing.assert_allclose(np.median(colors, axis=0), linear_from_srgb(np.array(expected)), atol=0.02)


def test_the_configuration_says_whose_surface_it_is(made: tuple[str, Gaussians]) -> None:
    """The splats' outline lies about 1.7 standard deviations outside the surface that they were put on."""
    found = {
        shape: read(glb_of(made, options(shape=shape, bake="decoder", faces=8000, texture=256)))
        for shape in ("decoder", "gaussians")
    }
    widths = {shape: np.ptp(mesh.vertices, axis=0) for shape, mesh in found.items()}
    wider = (widths["gaussians"] - widths["decoder"]) * 0.74 / widths["decoder"][0]  # in the ring's units
    np.testing.assert_allclose(wider, 2 * 1.7 * 0.006, rtol=0.4)
    texture = np.asarray(found["gaussians"].visual.material.baseColorTexture).reshape(-1, 3) / 255
    np.testing.assert_allclose(np.median(texture, axis=0), DECODER, atol=0.02)


def test_the_file_can_say_no_simplification_and_no_texture() -> None:
    changes = {"MINER__MESH__FACES": "all", "MINER__MESH__TEXTURE": "none", "MINER__MESH__BAKE": "decoder"}
    found = read_configuration(ROOT / "configuration.yaml", ENVIRONMENT | changes).mesh
    assert (found.faces, found.texture, found.bake) == ("all", "none", "decoder")


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_the_mesh_lies_where_the_splats_of_that_size_lie(made: tuple[str, Gaussians], factor: float) -> None:
    mesh, splats = made
    settings = options(shape="decoder", bake="decoder", faces=2000, texture=256)
    glb, _ = finish_mesh(mesh, settings, lambda: splats, create_renderer("cpu"), 2, factor=factor)
    means = splats.means.numpy() * factor
    np.testing.assert_allclose(read(glb).bounds, [means.min(0), means.max(0)], atol=0.02 * factor)
