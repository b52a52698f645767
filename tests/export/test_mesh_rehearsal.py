"""The rehearsal's ball goes through the whole finishing."""

import io
from typing import Any

import trimesh

from export.meshes.rehearsal import ball, rehearse_finishing
from rendering.renderer import create_renderer


def test_the_ball_is_closed_and_comes_out_as_a_textured_glb() -> None:
    surface = ball()
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0  # faces look outwards
    glb = rehearse_finishing(create_renderer("cpu", num_threads=1), 1)
    scene_mesh: Any = trimesh.load_mesh(io.BytesIO(glb), file_type="glb")
    assert abs(scene_mesh.extents.max() - 1.0) < 1e-3
    assert scene_mesh.visual.material.baseColorTexture is not None
