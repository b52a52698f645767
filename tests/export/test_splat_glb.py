"""Splat GLBs against Khronos's validator, and read as the extension says."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.gltf import packed
from export.splat_glb import EXTENSION, write_splat_glb
from models.gaussians.gaussians import SH_C0
from tests.export.glb_reading import document_of
from tests.export.node_tools import node_package, program
from tests.export.test_ply import random_splats

VALIDATE = Path(__file__).parent / "gltf" / "validate.cjs"
NUM_SPLATS = 500
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


def values(data: bytes, attribute: str) -> np.ndarray:
    """An attribute of the only primitive, by the words of the glTF specification."""
    document = document_of(data)
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"][attribute]]
    view = document["bufferViews"][accessor["bufferView"]]
    binary = 20 + int.from_bytes(data[12:16], "little") + 8
    kind = {5126: "<f4", 5121: "u1"}[accessor["componentType"]]
    count = accessor["count"] * WIDTHS[accessor["type"]]
    found = np.frombuffer(data, kind, count, binary + view["byteOffset"]).reshape(accessor["count"], -1)
    return found / 255.0 if accessor.get("normalized") else found


def issues(data: bytes, folder: Path) -> list[dict[str, Any]]:
    file = folder / "splats.glb"
    file.write_bytes(data)
    command = [program("node"), str(VALIDATE), str(node_package("gltf-validator")), str(file)]
    report = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    messages: list[dict[str, Any]] = json.loads(report)["messages"]
    return messages


def test_every_attribute_of_the_extension_holds_activated_values() -> None:
    splats = random_splats(NUM_SPLATS)
    data = write_splat_glb(splats)
    np.testing.assert_array_equal(values(data, "POSITION"), splats.means)
    np.testing.assert_allclose(values(data, f"{EXTENSION}:SCALE"), splats.scales, rtol=1e-6)
    np.testing.assert_allclose(values(data, f"{EXTENSION}:OPACITY")[:, 0], splats.opacities, rtol=1e-6)
    found = values(data, f"{EXTENSION}:ROTATION")[:, [3, 0, 1, 2]]  # x y z w there
    np.testing.assert_allclose(found, splats.quats_wxyz, atol=1e-6)
    colors = 0.5 + SH_C0 * values(data, f"{EXTENSION}:SH_DEGREE_0_COEF_0")
    np.testing.assert_allclose(colors, splats.colors, atol=1e-6)


def test_programs_that_know_no_splats_find_points_with_linear_colours() -> None:
    splats = random_splats(NUM_SPLATS)
    data = write_splat_glb(splats)
    document = document_of(data)
    assert document["meshes"][0]["primitives"][0]["mode"] == 0
    assert document["extensionsUsed"] == [EXTENSION]
    assert "extensionsRequired" not in document
    srgb = splats.colors.clamp(0, 1).numpy().astype(np.float64)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    found = values(data, "COLOR_0")
    np.testing.assert_allclose(found[:, :3], linear, atol=0.51 / 255)
    np.testing.assert_allclose(found[:, 3], splats.opacities, atol=0.51 / 255)


def test_the_validator_minds_nothing_but_names_that_the_extension_prescribes(tmp_path: Path) -> None:
    data = write_splat_glb(random_splats(NUM_SPLATS))
    errors = [issue for issue in issues(data, tmp_path) if issue["severity"] < 2]
    assert {issue["code"] for issue in errors} == {"MESH_PRIMITIVE_INVALID_ATTRIBUTE"}
    assert all(f"{EXTENSION}:" in issue["pointer"] for issue in errors)
    assert len(errors) == 4
    document = document_of(data)  # under names that it takes from anybody it finds the values sound
    primitive = document["meshes"][0]["primitives"][0]
    renamed = {name.replace(f"{EXTENSION}:", "_"): place for name, place in primitive["attributes"].items()}
    primitive["attributes"] = renamed
    binary = data[20 + int.from_bytes(data[12:16], "little") + 8 :]
    found = issues(packed(document, binary), tmp_path)
    assert [issue["code"] for issue in found] == ["UNSUPPORTED_EXTENSION"]


def test_unfit_splats_are_refused() -> None:
    broken = random_splats(3)
    broken.means[0, 0] = float("nan")
    with pytest.raises(ValueError, match="finite"):
        write_splat_glb(broken)
