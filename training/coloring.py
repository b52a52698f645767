"""Random colourings of geometries, drawn on the GPU from a table made once of training specs."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from training.objects.catalog import KINDS
from training.objects.colors import COLOR_NAMES, COLORS
from training.objects.dataset import Geometries
from training.objects.kind import Kind
from training.pictures import palette
from training.text.specs import Spec, draw_spec, training_colors

SPECS_PER_KIND = 400


class ColoringTable:
    """`SPECS_PER_KIND` specs of every kind, by default training ones, and their part colours."""

    def __init__(
        self,
        seed: int,
        device: torch.device | str,
        draw: Callable[[Kind, np.random.Generator], Spec] = draw_spec,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.specs: list[list[Spec]] = [[draw(kind, rng) for _ in range(SPECS_PER_KIND)] for kind in KINDS]
        colors = np.stack(
            [
                np.stack([palette(kind, spec) for spec in specs])
                for kind, specs in zip(KINDS, self.specs, strict=True)
            ]
        )
        self.colors: Float[Tensor, "kinds specs parts 3"] = torch.from_numpy(colors).to(device)
        self._named = torch.tensor([color.srgb for color in COLORS], device=device)
        allowed = [[name in training_colors(kind) for name in COLOR_NAMES] for kind in KINDS]
        self.allowed: Bool[Tensor, "kinds names"] = torch.tensor(allowed, device=device)

    def draw(
        self, geometries: Geometries, batch: int, generator: torch.Generator, *, jitter: float = 0.0
    ) -> tuple[Int[Tensor, "batch"], Int[Tensor, "batch"], Float[Tensor, "batch parts 3"]]:
        """Random geometry rows, the spec number of each (within its kind), and their part colours.

        Args:
            jitter: Largest change of a part's colour, so that a model does not learn the table by heart.
        """
        device = self.colors.device
        rows = torch.randint(0, len(geometries), (batch,), device=device, generator=generator)
        spec = torch.randint(0, SPECS_PER_KIND, (batch,), device=device, generator=generator)
        colors = self.colors[geometries.kinds[rows], spec]
        noise = torch.rand(colors.shape, device=device, generator=generator) * 2 - 1
        return rows, spec, (colors + jitter * noise).clamp(0, 1)

    def recolor(
        self,
        kinds: Int[Tensor, "batch"],
        part_colors: Float[Tensor, "batch parts 3"],
        generator: torch.Generator,
        *,
        share: float,
    ) -> Float[Tensor, "batch parts 3"]:
        """Give a share of the objects any colours at all, so that shapes are not told by their colour.

        Parts whose new colour would be nearest to one that is held out for the kind keep the old one.
        """
        device = part_colors.device
        free = torch.rand(part_colors.shape, device=device, generator=generator)
        name = (free[..., None, :] - self._named).square().sum(-1).argmin(-1)
        chosen = torch.rand(len(kinds), 1, device=device, generator=generator) < share
        chosen = chosen & self.allowed[kinds[:, None], name]
        return torch.where(chosen[..., None], free, part_colors)
