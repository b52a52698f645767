#!/bin/sh
# gsply 0.4.6 (PyPI) and @playcanvas/splat-transform 3.7.0 (npm): valid little-endian splat PLYs read as garbage, no error.
#
# Guess: a reader of splat PLYs takes offsets from the header, or refuses a header that it does not expect (as
# splat-transform does for list properties).
# Seen, same 64 splats, with plyfile 1.1.5 as the witness that the files are sound:
#   one-byte colours (property uchar red, green, blue) between normals and f_dc: gsply counts every property as four
#     bytes and returns 64 splats of noise (positions up to 1e37); splat-transform reads the values
#     right and writes the colours back as four-byte integers.
#   an element before the vertices (element camera 2, two floats each): splat-transform starts the splats at the
#     camera's bytes, exit status 0, and writes 64 splats of which none is where it was; gsply refuses the file.
# A scanner's or editor's PLY with colours beside the splat properties is the likely way to meet the first.
#
# Needs node, npm, python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
npm install --silent --no-audit --no-fund --prefix "$place" @playcanvas/splat-transform@3.7.0
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check gsply==0.4.6 plyfile==1.1.5 numpy==2.4.6
cd "$place"
cat > layouts.py <<'PYTHON'
import subprocess
import sys

import gsply
import numpy as np
import plyfile

COUNT = 64
NAMES = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2",
         "rot_0", "rot_1", "rot_2", "rot_3"]
rng = np.random.default_rng(1)
values = {name: rng.uniform(-0.7, 0.7, COUNT).astype("<f4") for name in NAMES}
values["rot_0"][:] = 1
for name in ("rot_1", "rot_2", "rot_3", "nx", "ny", "nz"):
    values[name][:] = 0


def write(path, *, colors=False, camera=False):
    columns = [(name, "<f4", "float") for name in NAMES]
    if colors:
        columns[6:6] = [(name, "u1", "uchar") for name in ("red", "green", "blue")]
    rows = np.zeros(COUNT, [(name, kind) for name, kind, _ in columns])
    for name, _, _ in columns:
        rows[name] = values.get(name, 200)
    first = "element camera 2\nproperty float fov\nproperty float aspect\n" if camera else ""
    properties = "".join(f"property {word} {name}\n" for name, _, word in columns)
    header = f"ply\nformat binary_little_endian 1.0\n{first}element vertex {COUNT}\n{properties}end_header\n"
    with open(path, "wb") as file:
        file.write(header.encode() + np.ones(4 if camera else 0, "<f4").tobytes() + rows.tobytes())


def witness(path):
    return float(np.abs(plyfile.PlyData.read(path)["vertex"]["x"] - values["x"]).max())


def by_gsply(path):
    try:
        read = gsply.plyread(path)
    except ValueError as error:
        return f"refused: {str(error)[:40]}..."
    return float(np.abs(np.asarray(read.means)[:, 0].astype(np.float64) - values["x"]).max())


def by_splat_transform(path):
    command = ["node", "node_modules/@playcanvas/splat-transform/bin/cli.mjs", "-w", path, "out.ply"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return witness("out.ply")


print("largest error of x, by reader")
errors = {}
for name, layout in (("plain", {}), ("colors", {"colors": True}), ("camera", {"camera": True})):
    write(f"{name}.ply", **layout)
    errors[name] = witness(f"{name}.ply"), by_gsply(f"{name}.ply"), by_splat_transform(f"{name}.ply")
    print(f"{name:7} plyfile {errors[name][0]}, gsply {errors[name][1]}, splat-transform {errors[name][2]}")
same = (
    errors["plain"] == (0.0, 0.0, 0.0)
    and errors["colors"][0] == errors["colors"][2] == 0.0 and not errors["colors"][1] <= 0.1
    and errors["camera"][0] == 0.0 and isinstance(errors["camera"][1], str) and errors["camera"][2] > 0.1
)
sys.exit(not same)
PYTHON
venv/bin/python layouts.py
