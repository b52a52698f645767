"""One object is finished while the next one's flows have the models; which jobs go to which method."""

import asyncio
import errno
import importlib
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from command_line.places import ROOT
from configuration import Configuration, read_configuration
from gateway.runner_client import RunnerClient
from gateway.stopwatch import Stopwatch
from runners.messages import MatteJob, MeshJob, SplatJob, SplatResult
from runners.turns import Turns
from tests.serving import EMBEDDED
from tests.stand_ins import fakes

CPU = torch.device("cpu")
SECONDS = 20.0


def configuration(**settings: str) -> Configuration:
    chosen = {f"MINER__{key.upper()}": value for key, value in settings.items()}
    return read_configuration(ROOT / "configuration.yaml", EMBEDDED | chosen)


class Runner:
    """The 3D stage's process with stand-in models; files are written when they may be."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, overlap: bool) -> None:
        module: Any = importlib.import_module("runners.image_to_3d")
        self._folder = folder
        with fakes.installed():
            self._service = module.ImageTo3DRunner.inner()
        monkeypatch.setattr(self._service, "_turns", Turns(CPU, overlap=overlap))
        self.started: list[int] = []
        self.may_write = threading.Event()
        write, generate = module.fill, self._service._model.generate

        def slow_fill(*arguments: Any) -> None:
            assert self.may_write.wait(SECONDS)
            write(*arguments)

        def noted(images: Sequence[Any], seeds: Sequence[int], **options: Any) -> Any:
            self.started += seeds
            return generate(images, seeds, **options)

        monkeypatch.setattr(module, "fill", slow_fill)
        monkeypatch.setattr(self._service._model, "generate", noted)

    def job(self, seed: int) -> SplatJob:
        file = self._folder / f"{seed}.ply"
        file.touch()
        image = fakes.write_prompt("a red ball")
        return SplatJob(image=np.dstack([image, image[..., :1] | 255]), seed=seed, ply=str(file))

    def start(self, pool: ThreadPoolExecutor, seed: int, method: str) -> "Future[list[SplatResult]]":
        return pool.submit(getattr(self._service, method), [self.job(seed)])

    def wait_for(self, number: int, seconds: float) -> bool:
        """Whether so many objects' flows began in time."""
        deadline = time.monotonic() + seconds
        while len(self.started) < number and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(self.started) >= number


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("overlap", [True, False])
def test_the_next_objects_flows_wait_for_the_last_ones_file_only_where_they_must(
    overlap: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(tmp_path, monkeypatch, overlap=overlap)
    with ThreadPoolExecutor(2) as pool:
        first = runner.start(pool, 1, "generate")
        assert runner.wait_for(1, SECONDS)
        second = runner.start(pool, 2, "generate_beside")
        assert runner.wait_for(2, SECONDS if overlap else 0.3) == overlap
        assert not first.done()
        runner.may_write.set()
        results = [first.result(SECONDS)[0], second.result(SECONDS)[0]]
    assert runner.started == [1, 2]
    sizes = [Path(tmp_path, f"{seed}.ply").stat().st_size for seed in (1, 2)]
    assert [result.failure for result in results] == [None, None]
    assert min(sizes) > 68 * min(result.num_splats for result in results) > 0
    assert "turn" in results[1].timings


@pytest.mark.usefixtures("client")
def test_a_file_without_space_fails_alone_and_nothing_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(tmp_path, monkeypatch, overlap=False)
    runner.may_write.set()
    write = os.pwrite

    def full_for_the_first(descriptor: int, *arguments: Any) -> int:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("/1.ply"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, *arguments)

    monkeypatch.setattr(os, "pwrite", full_for_the_first)
    results = runner._service.generate([runner.job(1), runner.job(2)])
    assert [result.failure and result.failure.kind for result in results] == ["no_space", None]
    assert runner.started == [1, 2]


def test_a_job_that_fails_gives_the_models_free() -> None:
    turns = Turns(CPU, overlap=True)
    with pytest.raises(ValueError, match="broken"), turns.taken():
        raise ValueError("broken")
    with turns.taken() as turn:
        turn.pass_on()
        with turns.taken() as other:  # at once, in the same thread
            assert turn.waited < 1.0
            assert other.waited < 1.0


class Methods:
    """A runner's client; answers wait until they are let go."""

    def __init__(self) -> None:
        self.to_async = self
        self.called: list[str] = []
        self.go = asyncio.Event()

    async def generate(self, jobs: list[SplatJob]) -> list[SplatResult]:
        return await self._answer("generate", jobs)

    async def generate_beside(self, jobs: list[SplatJob]) -> list[SplatResult]:
        return await self._answer("generate_beside", jobs)

    async def _answer(self, method: str, jobs: list[SplatJob]) -> list[SplatResult]:
        self.called.append(method)
        await self.go.wait()
        return [SplatResult() for _ in jobs]


async def test_jobs_at_once_are_spread_over_the_methods_and_lone_ones_take_the_first() -> None:
    runner = Methods()
    stage: RunnerClient[SplatJob, SplatResult] = RunnerClient(
        "image_to_3d", runner, concurrency=3, methods={SplatJob: ("generate", "generate_beside")}
    )
    jobs = [asyncio.create_task(stage.run(SplatJob(), Stopwatch())) for _ in range(4)]
    await asyncio.sleep(0.05)
    assert runner.called == ["generate", "generate_beside", "generate"]  # the fourth waits for a place
    runner.go.set()
    await asyncio.gather(*jobs)
    runner.called.clear()
    for _ in range(2):
        await stage.renamed("mesh_decoder").run(SplatJob(), Stopwatch())
    assert runner.called == ["generate", "generate"]


@pytest.mark.usefixtures("client")
def test_only_a_3d_stage_that_need_not_wait_for_others_is_called_by_two_methods() -> None:
    from runners.shared import methods_of

    own = configuration(image_to_3d__overlap="true")
    decode = {MeshJob: ("decode_mesh",)}
    assert methods_of(own, "image_to_3d") == {SplatJob: ("generate", "generate_beside")} | decode
    assert methods_of(own, "matting") == {MatteJob: ("generate",)}
    for turns, beside in ((True, ()), (False, ("image_to_3d_generate_beside",))):
        services = replace(own.services, shared=("image_to_3d", "matting"), turns=turns)
        assert methods_of(replace(own, services=services), "image_to_3d") == {
            SplatJob: ("image_to_3d_generate", *beside),
            MeshJob: ("image_to_3d_decode_mesh",),
        }
        assert methods_of(replace(own, services=services), "matting") == {MatteJob: ("matting_generate",)}
    assert methods_of(configuration(), "image_to_3d") == {SplatJob: ("generate",)} | decode


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA device is not here")
def test_finishing_does_not_come_after_the_next_objects_kernels() -> None:
    device = torch.device("cuda")
    turns = Turns(device, overlap=True)
    large, small = torch.randn(8192, 8192, device=device), torch.randn(1000, device=device)
    _ = large @ large
    with turns.aside():  # kernels are loaded and memory is taken at first use, which waits for the GPU
        small.double().sum().item()
    torch.cuda.synchronize()
    for _ in range(100):  # two seconds of fp32 products
        _ = large @ large
    models_are_done = torch.cuda.Event()
    models_are_done.record()
    with turns.aside():
        total = small.double().sum().item()
    assert not models_are_done.query()
    torch.cuda.synchronize()
    assert total == pytest.approx(small.double().cpu().sum().item())
