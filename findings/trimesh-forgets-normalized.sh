#!/bin/sh
# trimesh 5.2.0 (PyPI): reads glTF's normalized integers as they stand: colours at vertices and texture coordinates are lost.
#
# Guess: `normalized: true` on an accessor (core glTF 2.0: 65535 stands for 1) is undone by any reader of glTF, or refused.
# Seen, one square, files without an error in Khronos's validator; pyvista 0.49.2 (VTK 9.7.2) as the witness:
#   COLOR_0 as unsigned shorts: trimesh keeps the LOW byte of each: 0.5 (32768) becomes 0, 0.1 becomes 154. VTK: 0.5, 0.1.
#   COLOR_0 as floats or unsigned bytes: right in both.
#   TEXCOORD_0 as unsigned shorts: trimesh has 6554 and 52430 where floats give it 0.1 and 0.8 (1 - 0.2; it counts upwards).
#     VTK: 0.1, 0.2 in both.
#   POSITION as signed shorts (KHR_mesh_quantization, named as required): trimesh, which does not know the extension, loads
#     a square of 65,534 metres instead of 2. VTK refuses the file.
# Optimisers (gltfpack, gltf-transform quantize) write the last two by default, many exporters the first. No error, no
# warning: who measures, renders or converts with trimesh has other colours, textures and sizes.
#
# Needs python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check trimesh==5.2.0 pyvista==0.49.2 vtk==9.7.2 \
    numpy==2.4.6 pillow==13.0.0
cd "$place"
cat > read.py <<'PYTHON'
import json
import struct
import sys

import numpy as np
import pyvista
import trimesh
from vtk import vtkObject, vtkVersion

CORNERS = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], "<f4")
COLORS = np.array([[0.5, 0.25, 0.1, 1]] * 4)
PLACES = np.array([[0.1, 0.2], [0.5, 0.2], [0.5, 0.9], [0.1, 0.9]])
CODES = {"<f4": 5126, "|u1": 5121, "<u2": 5123, "<i2": 5122}
LARGEST = {"<f4": 1, "|u1": 255, "<u2": 65535, "<i2": 32767}


def write(path, attributes):
    """attributes: name: (values, the numbers' type)."""
    data, views, accessors, names = b"", [], [], {}
    for name, (values, kind) in (attributes | {"indices": (np.array([0, 1, 2, 0, 2, 3]), "<u2")}).items():
        numbers = values if name == "indices" else values * LARGEST[kind]
        numbers = (numbers if kind == "<f4" else np.rint(numbers)).astype(kind)
        if name == "POSITION" and kind == "<i2":
            numbers = np.pad(numbers, ((0, 0), (0, 1)))  # rows start at multiples of four
        packed = numbers.tobytes()
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(packed)})
        accessor = {"bufferView": len(views) - 1, "componentType": CODES[kind], "count": len(numbers),
                    "type": "SCALAR" if values.ndim == 1 else f"VEC{values.shape[1]}"}
        if name == "POSITION":
            accessor |= {"min": numbers[:, :3].min(0).tolist(), "max": numbers[:, :3].max(0).tolist()}
            if kind == "<i2":
                views[-1]["byteStride"] = 8
        if kind != "<f4" and name != "indices":
            accessor["normalized"] = True
        names[name] = len(accessors)
        accessors.append(accessor)
        data += packed
    scene = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
             "meshes": [{"primitives": [{"indices": names.pop("indices"), "attributes": names}]}], "accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": len(data)}]}
    if "TEXCOORD_0" in attributes:
        scene["materials"] = [{"pbrMetallicRoughness": {}}]
        scene["meshes"][0]["primitives"][0]["material"] = 0
    if attributes["POSITION"][1] == "<i2":
        scene |= {key: ["KHR_mesh_quantization"] for key in ("extensionsUsed", "extensionsRequired")}
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    with open(path, "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data)


def by_trimesh(path):
    scene = trimesh.load(path)
    (mesh,) = scene.geometry.values()
    visual = mesh.visual
    first = visual.uv[0] if visual.kind == "texture" else np.asarray(visual.vertex_colors[0])
    return scene.extents[0], np.asarray(first).tolist()


def by_vtk(path):
    mesh = pyvista.read(path).combine()
    first = [np.asarray(mesh[name][0]).round(3).tolist() for name in ("COLOR_0", "TEXCOORD_0") if name in mesh.array_names]
    return (first or [None])[0]


vtkObject.GlobalWarningDisplayOff()
print("trimesh", trimesh.__version__, "pyvista", pyvista.__version__, "VTK", vtkVersion().GetVTKVersion())
corners = {"POSITION": (CORNERS, "<f4")}
files = {f"colors {kind}": corners | {"COLOR_0": (COLORS, kind)} for kind in ("<f4", "|u1", "<u2")}
files |= {f"places {kind}": corners | {"TEXCOORD_0": (PLACES, kind)} for kind in ("<f4", "<u2")}
files["corners <i2"] = {"POSITION": (CORNERS, "<i2"), "TEXCOORD_0": (PLACES, "<f4")}
found, witness = {}, {}
for name, attributes in files.items():
    write("square.glb", attributes)
    found[name] = by_trimesh("square.glb")
    witness[name] = None if name.startswith("corners") else by_vtk("square.glb")
    print(f"{name:12} trimesh: {found[name][0]:g} wide, first", found[name][1], "VTK: first", witness[name])
colors = {name: values[1] for name, values in found.items()}
same = (
    colors["colors <f4"][:3] == colors["colors |u1"][:3] == [128, 64, 26]
    and colors["colors <u2"][:3] == [0, 0, 154]
    and np.allclose(colors["places <f4"], (0.1, 0.8), atol=1e-3) and min(colors["places <u2"]) > 6000
    and all(np.allclose(witness[f"colors {kind}"][:3], (0.5, 0.25, 0.1), atol=0.01) for kind in ("<f4", "|u1", "<u2"))
    and all(np.allclose(witness[f"places {kind}"], (0.1, 0.2), atol=0.01) for kind in ("<f4", "<u2"))
    and found["corners <i2"][0] == 65534
)
sys.exit(not same)
PYTHON
venv/bin/python read.py
