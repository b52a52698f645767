"""Time budgets of the trainings."""

import pytest

from training.schedule import Budget


def test_a_budget_that_preparations_used_up_is_an_error_not_an_untrained_network() -> None:
    with pytest.raises(ValueError, match=r"12 s too few .* more --minutes"):
        Budget(-12.3)


def test_a_budget_of_steps_needs_no_time() -> None:
    budget = Budget(-12.3, max_steps=2)
    assert [budget.spent(step) for step in range(3)] == [False, False, True]
