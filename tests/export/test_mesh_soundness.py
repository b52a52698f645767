"""Meshes that other programs call closed too; trimesh is the judge."""

import io
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from export.glb import write_glb
from export.meshes.clean_up import clean_up
from export.meshes.finishing import FinishSettings, _mended, finish
from export.meshes.mending import mend
from export.meshes.simplification import simplify
from export.meshes.soundness import soundness
from export.meshes.surface import Surface
from tests.export.mesh_samples import ball, grid_points, surface_where

CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float32)
SIDES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
CUBE = np.array([f for a, b, c, d in SIDES for f in ((a, b, c), (a, c, d))], np.int32)


def box(low: tuple[float, float, float], size: float, *, inside_out: bool = False) -> Surface:
    vertices = (np.array(low) + size * CORNERS).astype(np.float32)
    faces = CUBE[:, ::-1] if inside_out else CUBE
    return Surface(vertices=vertices, faces=faces, colors=np.full_like(vertices, 0.5))


def joined(*parts: Surface) -> Surface:
    """All in one, vertices at one place merged."""
    offsets = np.cumsum([0, *(part.num_vertices for part in parts[:-1])])
    faces = np.concatenate([p.faces + offset for p, offset in zip(parts, offsets, strict=True)])
    vertices, number = np.unique(np.concatenate([p.vertices for p in parts]), axis=0, return_inverse=True)
    return Surface(
        vertices=vertices, faces=number[faces].astype(np.int32), colors=np.full_like(vertices, 0.5)
    )


def with_faces(surface: Surface, *faces: tuple[int, int, int], without: int = 0) -> Surface:
    more = np.array(faces, np.int32).reshape(-1, 3)
    rows = np.concatenate([surface.faces[: surface.num_faces - without], more])
    return Surface(vertices=surface.vertices, faces=rows, colors=surface.colors)


def judged(vertices: np.ndarray, faces: np.ndarray) -> Any:
    mesh: Any = trimesh.Trimesh(vertices, faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


BOX, AWAY = box((-0.5, -0.5, -0.5), 0.5), box((0.25, 0.25, 0.25), 0.25)
BESIDE, BEHIND = box((0.0, 0.0, -0.5), 0.5), box((-0.5, 0.0, 0.0), 0.5)  # each meets the box in an edge
ALONG_AN_EDGE = joined(BOX, BESIDE)
AT_A_CORNER = joined(BOX, box((0.0, 0.0, 0.0), 0.5))
FLAPPED = with_faces(BOX, (0, 1, 7), (0, 7, 1))
BUBBLE = joined(BOX, box((-0.375, -0.375, -0.375), 0.125, inside_out=True))


@pytest.mark.parametrize(
    ("surface", "fault", "count"),
    [
        (with_faces(BOX, without=1), "open_edges", 3),
        (ALONG_AN_EDGE, "crowded_edges", 1),
        (with_faces(BOX, (1, 5, 7), without=1), "twisted_edges", 3),
        (FLAPPED, "doubled_faces", 1),
        (joined(BOX, with_faces(AWAY, (0, 0, 1))), "flat_faces", 1),
        (AT_A_CORNER, "pinched_vertices", 1),
        (BUBBLE, "hollow_bodies", 1),
    ],
)
def test_every_fault_is_found_and_named(surface: Surface, fault: str, count: int) -> None:
    found = soundness(surface.vertices, surface.faces)
    assert getattr(found, fault) == count
    assert not found.watertight
    assert f"{count} {fault.replace('_', ' ')}" in found.summary


def test_a_closed_surface_has_no_fault_whether_its_seams_are_cut_or_not() -> None:
    found = soundness(BOX.vertices, BOX.faces)
    assert (found.watertight, found.summary) == (True, "closed")
    cut = BOX.vertices[BOX.faces].reshape(-1, 3)  # no two faces share a vertex
    assert soundness(cut, np.arange(len(cut), dtype=np.int32).reshape(-1, 3)).watertight


def test_vertices_nearer_than_trimesh_tells_apart_count_as_one() -> None:
    for gap, closed in ((1e-9, False), (1e-6, True)):
        apart = joined(box((gap, 0.0, -0.5), 0.5), BOX)  # beside the box's edge at x = y = 0
        assert apart.num_vertices == 16
        assert soundness(apart.vertices, apart.faces).watertight == closed
        assert judged(apart.vertices, apart.faces).is_volume == closed


@pytest.mark.parametrize(
    ("surface", "bodies", "volume"),
    [
        (ALONG_AN_EDGE, 2, 2 / 8),
        (AT_A_CORNER, 2, 2 / 8),
        (FLAPPED, 1, 1 / 8),
        (BUBBLE, 1, 1 / 8),
        (joined(BOX, BESIDE, BEHIND), 3, 3 / 8),
    ],
)
def test_what_is_pinched_comes_apart_and_is_closed_for_trimesh(
    surface: Surface, bodies: int, volume: float
) -> None:
    assert not soundness(surface.vertices, surface.faces).watertight
    vertices, faces = mend(surface.vertices, surface.faces)
    assert soundness(vertices, faces).watertight
    mesh = judged(vertices, faces)
    assert mesh.is_volume
    parts = mesh.split(only_watertight=False)
    assert len(parts) == bodies
    assert min(part.volume for part in parts) > 0
    assert mesh.volume == pytest.approx(volume, rel=0.01)
    moved = np.abs(vertices[:, None] - surface.vertices[None]).max(axis=2).min(axis=1)
    assert moved.max() < 1e-3


def test_a_sound_surface_is_left_as_it_is_and_a_hole_stays() -> None:
    assert mend(BOX.vertices, BOX.faces) == (BOX.vertices, BOX.faces)
    opened = with_faces(FLAPPED, without=3)
    vertices, faces = mend(opened.vertices, opened.faces)
    assert soundness(vertices, faces).open_edges == 3


def test_scraps_that_a_pinch_leaves_open_go() -> None:
    lid = np.array([[0.3, 0.3, 0.3], [0.31, 0.3, 0.3], [0.3, 0.31, 0.3], [0.3, 0.3, 0.31]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3]], np.int32)  # a corner of a box without the fourth face
    both = joined(BOX, Surface(vertices=lid, faces=faces, colors=np.zeros_like(lid)))
    assert soundness(both.vertices, both.faces).open_edges == 3
    vertices, left = mend(both.vertices, both.faces)
    assert soundness(vertices, left).watertight
    assert len(left) == len(BOX.faces)


def test_a_hole_that_a_pinch_leaves_is_filled_and_a_large_one_is_not() -> None:
    for size, closed in ((0.012, True), (0.3, False)):
        whole = surface_where(ball(0.4))
        centers = whole.vertices[whole.faces].mean(axis=1)
        opened = whole.faces[np.linalg.norm(centers - [0.4, 0.0, 0.0], axis=1) > size / 2]
        assert soundness(whole.vertices, opened).open_edges > 0
        assert soundness(*_mended(whole.vertices, opened)).watertight == closed


def rough() -> Surface:
    """A lump full of pores and threads, as a poor decoder makes them: simplification pinches it."""
    x, y, z = (2 * np.pi * 7 * grid_points()).unbind(dim=1)
    gyroid = torch.sin(x) * torch.cos(y) + torch.sin(y) * torch.cos(z) + torch.sin(z) * torch.cos(x)
    noise = torch.rand(len(x), generator=torch.Generator().manual_seed(1)) - 0.5
    return surface_where(torch.maximum(ball(0.4), 0.03 * (gyroid + 1.2 * noise)))


@pytest.mark.slow
@pytest.mark.parametrize("texture", [None, 512])
def test_the_file_of_a_rough_object_is_closed_for_trimesh(texture: int | None) -> None:
    surface = rough()
    pinched = soundness(*simplify(clean_up(surface), 5000))
    assert pinched.crowded_edges > 0
    assert pinched.doubled_faces > 0
    mesh, report = finish(surface, FinishSettings(faces=5000, texture=texture))
    assert report.soundness.summary == "closed"
    data = write_glb(mesh, watertight=report.watertight)
    read: Any = trimesh.load_mesh(io.BytesIO(data), file_type="glb", process=False)
    found = judged(np.asarray(read.vertices), np.asarray(read.faces))
    assert found.is_volume
    assert min(part.volume for part in found.split(only_watertight=False)) > 0
    assert len(np.unique(np.sort(found.faces, axis=1), axis=0)) == len(found.faces)
    assert found.nondegenerate_faces().all()
