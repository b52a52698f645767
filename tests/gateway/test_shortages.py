"""A machine that lacks memory or space for a moment: one more try, then 503 with its own code."""

import errno
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from export.ffmpeg import VideoEncodingError
from runners import batching
from runners.batching import answer_batch
from runners.handover import fill
from runners.messages import ImageJob, SplatResult
from runners.shortages import is_out_of_memory, is_out_of_space

NO_MACHINE_HAS = 2**62
STAGES = ("text_to_image", "matting", "image_to_3d", "validation")


def kinds(results: Sequence[SplatResult]) -> list[str | int]:
    return [result.failure.kind if result.failure else result.num_splats for result in results]


class TestOneMoreTry:
    @pytest.fixture
    def freed(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Grows when caches are freed."""
        freed: list[int] = []
        monkeypatch.setattr(batching, "free_memory", lambda: freed.append(gc.collect()))
        return freed

    def test_a_lone_job_is_tried_again_when_what_the_first_try_held_is_free(self, freed: list[int]) -> None:
        held: list[weakref.ref[torch.Tensor]] = []

        def work(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
            if not held:
                large = torch.zeros(1000)
                held.append(weakref.ref(large))
                raise torch.OutOfMemoryError("CUDA out of memory")
            assert held[0]() is None
            assert len(freed) == 1
            return [SplatResult(num_splats=job.seed) for job in jobs]

        assert kinds(answer_batch([ImageJob(seed=5)], SplatResult, work)) == [5]

    def test_a_batch_is_tried_again_one_by_one_and_only_once(self, freed: list[int]) -> None:
        worked: list[list[int]] = []

        def work(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
            worked.append([job.seed for job in jobs])
            if len(jobs) > 1 or jobs[0].seed == 13:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return [SplatResult(num_splats=job.seed) for job in jobs]

        results = answer_batch([ImageJob(seed=seed) for seed in (1, 13, 2)], SplatResult, work)
        assert kinds(results) == [1, "out_of_memory", 2]
        assert worked == [[1, 13, 2], [1], [13], [2]]

    def test_of_a_batch_made_one_by_one_only_what_lacked_memory_is_tried_again(
        self, freed: list[int]
    ) -> None:
        worked: list[list[int]] = []

        def work(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
            worked.append([job.seed for job in jobs])
            short = len(worked) == 1
            return [
                MemoryError() if short and job.seed == 2 else SplatResult(num_splats=job.seed) for job in jobs
            ]

        results = answer_batch([ImageJob(seed=seed) for seed in (1, 2)], SplatResult, work)
        assert kinds(results) == [1, 2]
        assert worked == [[1, 2], [2]]


class TestWhatLibrariesSay:
    def test_torch_and_numpy_without_memory(self) -> None:
        with pytest.raises(RuntimeError) as of_torch:
            torch.empty(NO_MACHINE_HAS, dtype=torch.uint8)
        with pytest.raises(MemoryError) as of_numpy:
            np.empty(NO_MACHINE_HAS, np.uint8)
        assert is_out_of_memory(of_torch.value)
        assert is_out_of_memory(of_numpy.value)

    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            RuntimeError("CUDA error: out of memory"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            OSError(errno.ENOMEM, "Cannot allocate memory"),
        ],
    )
    def test_what_a_gpu_says(self, error: Exception) -> None:
        assert is_out_of_memory(error)
        assert not is_out_of_space(error)

    @pytest.mark.parametrize(
        "error", [RuntimeError("shapes differ"), ValueError("x"), OSError(errno.EIO, "")]
    )
    def test_other_errors_are_no_shortage(self, error: Exception) -> None:
        assert not is_out_of_memory(error)
        assert not is_out_of_space(error)

    def test_a_full_file_system(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_space(*arguments: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        file = tmp_path / "object.ply"
        file.touch()
        monkeypatch.setattr(os, "pwrite", no_space)

        def work(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
            fill(str(file), b"splats")
            return [SplatResult() for _ in jobs]

        (result,) = answer_batch([ImageJob()], SplatResult, work)
        assert result.failure is not None
        assert result.failure.kind == "no_space"

    def test_an_encoder_without_space(self) -> None:
        said = "ffmpeg ended with status 228: video.mp4: No space left on device"
        assert is_out_of_space(VideoEncodingError(said))
        assert not is_out_of_space(VideoEncodingError("ffmpeg ended with status 1: what"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_without_memory_is_503_that_names_it_and_then_works_again(
    client: TestClient, stage: str
) -> None:
    reply = client.post("/generate", data={"prompt": f"greedy_{stage}"})
    assert (reply.status_code, reply.json()["error"]) == (503, "out_of_memory")
    assert reply.json()["detail"].startswith(f"{stage}: ")
    assert int(reply.headers["retry-after"]) > 0
    assert client.post("/generate", data={"prompt": "mug"}).status_code == 200


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_finds_memory_once_its_caches_are_free_answers(client: TestClient, stage: str) -> None:
    assert client.post("/generate", data={"prompt": f"greedy_once_{stage}"}).status_code == 200


HOLD = """
import sys, torch
free, _ = torch.cuda.mem_get_info()
held = torch.empty(free - int(sys.argv[1]), dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA device is not here")
def test_while_another_process_holds_the_gpus_memory_jobs_fail_for_now_and_then_work() -> None:
    needed = 2 * 2**30
    torch.zeros(1, device="cuda")  # this process's context comes before the other one takes the rest

    def work(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
        large = torch.ones(needed, dtype=torch.uint8, device="cuda")
        return [SplatResult(num_splats=int(large[-1])) for _ in jobs]

    torch.cuda.empty_cache()
    command = [sys.executable, "-c", HOLD, str(needed // 2)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        short = answer_batch([ImageJob(), ImageJob()], SplatResult, work)
        other.kill()
    assert kinds(short) == ["out_of_memory", "out_of_memory"]
    assert kinds(answer_batch([ImageJob()], SplatResult, work)) == [1]
