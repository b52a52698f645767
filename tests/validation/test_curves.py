"""Areas and thresholds on numbers that can be counted by hand."""

import numpy as np
import pytest

from validation.curves import area, curve, threshold_at


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    good, bad = np.array([0.9, 0.6, 0.5]), np.array([0.1, 0.6, 0.55, 0.2])
    # of 12 pairs: 4 for 0.9; 3 and a tie for 0.6; 2 for 0.5
    assert area(good, bad) == pytest.approx((4 + 3.5 + 2) / 12)
    assert area(bad, good) == pytest.approx(1 - (4 + 3.5 + 2) / 12)
    assert area(good, good) == 0.5


def test_any_scores_against_all_pairs() -> None:
    random = np.random.default_rng(0)
    good, bad = random.integers(0, 8, 30).astype(float), random.integers(0, 6, 40).astype(float)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in good for b in bad]
    assert area(good, bad) == pytest.approx(np.mean(pairs))
    passing_bad, passing_good = curve(good, bad)
    assert float(np.trapezoid(passing_good, passing_bad)) == pytest.approx(area(good, bad))


def test_a_threshold_turns_away_no_more_than_it_says() -> None:
    good = np.arange(100.0)
    assert threshold_at(good, 0.0) == 0.0
    assert threshold_at(good, 0.05) == 5.0
    assert (good < threshold_at(good, 0.05)).mean() == 0.05


def test_nothing_has_no_curve() -> None:
    with pytest.raises(ValueError, match="good and bad"):
        area(np.array([]), np.array([1.0]))
    with pytest.raises(ValueError, match="rate"):
        threshold_at(np.array([1.0]), 1.0)
