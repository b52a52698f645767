#!/bin/sh
# @mkkellogg/gaussian-splats-3d 0.4.7 (npm): a compressed PLY without spherical harmonics cannot be opened.
#
# Guess: a viewer that reads compressed PLY reads those of the tool that defined the format, and colours without harmonics
# (degree 0) are the simplest case of it: the element `sh` is optional.
# Seen, one cloud of 600 splats, written by @playcanvas/splat-transform 3.7.0 as compressed PLY: with harmonics of degree 1
# the viewer's parser finds 600 splats; without, the file has no element `sh` and the parser fails on it:
# "Cannot read properties of undefined (reading 'count')". gsply 0.4.6 reads both. The same viewer reads the plain PLY,
# which says nothing of harmonics either.
# Who makes compressed PLYs of plain colours, and wants them seen there, gives the plain PLY instead.
#
# Needs node, npm, python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
npm install --silent --no-audit --no-fund --prefix "$place" @playcanvas/splat-transform@3.7.0 \
    @mkkellogg/gaussian-splats-3d@0.4.7 three@0.187.0
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check gsply==0.4.6 numpy==2.4.6
cd "$place"
cat > write.py <<'PYTHON'
import numpy as np

COUNT = 600
rng = np.random.default_rng(1)
PLAIN = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2",
         "rot_3"]
for path, harmonics in (("plain.ply", 0), ("degree1.ply", 9)):
    names = PLAIN + [f"f_rest_{i}" for i in range(harmonics)]
    rows = rng.uniform(-0.7, 0.7, (COUNT, len(names))).astype("<f4")
    rows[:, 7:10] = -4
    rows[:, 10:14] = (1, 0, 0, 0)
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {COUNT}"]
    header += [f"property float {name}" for name in names]
    with open(path, "wb") as file:
        file.write("\n".join([*header, "end_header", ""]).encode() + rows.tobytes())
PYTHON
cat > view.mjs <<'JAVASCRIPT'
import fs from 'node:fs';
globalThis.self = globalThis.window = globalThis;  // the package is made for pages
const { PlayCanvasCompressedPlyParser, PlyParser } = await import('@mkkellogg/gaussian-splats-3d');

function count(path, degree) {
    const bytes = fs.readFileSync(path);
    const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const parser = path.includes('compressed') ? PlayCanvasCompressedPlyParser : PlyParser;
    try {
        return parser.parseToUncompressedSplatBuffer(data, degree).getSplatCount();
    } catch (error) {
        return error.message;
    }
}

const found = {
    'plain.ply': count('plain.ply', 0), 'degree1.ply': count('degree1.ply', 1),
    'plain.compressed.ply': count('plain.compressed.ply', 0), 'degree1.compressed.ply': count('degree1.compressed.ply', 1),
};
console.log('gaussian-splats-3d finds', found);
const read = ['plain.ply', 'degree1.ply', 'degree1.compressed.ply'].every((name) => found[name] === 600);
process.exit(read && /reading 'count'/.test(found['plain.compressed.ply']) ? 0 : 1);
JAVASCRIPT
venv/bin/python write.py
for name in plain degree1; do
    node node_modules/@playcanvas/splat-transform/bin/cli.mjs -w -q "$name.ply" "$name.compressed.ply"
    echo "$name.compressed.ply has elements:" $(head -c 3000 "$name.compressed.ply" | grep -a '^element')
done
venv/bin/python -c 'import gsply
counts = [len(gsply.plyread(f"{name}.compressed.ply").means) for name in ("plain", "degree1")]
print("gsply finds", counts)
assert counts == [600, 600]'
node --no-deprecation view.mjs
