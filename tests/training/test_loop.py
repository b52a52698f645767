"""Budgets, learning rates and averages of the trainings."""

import pytest
import torch
from torch import nn

from training.loop import Average, Budget, TimedLoop


def test_a_budget_that_preparations_used_up_is_an_error_not_an_untrained_network() -> None:
    with pytest.raises(ValueError, match=r"12 s too few .* more --minutes"):
        Budget(-12.3)


def test_a_budget_of_steps_needs_no_time() -> None:
    layer = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    rates = [
        optimizer.param_groups[0]["lr"]
        for _ in TimedLoop("smoke", Budget(-12.3, max_steps=4), optimizer, warm_up_steps=2)
    ]
    assert len(rates) == 4
    assert rates[0] == 0.25  # half-way up
    assert rates[1:] == sorted(rates[1:], reverse=True)


def test_an_average_follows_its_module_and_is_a_module_too() -> None:
    layer = nn.Linear(2, 2)
    average = Average({"layer": layer}, decay=0.9)
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight += 1
    average.update(10_000)
    made = average.copy_of("layer", layer)
    assert torch.allclose(made.weight, before + 0.1)
    assert not made.weight.requires_grad
    assert layer.weight.requires_grad
