"""How a surface crosses a cube, derived for all 256 patterns of occupied corners.

Corner k of a cube is (k & 1, k >> 1 & 1, k >> 2 & 1); bit k of a case says whether corner k is occupied. An
edge whose ends differ is crossed. The crossed edges are joined face by face: a face with two of them joins
them; a face with four, an ambiguous one, joins the two at each occupied corner, which keeps empty corners
connected. What hangs together gets one dual vertex (Nielson 2004, Dual Marching Cubes).

Two cubes that share an ambiguous face and would put a non-manifold edge there are both read as their
complement: those with more occupied corners than empty ones and no other ambiguous face.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise

import torch
from jaxtyping import Int
from torch import Tensor

CORNERS = tuple((k & 1, k >> 1 & 1, k >> 2 & 1) for k in range(8))

# Ordered pairs of corners; the edges along y run from high to low. The order is that of the weights.
EDGES = (
    *((0, 1), (1, 5), (4, 5), (0, 4), (2, 3), (3, 7)),
    *((6, 7), (2, 6), (2, 0), (3, 1), (7, 5), (6, 4)),
)
MIN_CORNERS_OF_FLAGGED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeTables:
    """What to know of each case.

    Attributes:
        component: Which of a cube's dual vertices each edge belongs to, -1 where it is not crossed.
        num_components: Dual vertices of a cube, 0 to 4.
        flagged_direction: Outward normal of the one ambiguous face of a case that may have to be read as its
            complement; zeros for all others.
    """

    component: Int[Tensor, "256 12"]
    num_components: Int[Tensor, "256"]
    flagged_direction: Int[Tensor, "256 3"]

    def to(self, device: torch.device) -> "CubeTables":
        """The same tables on another device."""
        return CubeTables(
            component=self.component.to(device),
            num_components=self.num_components.to(device),
            flagged_direction=self.flagged_direction.to(device),
        )


@cache
def cube_tables() -> CubeTables:
    """The tables, on the CPU."""
    component = torch.tensor([_components(case) for case in range(256)])
    return CubeTables(
        component=component,
        num_components=component.amax(dim=1) + 1,
        flagged_direction=torch.tensor([_flagged_direction(case) for case in range(256)]),
    )


def edge_from(corner: int, axis: int) -> int:
    """Number of the edge that leaves a corner in the direction of an axis."""
    ends = {corner, corner | 1 << axis}
    return next(i for i, edge in enumerate(EDGES) if set(edge) == ends)


def _occupied(case: int, corner: int) -> bool:
    return bool(case >> corner & 1)


def _crossed_edges(case: int) -> list[int]:
    return [i for i, (a, b) in enumerate(EDGES) if _occupied(case, a) != _occupied(case, b)]


def _faces() -> list[tuple[tuple[int, int, int], set[int]]]:
    """Outward normal and edges of the six faces."""
    faces = []
    for axis in range(3):
        for side in range(2):
            x, y, z = ((2 * side - 1) * (i == axis) for i in range(3))
            edges = {i for i, ends in enumerate(EDGES) if all(CORNERS[c][axis] == side for c in ends)}
            faces.append(((x, y, z), edges))
    return faces


def _joined(case: int) -> list[set[int]]:
    """Sets of crossed edges with the same dual vertex, not yet merged."""
    crossed = set(_crossed_edges(case))
    joined: list[set[int]] = []
    for _, edges in _faces():
        on_face = edges & crossed
        if len(on_face) == 2:
            joined.append(on_face)
        else:
            pairs = (set(pair) for pair in combinations(on_face, 2))
            joined.extend(pair for pair in pairs if _meet_at_occupied_corner(case, pair))
    return joined


def _meet_at_occupied_corner(case: int, pair: set[int]) -> bool:
    first, second = (set(EDGES[edge]) for edge in pair)
    return any(_occupied(case, corner) for corner in first & second)


def _components(case: int) -> list[int]:
    """Number of each edge's dual vertex; components are counted by their lowest edge."""
    label = {edge: edge for edge in _crossed_edges(case)}
    for _ in EDGES:  # a label travels at least one step a round, and no chain is longer
        for a, b in (pair for group in _joined(case) for pair in pairwise(group)):
            label[a] = label[b] = min(label[a], label[b])
    numbers = sorted(set(label.values()))
    return [numbers.index(label[edge]) if edge in label else -1 for edge in range(len(EDGES))]


def _flagged_direction(case: int) -> tuple[int, int, int]:
    crossed = set(_crossed_edges(case))
    ambiguous = [normal for normal, edges in _faces() if len(edges & crossed) == 4]
    if len(ambiguous) == 1 and case.bit_count() >= MIN_CORNERS_OF_FLAGGED:
        return ambiguous[0]
    return (0, 0, 0)
