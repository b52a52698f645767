"""A small published profile, served by a stand-in for the hub."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from models.weights.manifest import HubRepository, WeightFile, WeightSource
from scripts.download_weights import main
from tests.weights.hub import HubState, Repository, served

OPEN = WeightSource(
    role="image to 3D",
    origin=HubRepository(name="some/open"),
    folder="image_to_3d",
    licence="MIT",
    files=(
        WeightFile(path="pipeline.json"),
        WeightFile(path="ckpts/flow.safetensors", size=300_000),
        WeightFile(path="ckpts/decoder.safetensors", estimate=2000),
    ),
)
GATED = WeightSource(
    role="text to image",
    origin=HubRepository(name="some/gated"),
    folder="text_to_image",
    licence="Apache-2.0",
    gated=True,
    files=(WeightFile(path="model.safetensors", estimate=5000),),
)

Download = Callable[..., int]


@pytest.fixture
def hub() -> HubState:
    """What the stand-in serves."""
    draw = random.Random(0).randbytes
    return HubState(
        repositories={
            "some/open": Repository(
                {
                    "pipeline.json": b'{"args": {}}',
                    "ckpts/flow.safetensors": draw(300_000),
                    "ckpts/decoder.safetensors": draw(2001),
                    "ckpts/unused.safetensors": draw(10),
                }
            ),
            "some/other": Repository({"pipeline.json": b"{}"}),
            "some/gated": Repository({"model.safetensors": draw(5000)}, gated=True),
        }
    )


@pytest.fixture
def endpoint(hub: HubState) -> Iterator[str]:
    """The stand-in's address."""
    with served(hub) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the weights land."""
    return tmp_path / "weights"


@pytest.fixture
def download(endpoint: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Download:
    """Runs the command line on the open source, or on those named."""
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("WEIGHTS_DIR", str(folder))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    def run(*options: str, sources: tuple[WeightSource, ...] = (OPEN,)) -> int:
        return main(options, manifest=sources, pause_seconds=0.0)

    return run
