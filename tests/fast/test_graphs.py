"""Recorded functions give what the functions give, whatever was called before."""

import pytest
import torch
from torch import Tensor

from models.fast.graphs import GraphRecorder

DEVICES = ["cpu", pytest.param("cuda", marks=[
    pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
])]  # fmt: skip


def scaled_sum(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    return (x @ y + x.sum(), y * 2)


@pytest.mark.parametrize("device", DEVICES)
def test_every_call_sees_its_own_inputs(device: str) -> None:
    recorder = GraphRecorder(device)
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        x, y = (torch.randn(8, 8, generator=generator).to(device) for _ in range(2))
        for actual, expected in zip(
            recorder.run("sums", "scaled", scaled_sum, (x, y)), scaled_sum(x, y), strict=True
        ):
            assert torch.allclose(actual, expected, atol=1e-5)
    assert recorder.num_recordings == 1


@pytest.mark.parametrize("device", DEVICES)
def test_a_result_stays_when_the_function_is_called_again(device: str) -> None:
    recorder, x = GraphRecorder(device), torch.ones(3, 3, device=device)
    first, _ = recorder.run("sums", "scaled", scaled_sum, (x, x))
    kept = first.clone()
    recorder.run("sums", "scaled", scaled_sum, (x * 5, x * 7))
    assert torch.equal(first, kept)


@pytest.mark.parametrize("device", DEVICES)
def test_functions_that_share_buffers_do_not_read_each_others_values(device: str) -> None:
    recorder = GraphRecorder(device)
    shared = torch.full((4, 4), 2.0, device=device)
    for value in (1.0, 3.0):
        x = torch.full((4, 4), value, device=device)
        doubled = recorder.run("group", "double", lambda a, b: (a * 2 + b,), (x, shared))[0]
        halved = recorder.run("group", "half", lambda a, b: (a / 2 + b,), (x + 1, shared))[0]
        assert torch.equal(doubled, x * 2 + 2)
        assert torch.equal(halved, (x + 1) / 2 + 2)


@pytest.mark.parametrize("device", DEVICES)
def test_each_shape_is_recorded_once(device: str) -> None:
    recorder = GraphRecorder(device)
    for _ in range(2):
        for side in (2, 3):
            x = torch.rand(side, side, device=device)
            assert recorder.run("sums", "scaled", scaled_sum, (x, x))[0].shape == (side, side)
    assert recorder.num_recordings == 2


@pytest.mark.parametrize("device", DEVICES)
def test_tensors_made_in_inference_mode_are_taken(device: str) -> None:
    recorder = GraphRecorder(device)
    with torch.inference_mode():
        for value in (1.0, 2.0):
            x = torch.full((2, 2), value, device=device)
            assert torch.equal(recorder.run("g", 0, lambda a: (a + 1,), (x,))[0], x + 1)


@pytest.mark.parametrize("device", DEVICES)
def test_shapes_that_a_short_function_prepared_get_the_whole_ones_results(device: str) -> None:
    recorder = GraphRecorder(device)
    for side in (4, 3, 2):
        x = torch.rand(side, side, device=device)
        made = recorder.run("g", 0, lambda a: (a @ a @ a,), (x,), short=lambda a: (a @ a,))[0]
        assert torch.allclose(made, x @ x @ x)
