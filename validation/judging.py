"""From objects that passed the gates to verdicts: views, scores, thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from rendering.renderer import SplatRenderer
from rendering.view_sets import ViewSet
from validation.geometry import Geometry, num_pieces
from validation.reference import reference_view
from validation.scorers import ViewScorer
from validation.verdict import NEVER, Thresholds, Verdict, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An object, and what it shall show.

    Attributes:
        splats: In "validator" space.
        geometry: Measured on its file.
        prompt: None if nobody asked for anything in words.
        picture: A cut-out object with straight alpha that it shall resemble; None if nobody sent one.
    """

    splats: Gaussians
    geometry: Geometry
    prompt: str | None = None
    picture: UInt8[np.ndarray, "height width 4"] | None = None


class ViewJudge:
    """A renderer, a scorer, and what they must find."""

    def __init__(
        self, renderer: SplatRenderer, scorer: ViewScorer, views: ViewSet, thresholds: Thresholds
    ) -> None:
        """Takes the parts."""
        self._renderer, self._scorer, self._views = renderer, scorer, views
        self._thresholds = thresholds

    def verdicts(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        """One for each, scored together."""
        views = [self._views.render(one.splats, self._renderer) for one in candidates]
        pictures = [self._shown(one) for one in candidates]
        scores = self._scorer.score([one.prompt for one in candidates], views, pictures)
        return [
            judge(found, self._thresholds, self._counted(one))
            for found, one in zip(scores, candidates, strict=True)
        ]

    def warm_up(self) -> None:
        """Scores a grey nothing."""
        side, count = self._views.size, self._views.cameras.num_views
        views = torch.full((count, side, side, 3), 0.5)
        self._scorer.score(["a mug"], [views], [views[0]])

    def _shown(self, candidate: Candidate) -> UInt8[Tensor, "size size 3"] | None:
        """The picture as a view would show its object."""
        if candidate.picture is None:
            return None
        return torch.from_numpy(reference_view(candidate.picture, self._views.size))

    def _counted(self, candidate: Candidate) -> Geometry:
        """With the number of its pieces, where anybody asks."""
        if self._thresholds.retry_below == NEVER:
            return candidate.geometry
        return replace(candidate.geometry, num_pieces=num_pieces(candidate.splats))
