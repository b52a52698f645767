"""Smooth outlines and paths, typed for the builder."""

from collections.abc import Sequence

from training.objects.builder import Vector, smooth


def profile(
    points: Sequence[tuple[float, float]], num_points: int = 28, wide: float = 1.0
) -> list[tuple[float, float]]:
    """A smooth (radius, z) curve that never crosses the axis; radii times `wide`."""
    return [(max(r * wide, 0.0), z) for r, z in smooth(points, num_points)]


def curve(points: Sequence[Vector], num_points: int = 16) -> list[Vector]:
    """A smooth tube path."""
    return [(x, y, z) for x, y, z in smooth(points, num_points)]
