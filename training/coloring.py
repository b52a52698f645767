"""Random colourings of geometries, drawn on the GPU from a table made once of training specs."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from training.objects.catalog import KINDS
from training.objects.dataset import Geometries
from training.pictures import palette
from training.text.specs import Spec, draw_spec

SPECS_PER_KIND = 400


class ColoringTable:
    """`SPECS_PER_KIND` training specs of every kind, and their part colours."""

    def __init__(self, seed: int, device: torch.device | str) -> None:
        rng = np.random.default_rng(seed)
        self.specs: list[list[Spec]] = [
            [draw_spec(kind, rng) for _ in range(SPECS_PER_KIND)] for kind in KINDS
        ]
        colors = np.stack(
            [
                np.stack([palette(kind, spec) for spec in specs])
                for kind, specs in zip(KINDS, self.specs, strict=True)
            ]
        )
        self.colors: Float[Tensor, "kinds specs parts 3"] = torch.from_numpy(colors).to(device)

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
