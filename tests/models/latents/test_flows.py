"""Flow models and decoders: batches, savings, gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from models.gaussians.decoder import GaussianDecoder
from models.latents import LatentFlow
from models.sampling import GridlessField, LatentField, SamplerSettings, StructureField, schedule
from models.sparse import SparseTensor
from models.structure import StructureDecoder, StructureDecoderConfig, StructureFlow, occupied_voxels
from models.structure.flow import patchify, unpatchify
from tests.models.small_models import random_voxels, small_latent_flow

COUNTS = [150, 1, 60]
SETTINGS = SamplerSettings(steps=3, cfg_strength=3, rescale_t=3)


def objects_of(x: SparseTensor) -> list[SparseTensor]:
    """Each object as a batch of its own."""
    alone = []
    for i in range(x.grid.batch_size):
        rows = x.coords[:, 0] == i
        coords = x.coords[rows].clone()
        coords[:, 0] = 0
        alone.append(SparseTensor.of(coords, x.feats[rows]))
    return alone


def some_voxels(channels: int = 4) -> SparseTensor:
    torch.manual_seed(1)
    return SparseTensor.of(random_voxels(*COUNTS), torch.randn(sum(COUNTS), channels))


def test_patches_list_channel_then_place_and_can_be_undone() -> None:
    x = torch.arange(2 * 3 * 4**3).float().view(2, 3, 4, 4, 4)
    tokens = patchify(x, 2)
    assert torch.equal(tokens[0, 0, :8], x[0, 0, :2, :2, :2].flatten())
    assert torch.equal(tokens[1, 1, 8:16], x[1, 1, :2, :2, 2:].flatten())
    assert torch.equal(unpatchify(tokens, 2), x)


@torch.inference_mode()
def test_objects_of_a_structure_batch_do_not_see_each_other(structure_flow: StructureFlow) -> None:
    x, cond, t = torch.randn(3, 3, 4, 4, 4), torch.randn(3, 5, 16), torch.tensor([900.0, 500.0, 20.0])
    together = structure_flow(x, t, cond)
    for i in range(3):
        alone = structure_flow(x[i : i + 1], t[i : i + 1], cond[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_objects_of_different_sizes_in_one_latent_batch_equal_their_lone_results(
    latent_flow: LatentFlow,
) -> None:
    x, cond, t = some_voxels(), torch.randn(3, 5, 16), torch.tensor([900.0, 500.0, 20.0])
    together = torch.split(latent_flow(x, t, cond).feats, COUNTS)
    for i, one in enumerate(objects_of(x)):
        alone = latent_flow(one, t[i : i + 1], cond[i : i + 1]).feats
        torch.testing.assert_close(together[i], alone, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_objects_of_different_sizes_in_one_decoder_batch_equal_their_lone_results(
    gaussian_decoder: GaussianDecoder,
) -> None:
    x = some_voxels()
    together = gaussian_decoder.to_gaussians(gaussian_decoder(x), x.grid)
    for splats, one in zip(together, objects_of(x), strict=True):
        alone = gaussian_decoder.to_gaussians(gaussian_decoder(one), one.grid)[0]
        torch.testing.assert_close(splats.means, alone.means, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(splats.colors, alone.colors, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_the_order_of_an_objects_voxels_does_not_matter(latent_flow: LatentFlow) -> None:
    coords, feats, order = random_voxels(100), torch.randn(100, 4), torch.randperm(100)
    t, cond = torch.tensor([300.0]), torch.randn(1, 5, 16)
    result = latent_flow(SparseTensor.of(coords, feats), t, cond).feats
    permuted = latent_flow(SparseTensor.of(coords[order], feats[order]), t, cond).feats
    torch.testing.assert_close(permuted, result[order], rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_guided_structure_pair_equals_two_plain_evaluations(structure_flow: StructureFlow) -> None:
    x, cond = torch.randn(2, 3, 4, 4, 4), torch.randn(2, 5, 16)
    conditional, unconditional = StructureField.of(structure_flow, cond, SETTINGS).guided(x, 1)
    t = torch.full((2,), 1000 * schedule(SETTINGS)[1].time)
    torch.testing.assert_close(conditional, structure_flow(x, t, cond), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(unconditional, structure_flow(x, t, cond * 0), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_guided_latent_pair_equals_two_plain_evaluations(latent_flow: LatentFlow) -> None:
    x, cond = some_voxels(), torch.randn(3, 5, 16)
    field = LatentField(GridlessField.of(latent_flow, cond, SETTINGS), x.grid)
    conditional, unconditional = field.guided(x.feats, 1)
    t = torch.full((3,), 1000 * schedule(SETTINGS)[1].time)
    torch.testing.assert_close(conditional, latent_flow(x, t, cond).feats, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(unconditional, latent_flow(x, t, cond * 0).feats, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_splats_stay_near_their_voxels_with_unit_rotations(gaussian_decoder: GaussianDecoder) -> None:
    x = some_voxels()
    splats = gaussian_decoder.to_gaussians(gaussian_decoder(x), x.grid)[0]
    centres = ((x.coords[: COUNTS[0], 1:] + 0.5) / 16 - 0.5).repeat_interleave(4, dim=0)
    assert (splats.means - centres).abs().max() <= 0.75 / 16
    torch.testing.assert_close(splats.quats_wxyz.norm(dim=1), torch.ones(splats.num_splats))
    assert splats.scales.min() >= 9e-4


def test_occupied_voxels_come_in_lexicographic_order() -> None:
    logits = torch.full((2, 1, 3, 3, 3), -1.0)
    logits[1, 0, 0, 2, 1] = logits[0, 0, 2, 0, 0] = logits[0, 0, 0, 1, 2] = 1
    assert occupied_voxels(logits).tolist() == [[0, 0, 1, 2], [0, 2, 0, 0], [1, 0, 2, 1]]


def test_inference_and_training_convolutions_of_the_structure_decoder_agree() -> None:
    config = StructureDecoderConfig(out_channels=1, latent_channels=4, num_res_blocks=1, channels=[16, 8])
    decoder, z = StructureDecoder(config), torch.randn(1, 4, 4, 4, 4)
    trained = decoder(z).detach()
    with torch.inference_mode():
        torch.testing.assert_close(decoder(z), trained, rtol=1e-5, atol=1e-5)


def training_losses() -> dict[str, Callable[[nn.Module], Tensor]]:
    x, t = some_voxels(), torch.tensor([900.0, 500.0, 20.0])
    cond = torch.randn(3, 5, 16)
    return {
        "structure_flow": lambda m: m(torch.randn(3, 3, 4, 4, 4), t, cond).square().mean(),
        "latent_flow": lambda m: m(x, t, cond).feats.square().mean(),
        "gaussian_decoder": lambda m: m(x).square().mean(),
    }


@pytest.mark.parametrize("name", training_losses())
def test_every_parameter_receives_a_gradient_under_bf16_autocast(
    name: str, structure_flow: StructureFlow, gaussian_decoder: GaussianDecoder
) -> None:
    models = {
        "structure_flow": structure_flow,
        "latent_flow": small_latent_flow(8),
        "gaussian_decoder": gaussian_decoder,
    }
    model = models[name]
    with torch.autocast("cpu", torch.bfloat16):
        loss = training_losses()[name](model)
    torch.autograd.backward(loss)
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())
