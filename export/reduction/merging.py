"""Groups of splats to one splat each, with the same moments: mean, covariance, mean colour and opacity."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.gaussians.gaussians import Gaussians

SWEEPS = 5  # of Jacobi's method; 3 x 3 matrices are diagonal then to 1e-14 of their size
MIN_SCALE = 1e-5  # world units


def merge(
    gaussians: Gaussians,
    weights: Float[Tensor, " splats"],
    groups: Int[Tensor, " splats"],
    count: int,
    *,
    spread: float = 1.0,
) -> Gaussians:
    """One splat a group.

    Args:
        gaussians: The splats.
        weights: What each counts in its group; positive.
        groups: Each splat's, 0 to `count` - 1, none empty.
        count: Groups.
        spread: Factor on the merged splats' scales.
    """
    weights = weights.double()
    total = weights.new_zeros(count).index_add_(0, groups, weights)

    def mean(values: Float[Tensor, "splats values"]) -> Float[Tensor, "groups values"]:
        sums = weights.new_zeros(count, values.shape[1])
        return sums.index_add_(0, groups, values.double() * weights[:, None]) / total[:, None]

    means = mean(gaussians.means)
    away = gaussians.means.double() - means[groups]
    scatter = covariances(gaussians) + away[:, :, None] * away[:, None, :]
    variances, axes = principal_axes(mean(scatter.flatten(1)).unflatten(1, (3, 3)))
    return Gaussians(
        means=means.float(),
        scales=(variances.clamp_min(MIN_SCALE**2).sqrt() * spread).float(),
        quats_wxyz=quaternions(axes).float(),
        opacities=mean(gaussians.opacities[:, None])[:, 0].float(),
        colors=mean(gaussians.colors).float(),
    )


def covariances(gaussians: Gaussians) -> Float[Tensor, "splats 3 3"]:
    """In the world, in double precision."""
    w, x, y, z = torch.nn.functional.normalize(gaussians.quats_wxyz.double(), dim=1).unbind(1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], dim=1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], dim=1),
    ]
    half = torch.stack(rows, dim=1) * gaussians.scales.double()[:, None]
    return half @ half.transpose(1, 2)


def principal_axes(
    matrices: Float[Tensor, "rows 3 3"],
) -> tuple[Float[Tensor, "rows 3"], Float[Tensor, "rows 3 3"]]:
    """Eigenvalues of symmetric matrices, and rotations with the axes as columns, by Jacobi's method.

    A few hundred small steps over all rows at once; the libraries' batched solvers take longer than all else
    that a reduction does.
    """
    rest = matrices.permute(1, 2, 0).contiguous()  # rows last: every step runs along them
    axes = torch.zeros_like(rest)
    axes.diagonal().fill_(1)
    for _ in range(SWEEPS):
        for p, q in ((0, 1), (0, 2), (1, 2)):
            angle = 0.5 * torch.atan2(2 * rest[p, q], rest[q, q] - rest[p, p])
            cos, sin = angle.cos(), angle.sin()
            for matrix in (rest, rest.transpose(0, 1), axes):
                first, second = matrix[:, p].clone(), matrix[:, q]
                matrix[:, p] = cos * first - sin * second
                matrix[:, q] = sin * first + cos * second
    return rest.diagonal(), axes.permute(2, 0, 1)


def quaternions(rotations: Float[Tensor, "rows 3 3"]) -> Float[Tensor, "rows 4"]:
    """Unit quaternions (w, x, y, z) of rotations; from the largest component, which is at least a half."""
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(1) for row in rotations.unbind(1))
    candidates = torch.stack(
        [
            torch.stack([1 + a + e + i, h - f, c - g, d - b], dim=1),
            torch.stack([h - f, 1 + a - e - i, b + d, c + g], dim=1),
            torch.stack([c - g, b + d, 1 - a + e - i, f + h], dim=1),
            torch.stack([d - b, c + g, f + h, 1 - a - e + i], dim=1),
        ],
        dim=1,
    )
    largest = candidates.diagonal(dim1=1, dim2=2).argmax(dim=1)
    rows = torch.arange(len(rotations), device=rotations.device)
    return torch.nn.functional.normalize(candidates[rows, largest], dim=1)
