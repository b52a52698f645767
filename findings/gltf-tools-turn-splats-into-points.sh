#!/bin/sh
# gltfpack 1.3.0 and @gltf-transform/cli 4.5.1 (npm): a valid splat GLB (KHR_gaussian_splatting, plain attributes) leaves
# as an ordinary point cloud, exit status 0, whatever was asked for.
#
# Guess: an optimiser that does not know an extension refuses the file or keeps what it does not understand; a plain
# copy changes nothing.
# Seen: gltfpack drops rotation, scale, opacity and colour coefficients (one warning each on stderr) and the extension
# itself, from the primitive AND from extensionsUsed; `-noq` (no quantisation), `-ke` (keep extras) and `-si 0.5` (simplify)
# do the same. gltf-transform keeps the attributes under their prefixed names but drops
# the extension in both places, with one warning, even in `copy`: nothing says any more that these are splats.
# `quantize` alone stops with an error. pygltflib 1.16.5 (PyPI), which knows no extensions either, keeps everything.
# A viewer shows small points then instead of refusing.
#
# Needs node, npm, python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
npm install --silent --no-audit --no-fund --prefix "$place" gltfpack@1.3.0 @gltf-transform/cli@4.5.1
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check pygltflib==1.16.5
cd "$place"
cat > glb.py <<'PYTHON'
import json, struct, sys

NAME = "KHR_gaussian_splatting"
COUNT = 4
VALUES = {  # attribute: (type, values of one splat)
    "POSITION": ("VEC3", [(1, 0, 0), (0, 0.7, 0), (0, 0, 0.4), (0, 0, 0)]),
    "COLOR_0": ("VEC4", [(1, 0, 0, 0.9)] * COUNT),
    f"{NAME}:ROTATION": ("VEC4", [(0, 0, 0, 1)] * COUNT),
    f"{NAME}:SCALE": ("VEC3", [(0.05, 0.05, 0.05)] * COUNT),
    f"{NAME}:OPACITY": ("SCALAR", [(0.9,)] * COUNT),
    f"{NAME}:SH_DEGREE_0_COEF_0": ("VEC3", [(1.77, -1.77, -1.77)] * COUNT),
}


def write(path):
    data, views, accessors, attributes = b"", [], [], {}
    for name, (kind, rows) in VALUES.items():
        packed = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(packed)})
        accessor = {"bufferView": len(views) - 1, "componentType": 5126, "count": COUNT, "type": kind}
        if name == "POSITION":
            accessor |= {"min": [0, 0, 0], "max": [1, 0.7, 0.4]}
        attributes[name] = len(accessors)
        accessors.append(accessor)
        data += packed
    extension = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display", "projection": "perspective",
                 "sortingMethod": "cameraDistance"}
    primitive = {"mode": 0, "attributes": attributes, "extensions": {NAME: extension}}
    scene = {"asset": {"version": "2.0"}, "extensionsUsed": [NAME], "scene": 0, "scenes": [{"nodes": [0]}],
             "nodes": [{"mesh": 0}], "meshes": [{"primitives": [primitive]}], "accessors": accessors,
             "bufferViews": views, "buffers": [{"byteLength": len(data)}]}
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    with open(path, "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data)


def read(path):
    content = open(path, "rb").read()
    return json.loads(content[20 : 20 + struct.unpack("<I", content[12:16])[0]])


if sys.argv[1] == "write":
    write(sys.argv[2])
else:
    changed = 0
    for path in sys.argv[2:]:
        scene = read(path)
        primitive = scene["meshes"][0]["primitives"][0]
        print(path, "attributes", sorted(primitive["attributes"]), "extensions", primitive.get("extensions"),
              "used", scene.get("extensionsUsed"))
        splats = NAME in primitive.get("extensions", {}) and NAME in scene.get("extensionsUsed", [])
        changed += splats != (sys.argv[1] == "splats") or primitive["mode"] != 0
    sys.exit(changed > 0)
PYTHON
python3 glb.py write splats.glb
pack() { node node_modules/gltfpack/cli.js -i splats.glb "$@" 2>warnings || { echo "exit status $?"; exit 1; }; }
transform() { node node_modules/.bin/gltf-transform "$@" >warnings 2>&1 || { cat warnings; exit 1; }; }
node -p '"gltfpack " + require("./node_modules/gltfpack/package.json").version'
pack -o pack.glb; cat warnings
pack -noq -o pack-noq.glb
pack -ke -o pack-ke.glb
pack -si 0.5 -o pack-half.glb
node -p '"gltf-transform " + require("./node_modules/@gltf-transform/cli/package.json").version'
transform copy splats.glb copy.glb; grep -i warn warnings
transform prune splats.glb prune.glb
transform meshopt splats.glb meshopt.glb
venv/bin/python -c 'from pygltflib import GLTF2; GLTF2().load("splats.glb").save("pygltflib.glb")'
python3 glb.py points pack.glb pack-noq.glb pack-ke.glb pack-half.glb copy.glb prune.glb meshopt.glb
python3 glb.py splats pygltflib.glb
