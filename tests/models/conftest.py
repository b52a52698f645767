"""The small models."""

import pytest

from models.gaussians.decoder import GaussianDecoder
from models.latents import LatentFlow
from models.structure import StructureFlow
from tests.models.small_models import small_gaussian_decoder, small_latent_flow, small_structure_flow


@pytest.fixture
def structure_flow() -> StructureFlow:
    return small_structure_flow()


@pytest.fixture(params=[(), (8,), (8, 16)], ids=["patch 1", "patch 2", "patch 4"])
def latent_flow(request: pytest.FixtureRequest) -> LatentFlow:
    return small_latent_flow(*request.param)


@pytest.fixture
def gaussian_decoder() -> GaussianDecoder:
    return small_gaussian_decoder()
