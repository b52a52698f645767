"""Meshes on the CPU, against rays and against closed forms."""

import numpy as np
import pytest
import trimesh

from rendering.cameras import Cameras, orbit
from rendering.mesh_rasterizer import camera_arrays, painted, see_mesh, textured

SQUARE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32) / 2
SQUARE_FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
SQUARE_UVS = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)  # (0, 0) at the top left


def ray_depths(mesh: trimesh.Trimesh, cameras: Cameras) -> np.ndarray:
    """Depth along the camera's axis of the first hit at each pixel of the first view; inf without one."""
    matrix, intrinsics = next(iter(camera_arrays(cameras)))
    rows, columns = np.mgrid[: cameras.height, : cameras.width] + 0.5
    slopes = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(intrinsics).T
    directions = (slopes @ matrix[:3, :3]).reshape(-1, 3)
    eye = -matrix[:3, :3].T @ matrix[:3, 3]
    depths = np.full(len(directions), np.inf)
    for a, b, c in mesh.triangles:  # Moeller and Trumbore: slope z is 1, so the ray's length is the depth
        p = np.cross(directions, c - a)
        determinant = p @ (b - a)
        u = (p @ (eye - a)) / determinant
        q = np.cross(eye - a, b - a)
        v, t = (directions @ q) / determinant, (q @ (c - a)) / determinant
        hit = (u >= 0) & (v >= 0) & (u + v <= 1)
        depths[hit] = np.minimum(depths[hit], t[hit])
    return depths.reshape(rows.shape)


def test_depths_are_those_of_rays() -> None:
    mesh = trimesh.creation.torus(0.5, 0.2, major_sections=16, minor_sections=8)
    cameras = orbit(azimuths_degrees=[20.0], elevation_degrees=35.0, size=(90, 70))
    (seen,) = see_mesh(np.asarray(mesh.vertices), np.asarray(mesh.faces), cameras)
    expected = ray_depths(mesh, cameras)
    assert ((seen.face >= 0) != np.isfinite(expected)).sum() <= 2  # rays along an edge
    both = (seen.face >= 0) & np.isfinite(expected)
    assert both.sum() > 800
    np.testing.assert_allclose(1 / seen.inverse_depth[both], expected[both], rtol=1e-5)


def test_a_texture_is_seen_upright_and_the_right_way_round() -> None:
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:32, :32] = [255, 0, 0]  # red at the top left
    texture[32:, 32:] = [0, 0, 255]  # blue at the bottom right
    (seen,) = see_mesh(SQUARE, SQUARE_FACES, orbit(azimuths_degrees=[0.0], elevation_degrees=0.0, size=100))
    picture = textured(seen, SQUARE_UVS, texture)
    assert picture[0, 0].tolist() == [1, 1, 1]
    assert picture[40, 40].tolist() == [1, 0, 0]
    assert picture[60, 60].tolist() == [0, 0, 1]
    assert picture[40, 60].tolist() == [0, 0, 0]


def test_values_are_interpolated_in_space_not_in_the_image() -> None:
    cameras = orbit(azimuths_degrees=[60.0], elevation_degrees=0.0, radius=1.2, size=200)
    (seen,) = see_mesh(SQUARE, SQUARE_FACES, cameras)
    found = seen.values(SQUARE)  # the places themselves
    matrix, intrinsics = next(iter(camera_arrays(cameras)))
    for row, column in np.argwhere(seen.face >= 0)[::97]:
        x, y, z = matrix[:3, :3] @ found[row, column] + matrix[:3, 3]
        assert intrinsics[0, 0] * x / z + intrinsics[0, 2] == pytest.approx(column + 0.5, abs=1e-3)
        assert intrinsics[1, 1] * y / z + intrinsics[1, 2] == pytest.approx(row + 0.5, abs=1e-3)
        assert z == pytest.approx(1 / seen.inverse_depth[row, column], rel=1e-5)


def test_the_nearer_of_two_faces_is_seen_from_either_side() -> None:
    vertices = np.concatenate([SQUARE, SQUARE + np.array([0, 0, 0.3])])
    faces = np.concatenate([SQUARE_FACES, SQUARE_FACES + 4])
    colors = np.repeat([[1.0, 0, 0], [0, 1.0, 0]], 4, axis=0)
    cameras = orbit(azimuths_degrees=[0.0, 180.0], elevation_degrees=0.0, size=60)
    front, back = (painted(seen, colors) for seen in see_mesh(vertices, faces, cameras, num_threads=2))
    assert front[30, 30].tolist() == [0, 1, 0]
    assert back[30, 30].tolist() == [1, 0, 0]
