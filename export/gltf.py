"""The container of binary glTF 2.0: a JSON document and the bytes that its accessors read.

    header | JSON chunk | binary chunk

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import struct
from typing import Any

from numpy.typing import NDArray

MAGIC, GLTF_VERSION = 0x46546C67, 2
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_BYTE, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5121, 5123, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
GENERATOR = "fast-3d-miner"
_COMPONENT_TYPES = {"<f4": FLOAT, "|u1": UNSIGNED_BYTE}


class BinaryChunk:
    """The binary chunk with its views and accessors, everything at multiples of four bytes."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        """Appends bytes; gives the view's number."""
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.views.append(view if target is None else view | {"target": target})
        self.data += data + bytes(-len(data) % 4)
        return len(self.views) - 1

    def accessor(
        self, values: NDArray[Any], kind: str, *, bounds: bool = False, normalized: bool = False
    ) -> int:
        """Appends values of a vertex attribute; gives the accessor's number."""
        entry: dict[str, Any] = {
            "bufferView": self.view(values.tobytes(), ARRAY_BUFFER),
            "componentType": _COMPONENT_TYPES[values.dtype.str],
            "count": len(values),
            "type": kind,
        }
        if bounds:
            entry |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        if normalized:
            entry["normalized"] = True
        self.accessors.append(entry)
        return len(self.accessors) - 1

    def indices(self, faces: NDArray[Any], num_vertices: int) -> int:
        """Appends triangles, in 16 bits where they suffice; the largest number is not allowed."""
        short = num_vertices < 0xFFFF
        data = faces.astype("<u2" if short else "<u4").tobytes()
        entry = {
            "bufferView": self.view(data, ELEMENT_ARRAY_BUFFER),
            "componentType": UNSIGNED_SHORT if short else UNSIGNED_INT,
            "count": faces.size,
            "type": "SCALAR",
        }
        self.accessors.append(entry)
        return len(self.accessors) - 1


def packed(document: dict[str, Any], binary: bytes) -> bytes:
    """The GLB file's bytes."""
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text
    chunks += struct.pack("<II", len(binary), BINARY_CHUNK) + binary
    return struct.pack("<III", MAGIC, GLTF_VERSION, 12 + len(chunks)) + chunks
