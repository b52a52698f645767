"""Of two results the better one is served, wherever their verdicts are written down."""

import dataclasses
import itertools
import math

import pytest

from runners.messages import JudgeResult
from validation.ranking import rank
from validation.verdict import Verdict

PASSED = Verdict(passed=True, convincing=True, reason=None, alignment=0.3, aesthetics=5.0, num_splats=7000)
DOUBTFUL = dataclasses.replace(PASSED, convincing=False)
FAILED = dataclasses.replace(DOUBTFUL, passed=False, reason="aesthetics")


def aligned(verdict: Verdict, alignment: float) -> Verdict:
    return dataclasses.replace(verdict, alignment=alignment)


WORST_FIRST = [
    aligned(FAILED, -0.5),
    aligned(FAILED, 0.9),  # however well it resembles its prompt
    aligned(DOUBTFUL, -0.1),
    aligned(DOUBTFUL, 0.8),
    aligned(PASSED, 0.1),
    aligned(PASSED, 0.2),
]


def test_what_passes_comes_first_then_what_convinces_then_what_is_better_aligned() -> None:
    for worse, better in itertools.combinations(WORST_FIRST, 2):
        assert rank(worse) < rank(better)


@pytest.mark.parametrize("verdict", WORST_FIRST)
def test_equal_results_rank_equally_so_that_the_first_is_kept(verdict: Verdict) -> None:
    assert not rank(dataclasses.replace(verdict)) > rank(verdict)


def test_a_failure_without_a_score_never_beats_what_passes() -> None:
    for score in (math.nan, math.inf):
        assert rank(aligned(FAILED, score)) < rank(aligned(DOUBTFUL, -1.0))
    assert JudgeResult().rank < rank(aligned(DOUBTFUL, -1.0))


@pytest.mark.parametrize("verdict", WORST_FIRST)
def test_a_message_ranks_as_its_verdict(verdict: Verdict) -> None:
    message = JudgeResult(passed=verdict.passed, convincing=verdict.convincing, alignment=verdict.alignment)
    assert message.rank == rank(verdict)
