"""The host does not wait for the GPU between the stages: it reads nothing that it could do without."""

import torch

from models.fast.graphs import GraphRecorder
from models.fast.plan import Switches
from models.fast.trellis.gaussian_decoder import RecordedGaussianDecoder
from models.fast.trellis.latent_flow import latent_fields
from models.fast.trellis.structure_flow import structure_fields
from models.gaussians.cleanup import clean_up
from models.gaussians.gaussians import Gaussians
from models.layers import PlainBlock
from models.sampling import SamplerSettings, request_generator, sample, voxel_noise
from models.sparse import SparseTensor, VoxelGrid, segments_of
from tests.fast.host_reads import host_reads
from tests.models.small_models import (
    random_voxels,
    small_gaussian_decoder,
    small_latent_flow,
    small_structure_flow,
)

SETTINGS = SamplerSettings(steps=3, cfg_strength=3, cfg_interval=(0.5, 1.0), rescale_t=3)
COUNTS = (150, 40)


def test_reads_are_seen() -> None:
    with host_reads() as reads:
        segments_of(torch.tensor([1, 0, 1]))
    assert [place.split(":")[0] for place in reads.places] == ["segments.py"] * 3  # unique, tolist, bool


@torch.no_grad()
def test_structure_steps_read_nothing() -> None:
    fields = structure_fields(small_structure_flow(), Switches.all_on(), GraphRecorder("cpu"))
    noise, cond = torch.randn(2, 3, 4, 4, 4), torch.randn(2, 5, 16)
    with host_reads() as reads:
        sample(fields(cond, SETTINGS), noise, SETTINGS)
    assert reads.places == []


def rows_alone(block: PlainBlock, x: torch.Tensor, offsets: torch.Tensor, longest: int) -> torch.Tensor:
    """Stands for the attention kernel, which reads its windows on the GPU."""
    out: torch.Tensor = block.mlp(x)
    return out


@torch.no_grad()
def test_from_voxels_to_splats_only_the_number_of_tokens_is_read() -> None:
    recorder, decoder = GraphRecorder("cpu"), small_gaussian_decoder()
    fields = latent_fields(small_latent_flow(16), Switches.all_on(), recorder)
    decode = RecordedGaussianDecoder(decoder, recorder, rows_alone, decoder)
    coords, cond = random_voxels(*COUNTS), torch.randn(2, 5, 16)
    with host_reads() as reads:
        grid = VoxelGrid(coords, COUNTS)
        noise = voxel_noise([request_generator(seed) for seed in (0, 1)], grid.counts, 4)
        latents = SparseTensor(grid=grid, feats=sample(fields(cond, SETTINGS)(grid), noise, SETTINGS))
        made = decoder.to_gaussians(decode(latents), grid)
    assert [splats.num_splats for splats in made] == [4 * count for count in COUNTS]
    (place,) = reads.places
    assert place.startswith("grid.py")


def test_clean_up_reads_a_few_numbers_however_long_the_object_is() -> None:
    """A chain of cells is the hardest to join."""
    centres = torch.linspace(-0.45, 0.45, 4000)[:, None] * torch.ones(3)
    centres = centres + 0.05 * torch.cos(60 * centres) * torch.tensor([1.0, 0.0, 0.0])
    splats = Gaussians(
        means=centres,
        scales=torch.full((4000, 3), 0.01),
        quats_wxyz=torch.tensor([[1.0, 0, 0, 0]]).repeat(4000, 1),
        opacities=torch.full((4000,), 0.9),
        colors=torch.zeros(4000, 3),
    )
    with host_reads() as reads:
        kept = clean_up(splats)
    assert kept.num_splats == 4000
    assert len(reads.places) <= 10, reads.places
