"""What `deploy/docker/build` hands to an engine: BentoML's steps and ours in one file, and a context."""

import os
import subprocess
from dataclasses import dataclass
from itertools import pairwise

import pytest

from command_line.places import ROOT
from gateway import VERSION

pytestmark = pytest.mark.slow

# Says that it works, and keeps what it is given.
ENGINE = """#!/bin/sh
if [ "$1" = build ]; then
    echo "$*" >"$KEPT/arguments"
    while [ $# -gt 1 ]; do
        [ "$1" != --file ] || cp "$2" "$KEPT/Dockerfile"
        shift
    done
    cp -r "$1/env/python" "$KEPT/python"
fi
echo "5GB layer"
"""


@dataclass(frozen=True, kw_only=True)
class Built:
    """What the engine got."""

    arguments: list[str]
    dockerfile: str
    requirements: list[str]
    wheels: set[str]
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build of the CPU variant with a wheel of torch, by a stand-in for docker."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "docker").write_text(ENGINE)
    (folder / "docker").chmod(0o755)
    wheel = folder / "torch-2.14.1+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
    wheel.touch()
    settings = {"VARIANT": "cpu", "ENGINE": "docker", "TORCH": str(wheel), "KEPT": str(folder)}
    done = subprocess.run(
        [str(ROOT / "deploy" / "docker" / "build")],
        env={**os.environ, **settings, "PATH": f"{folder}:{os.environ['PATH']}"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Built(
        arguments=(folder / "arguments").read_text().split(),
        dockerfile=(folder / "Dockerfile").read_text(),
        requirements=(folder / "python" / "requirements.txt").read_text().splitlines(),
        wheels={file.name for file in (folder / "python" / "wheels").iterdir()},
        said=done.stdout,
    )


def test_bentomls_steps_are_the_stage_that_ours_copies_from(built: Built) -> None:
    stages = [line for line in built.dockerfile.splitlines() if line.startswith("FROM ")]
    assert stages == ["FROM python:3.11-slim AS bento", "FROM python:3.11-slim"]
    ours = (ROOT / "deploy" / "docker" / "Dockerfile").read_text().partition("AS bento\n")[2]
    assert built.dockerfile.endswith(ours)
    assert "HEALTHCHECK" in ours


def test_a_wheel_of_torch_takes_the_place_of_the_pinned_one_and_is_in_the_context(built: Built) -> None:
    (name,) = built.wheels
    wanted = [line for line in built.requirements if line.startswith(("torch=", "torch "))]
    assert wanted == [f"torch @ file:///home/bentoml/bento/env/python/wheels/{name}"]
    assert any(line.startswith("torchvision==") for line in built.requirements)


def test_the_cpu_variant_builds_no_cuda_code_and_says_what_it_is(built: Built) -> None:
    assert {"TORCH_CUDA_ARCH_LIST=none", "COMPILER=", "MINER_DEVICE=cpu"} <= set(built.arguments)
    assert f"MINER_IMAGE=fast_3d_miner:{VERSION}-cpu" in built.arguments
    tags = [name for option, name in pairwise(built.arguments) if option == "--tag"]
    assert tags == [f"fast_3d_miner:{VERSION}-cpu", "fast_3d_miner:cpu"]


def test_the_layers_are_reported(built: Built) -> None:
    assert built.said.rstrip().endswith("5GB layer")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ENGINE": "no-engine"}, "image: needs no-engine, installed and running"),
        ({"ENGINE": "true", "VARIANT": "tpu"}, "image: VARIANT must be gpu or cpu, not tpu"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(settings: dict[str, str], sentence: str) -> None:
    done = subprocess.run(
        [str(ROOT / "deploy" / "docker" / "build")],
        env={**os.environ, **settings},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == sentence
