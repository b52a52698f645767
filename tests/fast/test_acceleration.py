"""Every switch gives what the plain path gives, for any number of voxels."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from models.fast.graphs import GraphRecorder
from models.fast.plan import Switches
from models.fast.trellis.block import dense_block
from models.fast.trellis.gaussian_decoder import RecordedGaussianDecoder
from models.fast.trellis.latent_flow import RecordedLatentFlow, latent_fields
from models.fast.trellis.modulations import kept_modulations
from models.fast.trellis.padding import padded_size
from models.fast.trellis.residual import FastResidual
from models.fast.trellis.structure_flow import structure_fields
from models.fast.trellis.trunk import in_window_order
from models.latents.residual import SparseResidualBlock
from models.layers import PlainBlock
from models.sampling import GridlessField, LatentField, SamplerSettings, StructureField, sample
from models.sparse import Segments, SparseTensor, VoxelGrid, uniform_segments
from tests.models.small_models import (
    random_voxels,
    small_gaussian_decoder,
    small_latent_flow,
    small_structure_flow,
)

SETTINGS = SamplerSettings(steps=3, cfg_strength=3, cfg_interval=(0.5, 1.0), rescale_t=3)
ON = Switches(blocks=True, residuals=True, decoder=True)
TOLERANCE = 2e-5  # worst seen 3e-6


def error(actual: Tensor, expected: Tensor) -> float:
    return float((actual.double() - expected.double()).norm() / expected.double().norm())


@pytest.mark.parametrize("objects", [1, 2])
@torch.no_grad()
def test_fast_structure_blocks_change_rounding_only(objects: int) -> None:
    flow = small_structure_flow()
    noise, cond = torch.randn(objects, 3, 4, 4, 4), torch.randn(objects, 5, 16)
    expected = sample(StructureField.of(flow, cond, SETTINGS), noise, SETTINGS)
    for switches in (ON, replace(ON, graphs=True), Switches(graphs=True)):
        fields = structure_fields(flow, switches, GraphRecorder("cpu"))
        actual = sample(fields(cond, SETTINGS), noise, SETTINGS)
        assert error(actual, expected) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(90,), (70, 70), (60, 20)])
@torch.no_grad()
def test_fast_latent_blocks_change_rounding_only(counts: tuple[int, ...]) -> None:
    flow = small_latent_flow(16)
    coords = random_voxels(*counts)
    noise, cond = torch.randn(sum(counts), 4), torch.randn(len(counts), 5, 16)

    grid = VoxelGrid(coords)
    expected = sample(LatentField(GridlessField.of(flow, cond, SETTINGS), grid), noise, SETTINGS)
    for switches in (ON, replace(ON, blocks=False), replace(ON, residuals=False), replace(ON, graphs=True)):
        fields = latent_fields(flow, switches, GraphRecorder("cpu"))
        actual = sample(fields(cond, SETTINGS)(VoxelGrid(coords)), noise, SETTINGS)
        assert error(actual, expected) < TOLERANCE
    again = sample(LatentField(GridlessField.of(flow, cond, SETTINGS), grid), noise, SETTINGS)
    assert torch.equal(again, expected)  # the plain flow is what it was


@pytest.mark.slow
@torch.no_grad()
def test_padded_latent_steps_serve_object_after_object() -> None:
    flow, recorder = small_latent_flow(16), GraphRecorder("cpu")
    fields = latent_fields(flow, Switches(graphs=True), recorder)
    for seed, counts in enumerate([(300,), (40,), (200,), (100, 260), (260, 100)]):
        grid = VoxelGrid(random_voxels(*counts, seed=seed))
        noise, cond = torch.randn(sum(counts), 4), torch.randn(len(counts), 5, 16)
        plain = LatentField(GridlessField.of(flow, cond, SETTINGS), grid)
        actual, expected = (sample(field, noise, SETTINGS) for field in (fields(cond, SETTINGS)(grid), plain))
        assert error(actual, expected) < TOLERANCE
    assert recorder.num_recordings == 2  # one object or two: all have one padded size


class Rehearsing(GraphRecorder):
    """Runs the short function as well, as a GPU does before it records a further size."""

    def run(self, *arguments: Any, **options: Any) -> tuple[Tensor, ...]:
        _, _, function, inputs = arguments
        expected, prepared = function(*inputs), options["short"](*inputs)
        assert [x.shape for x in prepared] == [x.shape for x in expected]
        made: tuple[Tensor, ...] = expected
        return made


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(300,), (100, 260)])
@torch.no_grad()
def test_short_latent_steps_leave_out_blocks_of_the_torso_and_nothing_else(counts: tuple[int, ...]) -> None:
    flow, seen = small_latent_flow(16), list[tuple[int, tuple[int, ...], bytes]]()
    residual = FastResidual()

    def noted(block: SparseResidualBlock, x: Tensor, modulation: Tensor, *tables: Any) -> Tensor:
        seen.append((id(block), tuple(x.shape), modulation.numpy().tobytes()))
        return residual(block, x, modulation, *tables)

    steps = RecordedLatentFlow(flow, Rehearsing("cpu"), dense_block(Switches().attention), noted)
    noise, cond = torch.randn(sum(counts), 4), torch.randn(len(counts), 5, 16)
    sample(steps.field(flow, cond, SETTINGS)(VoxelGrid(random_voxels(*counts))), noise, SETTINGS)
    num_blocks = len(flow.input_blocks) + len(flow.out_blocks)
    runs = [seen[i : i + num_blocks] for i in range(0, len(seen), num_blocks)]
    assert runs
    assert runs[::2] == runs[1::2]


@pytest.mark.parametrize("kind", ["structure", "latents"])
@torch.no_grad()
def test_recorded_flows_compute_a_schedules_modulations_once(kind: str) -> None:
    flow = small_structure_flow() if kind == "structure" else small_latent_flow(16)
    computed = list[int]()
    flow.t_embedder.register_forward_hook(lambda module, inputs, out: computed.append(len(out)))
    kept, device = kept_modulations(flow), torch.device("cpu")
    first, again, other = (
        kept(times, device) for times in ((900.0, 500.0), (900.0, 500.0), (900.0, 400.0, 0.0))
    )
    assert computed == [2, 3]
    expected = flow.modulations(torch.tensor([900.0, 400.0, 0.0]))
    for one, same, rows, row in zip(first, again, other, expected, strict=True):
        assert torch.equal(one, same)
        assert torch.equal(rows, row)


@torch.no_grad()
def test_plain_flows_keep_nothing_of_parameters_that_may_still_learn() -> None:
    flow, cond = small_structure_flow(), torch.randn(1, 5, 16)
    first = StructureField.of(flow, cond, SETTINGS).modulations
    next(flow.t_embedder.parameters()).zero_()
    assert not torch.equal(StructureField.of(flow, cond, SETTINGS).modulations[0], first[0])


@pytest.mark.slow
@torch.no_grad()
def test_objects_too_large_for_recorded_steps_take_the_plain_ones() -> None:
    flow, recorder = small_latent_flow(16), GraphRecorder("cpu")
    fields = latent_fields(flow, Switches(graphs=True, recorded_voxels=1), recorder)
    grid = VoxelGrid(random_voxels(2500, box=(24, 24, 24)))
    noise, cond = torch.randn(2500, 4), torch.randn(1, 5, 16)
    expected = sample(LatentField(GridlessField.of(flow, cond, SETTINGS), grid), noise, SETTINGS)
    assert torch.equal(sample(fields(cond, SETTINGS)(grid), noise, SETTINGS), expected)
    assert recorder.num_recordings == 0


def attend_by_offsets(block: PlainBlock, x: Tensor, offsets: Tensor, longest: int) -> Tensor:
    """`windowed_block` with attention window by window, for a CPU; rows past the last window stay."""
    out = x.clone()
    for first, end in pairwise(offsets.tolist()):
        if end > first:
            assert end - first <= longest
            out[first:end] = block(x[first:end], uniform_segments(1, end - first, x.device))
    return out


@pytest.mark.parametrize("counts", [(150,), (150, 40), (20, 170)])
@torch.no_grad()
def test_a_decoder_on_padded_rows_gives_the_same_splats(counts: tuple[int, ...]) -> None:
    decoder = small_gaussian_decoder()
    x = SparseTensor.of(random_voxels(*counts), torch.randn(sum(counts), 4))
    expected = decoder(x)
    fast = RecordedGaussianDecoder(decoder, GraphRecorder("cpu"), attend_by_offsets, decoder)
    assert error(fast(x), expected) < TOLERANCE


def test_padded_sizes_hold_what_they_are_asked_for() -> None:
    for tokens in (1, 511, 512, 513, 8192):
        for voxels in (tokens, 4 * tokens, 6 * tokens, 8 * tokens):
            size = padded_size(tokens, voxels)
            assert size is not None
            assert size.tokens >= tokens
            assert size.voxels >= voxels
    assert padded_size(8193, 20000) is None


@torch.no_grad()
def test_rows_in_window_order_come_back_in_their_own() -> None:
    decoder = small_gaussian_decoder()
    x = SparseTensor.of(random_voxels(150, 40), torch.randn(190, 4))
    expected = decoder(x)

    def contiguous(windows: Segments) -> Segments:
        group = torch.repeat_interleave(torch.tensor(windows.counts))
        return replace(windows, group_of_row=group, order=None)

    h = in_window_order(
        lambda block, rows, windows: block(rows, contiguous(windows)),
        list(decoder.blocks),
        decoder.embedded(x),
        decoder.segments(x.grid),
    )
    assert error(decoder.head(h), expected) < TOLERANCE
