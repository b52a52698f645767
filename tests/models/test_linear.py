"""oneDNN's kernels against PyTorch's own."""

import pytest
import torch
from torch.nn import functional as F

from models.linear import Convolution3d, linear, linear_gelu, suits_onednn


@pytest.mark.parametrize("rows", [1, 7, 300])
def test_linear_layers_agree_with_pytorchs(rows: int) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(rows, 24), torch.randn(40, 24), torch.randn(40)
    with torch.no_grad():
        assert suits_onednn(x)
        torch.testing.assert_close(linear(x, weight, bias), F.linear(x, weight, bias), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(linear(x, weight, None), x @ weight.T, rtol=1e-5, atol=1e-5)
        expected = F.gelu(F.linear(x, weight, bias), approximate="tanh")
        torch.testing.assert_close(linear_gelu(x, weight, bias), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2])
def test_dense_convolutions_agree_with_pytorchs(batch: int) -> None:
    convolution, x = Convolution3d(5, 8), torch.randn(batch, 5, 6, 7, 8)
    expected = F.conv3d(x, convolution.weight, convolution.bias, padding=1).detach()
    with torch.no_grad():
        torch.testing.assert_close(convolution(x), expected, rtol=1e-5, atol=1e-5)


def test_training_autocast_and_half_precision_take_pytorchs_kernels() -> None:
    x = torch.randn(2, 3)
    assert not suits_onednn(x)  # gradients are on
    with torch.no_grad():
        assert not suits_onednn(x.half())
        with torch.autocast("cpu", torch.bfloat16):
            assert not suits_onednn(x)
