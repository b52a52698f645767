"""An object's visible surface as an oriented point cloud.

Points are spread over the union of the solids: denser on thin solids, none inside another solid. Colours
stay open (a part index a point), so one geometry serves every colouring.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray as Array

from training.objects.builder import Builder, Placed
from training.objects.kind import Kind
from training.objects.solids import unit

OBJECT_EXTENT = 0.96
NUM_POINTS = 49152


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Surface points in the cube [-0.5, 0.5]^3, z up, front to -y.

    Attributes:
        radii: Standard deviation of the flat splat that covers the surface around the point.
        parts: Index into the kind's `parts`.
        tones: Brightness multiplier times 128.
    """

    positions: Float[Array, "points 3"]
    normals: Float[Array, "points 3"]
    radii: Float[Array, "points"]
    parts: UInt8[Array, "points"]
    tones: UInt8[Array, "points"]


def build_cloud(kind: Kind, seed: int, num_points: int = NUM_POINTS) -> Cloud:
    """One random instance of a kind.

    Raises:
        ValueError: The kind's builder names a part that the kind does not declare, or adds no solid.
    """
    rng = np.random.default_rng(seed)
    builder = Builder(rng)
    kind.build(builder)
    if not builder.solids:
        raise ValueError(f"kind {kind.name!r} adds no solid")
    part_index = {part.name: i for i, part in enumerate(kind.parts)}
    unknown = {solid.part for solid in builder.solids} - part_index.keys()
    if unknown:
        raise ValueError(f"kind {kind.name!r} builds undeclared parts {sorted(unknown)}")
    positions, normals, radii, owner = _sample_union(builder.solids, int(1.35 * num_points), rng)
    while len(positions) < num_points:
        more = _sample_union(builder.solids, num_points, rng)
        positions, normals, radii, owner = (
            np.concatenate(pair) for pair in zip((positions, normals, radii, owner), more, strict=True)
        )
    chosen = rng.permutation(len(positions))[:num_points]
    positions, normals, radii, owner = positions[chosen], normals[chosen], radii[chosen], owner[chosen]
    low, high = positions.min(axis=0), positions.max(axis=0)
    factor = OBJECT_EXTENT / float((high - low).max())
    parts = np.array([part_index[solid.part] for solid in builder.solids], dtype=np.uint8)
    tones = np.array([np.clip(solid.tone * 128, 0, 255) for solid in builder.solids]).astype(np.uint8)
    return Cloud(
        positions=(positions - (low + high) / 2) * factor,
        normals=normals,
        radii=radii * factor,
        parts=parts[owner],
        tones=tones[owner],
    )


def _sample_union(
    solids: list[Placed], num_points: int, rng: np.random.Generator
) -> tuple[Array, Array, Array, Array]:
    areas = np.array([_world_area(solid) for solid in solids])
    weights = areas**0.8  # thin and small solids get more than their share, so that spokes stay whole
    counts = np.maximum((num_points * weights / weights.sum()).astype(int), 48)
    positions, normals, radii, owner = [], [], [], []
    for index, (placed, count) in enumerate(zip(solids, counts, strict=True)):
        point, normal = _sample_placed(placed, int(count), rng)
        spread = 0.75 * np.sqrt(areas[index] / count)
        thin = 0.7 * placed.solid.thickness * float(placed.scale.min())
        positions.append(point)
        normals.append(normal)
        radii.append(np.full(len(point), min(spread, thin)))
        owner.append(np.full(len(point), index))
    position, normal = np.concatenate(positions), np.concatenate(normals)
    owners = np.concatenate(owner)
    visible = ~_inside_others(position, owners, solids)
    return position[visible], normal[visible], np.concatenate(radii)[visible], owners[visible]


def _world_area(placed: Placed) -> float:
    if np.ptp(placed.scale) == 0:
        return placed.solid.area * float(placed.scale[0]) ** 2
    _, normals = placed.solid.sample(256, np.random.default_rng(0))
    return placed.solid.area * float(_stretch(placed, normals).mean())


def _stretch(placed: Placed, normals: Array) -> Array:
    """By how much the scale changes the area of a surface element with a given normal."""
    return np.prod(placed.scale) * np.linalg.norm(normals / placed.scale, axis=1)


def _sample_placed(placed: Placed, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    if np.ptp(placed.scale) == 0:
        points, normals = placed.solid.sample(count, rng)
    else:
        points, normals = placed.solid.sample(3 * count, rng)
        stretch = _stretch(placed, normals)
        chosen = rng.choice(len(points), size=count, p=stretch / stretch.sum())
        points, normals = points[chosen], normals[chosen]
    points = (points * placed.scale) @ placed.rotation.T + placed.offset
    return points, unit(normals / placed.scale) @ placed.rotation.T


def _inside_others(positions: Array, owners: Array, solids: list[Placed]) -> Array:
    inside = np.zeros(len(positions), dtype=bool)
    by_x = np.argsort(positions[:, 0])
    sorted_x = positions[by_x, 0]
    for index, placed in enumerate(solids):
        local, _ = placed.solid.sample(256, np.random.default_rng(0))
        world = (local * placed.scale) @ placed.rotation.T + placed.offset
        margin = 0.1 * float(np.ptp(world, axis=0).max()) + 1e-6
        low, high = world.min(axis=0) - margin, world.max(axis=0) + margin
        rows = by_x[np.searchsorted(sorted_x, low[0]) : np.searchsorted(sorted_x, high[0])]
        rows = rows[(owners[rows] != index) & ~inside[rows]]
        near = positions[rows, 1:]
        rows = rows[np.all((near > low[1:]) & (near < high[1:]), axis=1)]
        back = ((positions[rows] - placed.offset) @ placed.rotation) / placed.scale
        inside[rows] = placed.solid.contains(back * 1.0005)
    return inside
