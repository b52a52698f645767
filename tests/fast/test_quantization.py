"""Quantised linear layers: how far from the exact product, how small, and loaded tensor by tensor."""

import math
from statistics import NormalDist

import pytest
import torch
from torch import Tensor, nn

from models.errors import WeightsError
from models.fast.kernels.float8 import few_rows_product
from models.fast.kernels.parameters import FLOAT8
from models.fast.quantization import SCHEMES, scheme_named
from models.fast.quantization.float8 import Float8Linear, quantized_product
from models.fast.quantization.linear import QuantizedLinear
from models.fast.quantization.nf4 import Nf4Linear, levels
from models.weights.loading import assign_quantized
from models.weights.sources import TensorsInMemory

# Rms error of a product with normal weights, and bytes a weight (scales included).
BOUNDS = {"fp8": (0.05, 1.1), "nf4": (0.11, 0.6)}


def relative_error(result: Tensor, exact: Tensor) -> float:
    return float((result.float() - exact).norm() / exact.norm())


def weight_and_input(device: str = "cpu") -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(192, 512, generator=generator) * 512**-0.5
    inputs = torch.randn(2, 40, 512, generator=generator)
    return weight.to(device, torch.bfloat16), inputs.to(device, torch.bfloat16)


@pytest.mark.parametrize("name", sorted(SCHEMES))
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_products_are_close_and_weights_are_small(name: str, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    weight, inputs = weight_and_input(device)
    layer = SCHEMES[name](weight)
    bias = torch.full((192,), 0.5, device=device, dtype=torch.bfloat16)
    layer.bias = nn.Parameter(bias, requires_grad=False)
    exact = inputs.float() @ weight.float().T + 0.5
    max_error, max_bytes = BOUNDS[name]
    result = layer(inputs)
    assert (result.shape, result.dtype) == ((2, 40, 192), torch.bfloat16)
    assert relative_error(result, exact) <= max_error
    assert (layer.num_bytes - 192 * 2) / weight.numel() <= max_bytes


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_a_row_of_zeros_stays_zero(name: str) -> None:
    weight = torch.zeros(4, 64)
    weight[0] = 1.0
    assert SCHEMES[name](weight).dequantized(torch.float32)[1:].abs().max() == 0


def test_the_levels_of_nf4_are_normal_quantiles_with_an_exact_zero() -> None:
    table = levels()
    assert len(table) == 16
    assert (table[0], table[7], table[15]) == (-1.0, 0.0, 1.0)
    assert list(table) == sorted(table)
    outermost = NormalDist().inv_cdf(0.9677083)  # the paper's offset, 1 - (1/30 + 1/32) / 2
    assert NormalDist().cdf(table[8] * outermost) - 0.5 == pytest.approx((0.9677083 - 0.5) / 8)
    assert math.isclose((1 / 30 + 1 / 32) / 2, 1 - 0.9677083, abs_tol=1e-6)


def test_nf4_picks_the_nearest_level() -> None:
    weight = torch.randn(8, 128, generator=torch.Generator().manual_seed(1))
    scale = weight.view(8, 2, 64).abs().amax(2, keepdim=True).bfloat16().float()
    table = torch.tensor(levels())
    nearest = table[(weight.view(8, 2, 64, 1) / scale[..., None] - table).abs().argmin(-1)] * scale
    difference = (Nf4Linear(weight).dequantized(torch.float32).view(8, 2, 64) - nearest).abs()
    assert float((difference > 0.01).float().mean()) < 0.01  # ties at the rounding of the scale


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_fp8_product_of_the_gpu_is_the_reference() -> None:
    weight, inputs = weight_and_input("cuda")
    layer = Float8Linear(weight)
    rows = inputs.flatten(0, 1)
    reference = quantized_product(rows, layer.codes, layer.scale, None)
    assert relative_error(layer(rows), reference.float()) < 5e-3


@pytest.mark.parametrize("rows", [1, 5, 16])
def test_a_few_rows_lose_nothing_but_the_weights_rounding(rows: int) -> None:
    weight, inputs = weight_and_input()
    layer = Float8Linear(weight)
    few = inputs.flatten(0, 1)[:rows]
    exact = few.double() @ (layer.codes.double() * layer.scale.double()).T
    made = few_rows_product(few, layer.codes, layer.scale, None)
    assert relative_error(made, exact.float()) < 3e-3  # of a bf16 result; fp8 inputs would make it 2.6e-2
    with pytest.raises(ValueError, match="17 rows are more than 16"):
        few_rows_product(inputs.flatten(0, 1)[:17], layer.codes, layer.scale, None)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpus_few_rows_and_nf4_are_those_of_the_cpu() -> None:
    weight, inputs = weight_and_input()
    few = inputs.flatten(0, 1)[:5]
    for scheme in (Float8Linear, Nf4Linear):
        here, there = scheme(weight), scheme(weight.cuda())
        assert relative_error(there(few.cuda()).cpu(), here(few).float()) < 5e-3
    assert torch.equal(
        Nf4Linear(weight.cuda()).dequantized(torch.bfloat16).cpu(),
        Nf4Linear(weight).dequantized(torch.bfloat16),
    )


class Pair(nn.Module):
    """One layer to quantise and one to leave."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(64, 32)
        self.outer = nn.Linear(32, 8)


def load_pair(state: dict[str, Tensor], scheme: str = "fp8") -> Pair:
    return assign_quantized(
        Pair,
        TensorsInMemory(state, "memory"),
        device="cpu",
        dtype=torch.bfloat16,
        scheme=scheme_named(scheme),
        targets=lambda name: name == "inner",
    )


def test_only_the_chosen_layers_are_quantised_and_biases_are_kept() -> None:
    original = Pair()
    loaded = load_pair(original.state_dict())
    inner: nn.Module = loaded.inner
    assert isinstance(inner, QuantizedLinear)
    assert inner.get_buffer("codes").dtype == FLOAT8
    assert inner.bias is not None
    torch.testing.assert_close(inner.bias.float(), original.inner.bias, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(loaded.outer.weight.float(), original.outer.weight, rtol=1e-2, atol=1e-3)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_a_missing_tensor_is_named() -> None:
    state = Pair().state_dict()
    del state["inner.bias"]
    with pytest.raises(WeightsError, match=r"missing inner\.bias"):
        load_pair(state)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="no quantisation 'fp7'"):
        scheme_named("fp7")
