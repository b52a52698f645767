"""What trimesh does not tell of a GLB."""

import json
from typing import Any

import numpy as np


def document_of(data: bytes) -> dict[str, Any]:
    """The JSON chunk."""
    document: dict[str, Any] = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    return document


def vertex_colors(data: bytes) -> np.ndarray:
    """Linear RGB of every vertex of the first mesh, 0 to 1."""
    document = document_of(data)
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]]
    binary = 20 + int.from_bytes(data[12:16], "little") + 8
    start = binary + document["bufferViews"][accessor["bufferView"]]["byteOffset"]
    return np.frombuffer(data, "<f4", 3 * accessor["count"], start).reshape(-1, 3)
