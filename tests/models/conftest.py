"""Where recorded fixtures are, and the small models."""

from pathlib import Path

import pytest

from command_line.places import ROOT
from models.gaussians.decoder import GaussianDecoder
from models.latents import LatentFlow
from models.structure import StructureFlow
from tests.models.small_models import small_gaussian_decoder, small_latent_flow, small_structure_flow


@pytest.fixture
def goldens() -> Path:
    """Recordings that are part of the project."""
    return ROOT / "tests" / "goldens"


@pytest.fixture
def shared() -> Path:
    """Reference material beside the project; tests that need it are skipped where it is not there."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference material ../shared is not here")
    return folder


@pytest.fixture
def structure_flow() -> StructureFlow:
    return small_structure_flow()


@pytest.fixture(params=[(), (8,), (8, 16)], ids=["patch 1", "patch 2", "patch 4"])
def latent_flow(request: pytest.FixtureRequest) -> LatentFlow:
    return small_latent_flow(*request.param)


@pytest.fixture
def gaussian_decoder() -> GaussianDecoder:
    return small_gaussian_decoder()
