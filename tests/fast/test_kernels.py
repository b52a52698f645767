"""The kernels equal their formulas in plain operations."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
import torch

from command_line.places import ROOT
from models.fast.kernels import normed_sum
from tests.fast.kernel_cases import errors


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="no Triton, which torch brings on Linux"
)
def test_interpreted_kernels_equal_the_formulas() -> None:
    """In a process of its own, for Triton decides when it is imported."""
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    command = [sys.executable, "-m", "tests.fast.kernel_cases"]
    made = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    found = json.loads(made.stdout)
    assert len(found) == 3 * 4 + 4 * 3 + 2 * 3 + 3 * 2 + 3 * 3 + 2 + 1
    assert {name: error for name, error in found.items() if not error < 2e-6} == {}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float16, 2e-3), (torch.float32, 2e-6)])
def test_a_cards_kernels_equal_the_formulas(dtype: torch.dtype, bound: float) -> None:
    found = errors("cuda", dtype)
    flipped = max(bound, 2e-3)  # a quotient between two codes may go either way
    allowed = {name: flipped if name.startswith("fp8") else bound for name in found}
    assert {name: error for name, error in found.items() if not error < allowed[name]} == {}


def test_a_sum_with_too_few_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="2 groups, 1 of them"):
        normed_sum(torch.zeros(2, 3, 8), torch.zeros(1, 3, 8), None)
