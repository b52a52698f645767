"""The scorers that a configuration can name, behind one interface.

clip_laion   CLIP and a LAION head (`validation.scorer`): cosines, ratings of 1 to 10, no total
subnet       the validator's whole formula (`validation.subnet`): a total of 0 to 1, from 0.6 on accepted
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import torch
from jaxtyping import Shaped
from torch import Tensor

from validation.clip import Faster, unchanged
from validation.scores import Scores

ScorerName = Literal["clip_laion", "subnet"]


class ViewScorer(Protocol):
    """Scores objects by their rendered views."""

    def score(
        self,
        prompts: Sequence[str | None],
        views: Sequence[Shaped[Tensor, "_views _height _width 3"]],
        pictures: Sequence[Shaped[Tensor, "_height _width 3"] | None] | None = None,
    ) -> list[Scores]:
        """Scores of each prompt and picture (None where there is none) with its own object's views."""
        ...

    def cuts(self, prompt: str) -> list[str]:
        """Whether it does not read all of a prompt, and how much it reads."""
        ...


def load_scorer(
    name: ScorerName,
    folder: Path,
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    faster: Faster = unchanged,
) -> ViewScorer:
    """The named scorer with its weights, from the folder of validation; nothing is fetched.

    Raises:
        WeightsError: A file is missing, damaged, or does not fit the others.
    """
    if name == "subnet":
        from validation.subnet.scorer import SubnetScorer

        return SubnetScorer.load(folder, device=device, dtype=dtype, faster=faster)
    from validation.scorer import Scorer

    return Scorer.load(folder, device=device, dtype=dtype, faster=faster)
