"""Every operation of `models.fast.kernels` on a device, beside its formula in plain operations on the CPU.

As a program: prints the largest relative error of each, with Triton interpreting the kernels on the CPU.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional as F

from models.fast import kernels
from models.fast.kernels import (
    biased_sum,
    few_rows_product,
    fill_up,
    float8_rows,
    gathered_columns,
    group_normed,
    normed,
    normed_heads,
    normed_sum,
    rotated,
    tap_sum,
    widened_nf4,
    without_fillers,
)
from models.fast.kernels.parameters import GroupNorm, Norm, Projected

Pair = tuple[str, Tensor, Tensor]  # what, by the kernel, by the formula
Sums = tuple[Tensor, Tensor]
DECIDING = [module for module in vars(kernels).values() if hasattr(module, "runs_kernels")]


class Cases:
    """Random inputs of one seed, on the CPU for the formula, on `device` in `dtype` for the kernel."""

    def __init__(self, device: str, dtype: torch.dtype) -> None:
        self._device, self._dtype = device, dtype
        self._generator = torch.Generator().manual_seed(0)

    def pairs(self) -> Iterator[Pair]:
        for channels in (96, 128, 1024, 2048):
            yield from self._rows(channels)
        for heads, depth in ((3, 24), (2, 16), (16, 64)):
            yield from self._heads(heads, depth)
        for channels in (24, 128, 1024):
            yield from self._neighbours(channels)
        for heads, depth in ((3, 24), (24, 128)):
            yield from self._rotary(heads, depth)
        for channels, groups, side in ((12, 4, 5), (64, 16, 9), (128, 32, 24)):
            yield from self._groups(channels, groups, side)
        for rows, inputs, outputs in ((1, 48, 40), (16, 768, 96)):
            yield from self._few_rows(rows, inputs, outputs)
        yield from self._nf4(5, 192)
        if self._device != "cpu":
            yield from self._groups(128, 32, 400, images=1)  # more pieces than are joined at a time
            for channels in (48, 3072):  # the interpreter cuts fp8 off instead of rounding
                yield from self._float8(channels)

    def _rows(self, channels: int) -> Iterator[Pair]:
        x, y, less = self._random(2, 5, channels), self._random(2, 5, channels), self._random(1, 5, channels)
        vectors = self._random(1, 6 * channels)
        scale, shift = vectors[:, channels : 2 * channels], vectors[:, -channels:]
        own, constant = self._random(2, channels), self._random(1, channels)
        time, weights = (
            Norm(scale=scale, shift=shift, plus_one=True),
            Norm(scale=scale, shift=shift, silu=True),
        )
        of_groups = Norm(scale=own, shift=own, plus_one=True)
        for norm in (time, weights, of_groups, Norm()):
            vectors_of_norm = (norm.scale, norm.shift)
            for added, gate, rest in ((y, scale, None), (less, None, constant), (y, own, None)):
                made = self._kernel(partial(_sum, norm), x, added, gate, rest, *vectors_of_norm)
                expected = normed_sum(x, added, norm, gate=gate, constant=rest)
                yield f"sum {channels}", made[0], expected[0]
                yield f"normed {channels}", made[1], expected[1]
            (alone,) = self._kernel(partial(_alone, norm), x, *vectors_of_norm)
            yield f"alone {channels}", alone, normed(x, norm)

    def _heads(self, heads: int, depth: int) -> Iterator[Pair]:
        qkv, gammas = (
            self._random(2, 70, 3 * heads * depth),
            (self._random(heads, depth), self._random(heads, depth)),
        )
        lengths = torch.tensor([70, 33])
        (alone,) = self._kernel(lambda *a: (normed_heads(*a),), qkv, *gammas)
        yield f"heads {depth}", alone, normed_heads(qkv, *gammas)
        for some in (gammas, (None, None)):
            expected, mean = fill_up(qkv, lengths, heads, *some)
            made = self._kernel(lambda *a: fill_up(a[0], a[1], heads, a[2], a[3]), qkv, lengths, *some)
            yield f"filled {depth}", made[0], expected
            yield f"mean {depth}", made[1], mean
        q, out = (self._random(2, 70, heads, depth) for _ in range(2))
        sums = self._random(2, heads, 70) + 8
        (kept,) = self._kernel(lambda *a: (without_fillers(*a),), out, q, sums, mean, lengths)
        yield f"kept {depth}", kept, without_fillers(out, q, sums, mean, lengths)

    def _neighbours(self, channels: int) -> Iterator[Pair]:
        table = torch.randint(0, 41, (50, 27), generator=self._generator)
        feats, products = self._random(40, channels), self._random(40, 27 * channels)
        bias = self._random(channels)
        (near,) = self._kernel(lambda *a: (gathered_columns(a[0], a[1][:, 9:18]),), feats, table)
        yield f"columns {channels}", near, gathered_columns(feats, table[:, 9:18])
        (total,) = self._kernel(lambda *a: (tap_sum(*a),), products, table, bias)
        yield f"taps {channels}", total, tap_sum(products, table, bias)

    def _rotary(self, heads: int, depth: int) -> Iterator[Pair]:
        tables = self._random(12, depth // 2).repeat_interleave(2, dim=1), self._random(12, depth // 2)
        cos, sin = tables[0], tables[1].repeat_interleave(2, dim=1)
        for lengths in ((5, 7), (12,)):
            parts = [
                [*(self._random(2, length, heads * depth) for _ in range(3)), *self._random(2, depth)]
                for length in lengths
            ]
            made = self._kernel(_rotated, cos, sin, *(x for part in parts for x in part))
            expected = _rotated(cos, sin, *(x for part in parts for x in part))
            for name, actual, wanted in zip("qkv", made, expected, strict=True):
                yield f"{name} {depth}", actual, wanted

    def _groups(self, channels: int, num_groups: int, side: int, images: int = 2) -> Iterator[Pair]:
        x, y = (self._random(images, channels, side, side + 2) for _ in range(2))
        x = (3 * x + 30).to(self._dtype).float()  # far from zero, where squares cancel
        weight, shift, bias = self._random(3, channels)
        for silu in (True, False):
            run = partial(_normed_groups, num_groups, silu)
            inputs = (x, weight, shift, bias if silu else None)
            expected = F.group_norm(
                (x if inputs[3] is None else x + bias[:, None, None]).double(),
                num_groups,
                weight.double(),
                shift.double(),
                1e-6,
            )  # torch's own in fp32 is ten times less exact
            expected = F.silu(expected) if silu else expected
            yield f"groups {channels} {side} {silu}", self._kernel(run, *inputs)[0], expected
        made = self._kernel(lambda *a: [biased_sum(*a)], x, y, bias)
        yield f"biased sum {channels} {side}", made[0], biased_sum(x, y, bias)

    def _float8(self, channels: int) -> Iterator[Pair]:
        x = self._random(20, channels)
        made = self._kernel(lambda *a: _decoded(*float8_rows(a[0])), x)
        expected = _decoded(*float8_rows(x))
        yield f"fp8 {channels}", made[0], expected[0]
        yield f"scales {channels}", made[1], expected[1]

    def _few_rows(self, rows: int, inputs: int, outputs: int) -> Iterator[Pair]:
        codes, scale = float8_rows(self._random(outputs, inputs))
        x, bias = self._random(rows, inputs), self._random(outputs)
        for some in (bias, None):
            (made,) = self._kernel(
                lambda x, b: (few_rows_product(x, self._there(codes), self._there(scale), b),), x, some
            )
            yield f"few rows {inputs}", made, few_rows_product(x, codes, scale, some)

    def _nf4(self, outputs: int, inputs: int) -> Iterator[Pair]:
        codes = torch.randint(0, 256, (outputs, inputs // 2), generator=self._generator, dtype=torch.uint8)
        absmax, levels = self._random(outputs, inputs // 64).abs(), self._random(16)
        (made,) = self._kernel(
            lambda *a: (widened_nf4(a[0], a[1], a[2], self._dtype),), codes, absmax, levels
        )
        yield f"nf4 {inputs}", made, widened_nf4(codes, absmax, levels, torch.float32)

    def _there(self, x: Tensor) -> Tensor:
        return x.to(self._device)

    def _random(self, *shape: int) -> Tensor:
        """Of values that the kernel's precision holds exactly."""
        return torch.randn(shape, generator=self._generator).to(self._dtype).float()

    def _kernel(self, run: Callable[..., Sequence[Tensor]], *inputs: Tensor | None) -> list[Tensor]:
        with ExitStack() as interpreted:
            for module in DECIDING if self._device == "cpu" else []:
                interpreted.enter_context(mock.patch.object(module, "runs_kernels", return_value=True))
            return [out.cpu() for out in run(*(self._moved(x) for x in inputs))]

    def _moved(self, x: Tensor | None) -> Tensor | None:
        """A copy, for kernels may work in place."""
        if x is None:
            return None
        return x.clone().to(self._device, self._dtype if x.is_floating_point() else x.dtype)


def _rotated(cos: Tensor, sin: Tensor, *parts: Tensor) -> Sequence[Tensor]:
    fives = [parts[i : i + 5] for i in range(0, len(parts), 5)]
    projected = [Projected(q=q, k=k, v=v, q_weight=u, k_weight=w) for q, k, v, u, w in fives]
    return rotated(projected, cos, sin, 1e-6)


def _normed_groups(
    num_groups: int, silu: bool, x: Tensor, weight: Tensor, shift: Tensor, bias: Tensor | None
) -> list[Tensor]:
    norm = GroupNorm(weight=weight, bias=shift, num_groups=num_groups, eps=1e-6, silu=silu)
    return [group_normed(x, norm, bias=bias)]


def _decoded(codes: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    return codes.float(), scales


def _sum(
    norm: Norm, x: Tensor, y: Tensor, gate: Tensor | None, rest: Tensor | None, *vectors: Tensor
) -> Sums:
    return normed_sum(x, y, _with(norm, *vectors), gate=gate, constant=rest)


def _alone(norm: Norm, x: Tensor, *vectors: Tensor) -> tuple[Tensor]:
    return (normed(x, _with(norm, *vectors)),)


def _with(norm: Norm, scale: Tensor, shift: Tensor) -> Norm:
    return replace(norm, scale=scale, shift=shift)


def errors(device: str, dtype: torch.dtype) -> dict[str, float]:
    """The largest relative error of each operation."""
    largest = dict[str, float]()
    for name, actual, expected in Cases(device, dtype).pairs():
        error = float((actual.double() - expected.double()).norm() / expected.double().norm())
        largest[name] = max(error, largest.get(name, 0.0))
    return largest


if __name__ == "__main__":
    json.dump(errors("cpu", torch.float32), sys.stdout)
