#!/bin/sh
# F3D 4.0.0 (PyPI): splats of an SPZ version 3 stand in other directions than the same splats as PLY, no word about it.
#
# Guess: a viewer that reads PLY, .splat and SPZ shows one object alike in all three, or refuses a version it does not know
# (as it does refuse version 4).
# Seen: gaussforge 0.6.0, which carries Niantic's own library, writes two long splats turned by 30 degrees about z as PLY,
# .splat and SPZ (version 3) and reads the SPZ back right. F3D takes w, x, y, z from the PLY and from a version 2 SPZ,
# but from version 3 the four numbers x, y, z, w into the same places: w first. A turn by 30 degrees about z becomes a half
# turn about (0, 0.26, 0.97). Positions, sizes and colours are right, so an object of round splats looks right and one
# of flat splats looks torn. Splats that are not turned look right too: a half turn maps an ellipsoid to itself.
#
# Needs python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check f3d==4.0.0 gaussforge==0.6.0 numpy==2.4.6
cd "$place"
cat > write.py <<'PYTHON'
import gzip
import math
import struct

import gaussforge
import numpy as np

NAMES = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1",
         "rot_2", "rot_3"]
COUNT = 2  # alike; of a single one F3D prints the first number only
TURN = (math.cos(math.radians(15)), 0.0, 0.0, math.sin(math.radians(15)))  # w x y z: 30 degrees about z
splat = np.array([0, 0, 0, 0, 0, 0, 2, math.log(0.3), math.log(0.02), math.log(0.02), *TURN] * COUNT, "<f4")
header = ["ply", "format binary_little_endian 1.0", f"element vertex {COUNT}", *(f"property float {name}" for name in NAMES)]
ply = "\n".join([*header, "end_header", ""]).encode() + splat.tobytes()
tool = gaussforge.GaussForge()
files = {"one.ply": ply}
for kind in ("spz", "splat"):
    files[f"one.{kind}"] = bytes(tool.convert(ply, "ply", kind)["data"])
version = struct.unpack("<I", gzip.decompress(files["one.spz"])[4:8])[0]
alpha, color, scale = bytes([225]), bytes([128] * 3), bytes(round((s + 10) * 16) for s in splat[7:10])
turned = bytes(round(q * 127.5 + 127.5) for q in TURN[1:])  # version 2: x y z, w follows from them
head = struct.pack("<IIIBBBB", 0x5053474E, 2, COUNT, 0, 12, 0, 0) + COUNT * bytes(9) + COUNT * alpha + COUNT * color
files["version2.spz"] = gzip.compress(head + COUNT * scale + COUNT * turned)
for name, data in files.items():
    open(name, "wb").write(data)
print("gaussforge writes SPZ version", version)
for name in ("one.spz", "version2.spz"):
    back = bytes(tool.convert(files[name], "spz", "ply")["data"])
    rotation = np.frombuffer(back[back.index(b"end_header\n") + 11 :], "<f4")[-4:]
    print("gaussforge reads", name, "w x y z", rotation)
    assert version == 3 and np.abs(rotation - TURN).max() < 0.01
PYTHON
cat > read.py <<'PYTHON'
import sys

import f3d

f3d.Engine.autoload_plugins()
f3d.Log.set_verbose_level(f3d.Log.DEBUG)  # it prints the least and greatest value of each column: of splats alike, the value
engine = f3d.Engine.create_none()
for name in sys.argv[1:]:
    print("file", name, flush=True)
    engine.scene.clear()
    engine.scene.add(name)
PYTHON
cat > check.py <<'PYTHON'
import re
import sys

name, found = "", {}
for line in open("said"):
    if line.startswith("file "):
        name = line.split()[1]
    elif " rotation :" in line:
        ranges = re.findall(r"\[([-\d.e]+), ([-\d.e]+)\]", line)
        found[name] = [round((float(low) + float(high)) / 2, 2) for low, high in ranges]
        print("F3D reads", name, ":", found[name])
right, wrong = [0.97, 0, 0, 0.26], [0, 0, 0.26, 0.97]


def near(name, expected):
    return max(abs(a - b) for a, b in zip(found[name], expected)) <= 0.02


same = all(near(name, right) for name in ("one.ply", "one.splat", "version2.spz")) and near("one.spz", wrong)
sys.exit(not same)
PYTHON
venv/bin/python write.py
venv/bin/python read.py one.ply one.splat version2.spz one.spz >said 2>&1
venv/bin/python -c 'import f3d; print("F3D", f3d.__version__)'
venv/bin/python check.py
