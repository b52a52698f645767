"""Files of any kind of splats to what the gates say of them."""

import gzip

import pytest
import torch
import trimesh

from export.ply import write_ply
from export.splat_glb import write_splat_glb
from export.spz import write_spz
from models.gaussians.frames import rotate_frame
from runners.formats import Frame
from runners.uploads import Sound, look_at
from tests.stand_ins.fakes import ball
from validation.gates import Rejection

SPLATS = ball((0.2, 0.4, 0.6), seed=1, count=300).scaled(1.5 / 0.8)
FILES = {
    "ply": write_ply(SPLATS),
    "spz": write_spz(SPLATS),
    "spz4": write_spz(SPLATS, version=4),
    "glb": write_splat_glb(SPLATS),
}


def look(data: bytes, frame: Frame = "validator", least: int = 1) -> Sound | Rejection:
    return look_at(data, frame=frame, device="cpu", min_splats=least)


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_gives_the_same_object(kind: str) -> None:
    found = look(FILES[kind])
    assert isinstance(found, Sound)
    torch.testing.assert_close(found.splats.means, SPLATS.means, rtol=0, atol=2e-4)
    assert found.geometry.num_splats == 300
    assert found.geometry.extent == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("kind", ["ply", "spz"])
def test_plys_and_spzs_of_the_standard_frame_are_turned(kind: str) -> None:
    standard = rotate_frame(SPLATS, source="validator", target="standard")
    found = look(write_ply(standard) if kind == "ply" else write_spz(standard), "standard")
    assert isinstance(found, Sound)
    torch.testing.assert_close(found.splats.means, SPLATS.means, rtol=0, atol=2e-4)
    upright = look(FILES["glb"], "standard")
    assert isinstance(upright, Sound)
    torch.testing.assert_close(upright.splats.means, SPLATS.means)


@pytest.mark.parametrize("kind", FILES)
def test_gates_hold_for_every_kind(kind: str) -> None:
    found = look(FILES[kind], least=301)
    assert isinstance(found, Rejection)
    assert found.gate == "count"


def test_what_holds_no_splats_says_so() -> None:
    mesh = look(trimesh.creation.box().export(file_type="glb"))
    assert isinstance(mesh, Rejection)
    assert (mesh.gate, "a mesh is not judged" in mesh.sentence) == ("format", True)
    for data in (b"", b"hello", FILES["spz"][:50], b"\x89PNG\r\n\x1a\n", gzip.compress(b"text")):
        found = look(data)
        assert isinstance(found, Rejection)
        assert found.gate == "format"
    found = look(b"ply\r\nformat ascii 1.0\r\n")
    assert isinstance(found, Rejection)
    assert found.gate == "header"
