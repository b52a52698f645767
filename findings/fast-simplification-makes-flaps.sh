#!/bin/sh
# fast-simplification 0.2.0 (PyPI): a closed manifold mesh is open, by trimesh's count, after it was simplified.
#
# Guess: quadric edge collapse keeps a closed surface closed, as long as no face has turned over: an edge whose collapse
# would let the surface meet itself is passed over (the link condition), and at worst too many faces are left.
# Seen: a lattice of square bars (two cells wide, holes of three; one body, every edge of two faces, a positive volume)
# is watertight for trimesh 5.2.0 at half of its faces. At a tenth hundreds of its edges have four and more faces, and
# dozens of faces come in pairs on the same three corners, flaps that enclose nothing. No error, no warning. A torus,
# which has no thin parts, stays closed. With agg=3 and below (7 is the default) the lattice stays closed too, but keeps
# 2718 faces instead of 1560. Where it begins depends on the order of the vertices: bars of three cells, at a tenth,
# came out open in one order and closed in another.
# Who simplifies for a watertight result has to mend it afterwards, or to check what came out.
#
# Needs python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check fast-simplification==0.2.0 trimesh==5.2.0 \
    numpy==2.4.6 scipy networkx
"$place/venv/bin/python" - <<'PYTHON'
import sys

import fast_simplification
import numpy as np
import trimesh

SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])


def lattice(bar, hole):
    """The surface of bars along all edges of a 4 x 4 x 4 grid of cubes, two triangles for each side of a cell."""
    is_bar = np.arange(4 * (bar + hole) + bar) % (bar + hole) < bar
    x, y, z = np.meshgrid(is_bar, is_bar, is_bar, indexing="ij")
    cells = np.pad((x & y) | (y & z) | (x & z), 1)
    quads = []
    for axis in range(3):
        before, after = cells.take(range(len(cells) - 1), axis), cells.take(range(1, len(cells)), axis)
        for side, turned in ((before & ~after, False), (after & ~before, True)):
            corner = np.argwhere(side)[:, None, :].repeat(4, 1)
            corner[..., axis] += 1
            corner[..., [(axis + 1) % 3, (axis + 2) % 3]] += SQUARE  # counter-clockwise seen from +axis
            quads.append(corner[:, ::-1] if turned else corner)
    vertices, quads = np.unique(np.concatenate(quads).reshape(-1, 3), axis=0, return_inverse=True)
    quads = quads.reshape(-1, 4)
    return vertices.astype(np.float32), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def look(name, vertices, faces):
    """(closed by trimesh's count, edges of more than two faces, faces on the corners of another one)."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    crowded = int((np.unique(edges, axis=0, return_counts=True)[1] > 2).sum())
    doubled = len(faces) - len(np.unique(np.sort(faces, axis=1), axis=0))
    closed = bool(trimesh.Trimesh(vertices, faces, process=False).is_watertight)
    print(f"{name:16} {len(faces):6} faces, watertight {closed}, crowded edges {crowded}, doubled faces {doubled}")
    return closed, crowded, doubled


def simplified(name, vertices, faces):
    """What is seen at half and at a tenth of the faces."""
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_volume and mesh.body_count == 1 and look(name, vertices, faces) == (True, 0, 0)
    return [
        look(f"{name} less {share:.0%}", *fast_simplification.simplify(vertices, faces, share)) for share in (0.5, 0.9)
    ]


print("fast-simplification", fast_simplification.__version__, "trimesh", trimesh.__version__)
torus = trimesh.creation.torus(1, 0.3, major_sections=256, minor_sections=64)
whole = simplified("torus", torus.vertices.astype(np.float32), torus.faces.astype(np.int32))
half, tenth = simplified("lattice", *lattice(2, 3))
gentle = look("lattice, agg=3", *fast_simplification.simplify(*lattice(2, 3), 0.9, agg=3))
same = (
    whole == [(True, 0, 0)] * 2 and half == (True, 0, 0)
    and gentle == (True, 0, 0)
    and not tenth[0] and tenth[1] > 100 and tenth[2] > 20
)
sys.exit(not same)
PYTHON
