"""Fixtures of meshes: the same vertices and the same oriented triangles, in any order."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from models.conformance.fixtures import Fixture
from models.conformance.report import Check, bounded, close, exact, failed
from models.mesh.corner_field import NUM_WEIGHTS, CornerField, corner_field
from models.mesh.decoder import MeshDecoder
from models.mesh.extraction import extract
from models.mesh.mesh import Mesh
from models.sparse import SparseTensor

MESH_BOUND = 1e-4  # positions in world units; attributes, which are 0 to 1
STORED_HALF_BOUND = 5e-4  # relative rms against a recording rounded to fp16 (2^-11 a value at most)
MATCHED_AT_ONCE = 1024


def mesh_checks(name: str, mesh: Mesh, prefix: str, io: Mapping[str, Tensor]) -> Iterator[Check]:
    """Compares a mesh with the recorded `<prefix>.vertices`, `.faces` and `.vertex_attrs`."""
    vertices, faces = io[f"{prefix}.vertices"].cpu(), io[f"{prefix}.faces"].cpu().long()
    expected = Mesh(vertices=vertices, faces=faces, attributes=io[f"{prefix}.vertex_attrs"].cpu())
    actual = mesh.to("cpu")
    if (
        actual.vertices.shape != expected.vertices.shape
        or actual.attributes.shape != expected.attributes.shape
    ):
        shapes = [tuple(m.vertices.shape) + tuple(m.attributes.shape) for m in (actual, expected)]
        yield failed(f"{name} vertices", f"shapes {shapes[0]}, expected {shapes[1]}")
        return
    twin = _nearest(actual, expected)
    yield bounded(f"{name} vertices matched twice", float(len(twin) - len(twin.unique())), 0.0)
    yield bounded(f"{name} vertices max distance", _largest(actual.vertices - vertices[twin]), MESH_BOUND)
    difference = actual.attributes - expected.attributes[twin]
    yield bounded(f"{name} attributes max difference", _largest(difference), MESH_BOUND)
    yield bounded(f"{name} differing triangles", _differing_triangles(twin[actual.faces], faces), 0.0)


def decoder_checks(decoder: MeshDecoder, raw: SparseTensor, io: Mapping[str, Tensor]) -> Iterator[Check]:
    """The decoder's features at every depth, then the meshes of all objects."""
    yield from _depth_checks(decoder, SparseTensor.of(io["in.coords"], io["in.feats"]), io)
    yield exact("fine coordinates", raw.coords, io["out.coords"])
    recorded = io["out.raw_feats"]
    bound = {"bound": STORED_HALF_BOUND} if recorded.dtype == torch.float16 else {}
    yield close("raw features", raw.feats, recorded, **bound)
    for i, mesh in enumerate(decoder.to_meshes(raw)):
        yield from mesh_checks(f"mesh {i}", mesh, f"mesh{i}", io)


def _depth_checks(decoder: MeshDecoder, x: SparseTensor, io: Mapping[str, Tensor]) -> Iterator[Check]:
    h = x.replace(decoder.trunk(x))
    if "dbg.trunk.feats" in io:
        yield close("trunk", h.feats, io["dbg.trunk.feats"])
    for i, block in enumerate(decoder.upsample):
        name = f"dbg.up{i}"
        if (key := f"{name}.skip.feats_first256") in io:
            skip = block.skip(h).repeat_interleave(8, dim=0)
            yield close(f"upsample {i} skip", skip[: len(io[key])], io[key])
        h = block(h)
        if (key := f"{name}.coords_first256") in io:
            yield exact(f"upsample {i} coordinates", h.coords[: len(io[key])], io[key])
        if (key := f"{name}.feats_first256") in io:
            yield close(f"upsample {i}", h.feats[: len(io[key])], io[key])
        if (key := f"{name}.mean_std") in io:
            statistics = torch.stack([h.feats.mean(), h.feats.std()])
            yield close(f"upsample {i} mean and std", statistics, io[key])


def extraction_checks(fixture: Fixture) -> Iterator[Check]:
    """Meshes of fields on whole grids (`<name>.sdf`) or of features of sparse voxels (`in.feats`)."""
    io = fixture.tensors()
    for name in sorted(key.removesuffix(".sdf") for key in io if key.endswith(".sdf")):
        yield from mesh_checks(name, extract(_whole_grid(name, io)), name, io)
    if "in.feats" in io:
        resolution = int(fixture.json("meta.json")["res"])
        objects = _objects(io["in.coords"], io["in.feats"])
        prefixes = [f"mesh{i}" for i in range(len(objects))] if "mesh0.faces" in io else ["mesh"]
        for prefix, (coords, feats) in zip(prefixes, objects, strict=True):
            mesh = extract(corner_field(coords, feats, resolution))
            yield from mesh_checks(prefix, mesh, prefix, io)


def _whole_grid(name: str, io: Mapping[str, Tensor]) -> CornerField:
    weights = io[f"{name}.weights"]
    assert weights.shape[1] == NUM_WEIGHTS
    resolution = round(len(weights) ** (1 / 3))
    return CornerField(
        resolution=resolution,
        vertex_keys=torch.arange((resolution + 1) ** 3, device=weights.device),
        sdf=io[f"{name}.sdf"],
        deformation=io[f"{name}.deform"],
        attributes=io[f"{name}.color"],
        cube_keys=torch.arange(resolution**3, device=weights.device),
        weights=weights,
    )


def _objects(coords: Tensor, feats: Tensor) -> Sequence[tuple[Tensor, Tensor]]:
    x = SparseTensor.of(coords, feats)
    pairs = zip(torch.split(x.coords[:, 1:], x.grid.counts), torch.split(feats, x.grid.counts), strict=True)
    return list(pairs)


def _nearest(actual: Mesh, expected: Mesh) -> Int[Tensor, " vertices"]:
    """For each vertex the expected one that is most alike in position and attributes."""
    queries, keys = (torch.cat([m.vertices, m.attributes], dim=1).double() for m in (actual, expected))
    exactly = "donot_use_mm_for_euclid_dist"
    found = [
        torch.cdist(chunk, keys, compute_mode=exactly).argmin(dim=1)
        for chunk in torch.split(queries, MATCHED_AT_ONCE)
        if len(chunk)
    ]
    return torch.cat([torch.empty(0, dtype=torch.long), *found])


def _differing_triangles(actual: Tensor, expected: Tensor) -> float:
    """Triangles, as often as they occur, that only one side has; a turned triangle is the same triangle."""
    rows = torch.cat([_first_least(actual), _first_least(expected)])
    sign = torch.ones(len(rows), dtype=torch.long)
    sign[len(actual) :] = -1
    _, which = torch.unique(rows, dim=0, return_inverse=True)
    return float(torch.zeros(len(rows), dtype=torch.long).index_add_(0, which, sign).abs().sum())


def _first_least(faces: Tensor) -> Tensor:
    """Turns each triangle so that its least vertex comes first."""
    turned = (faces.argmin(dim=1, keepdim=True) + torch.arange(3)) % 3
    return faces.gather(1, turned)


def _largest(difference: Tensor) -> float:
    return float(difference.abs().max()) if difference.numel() else 0.0
