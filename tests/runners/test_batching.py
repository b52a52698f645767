"""Batches: one result per job, in order, whatever happens to its mates."""

import time
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from models.errors import EmptyMatteError
from runners.batching import answer_batch
from runners.messages import ImageJob, SplatResult


def count(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
    """Each job's seed as a result; seed 13 fails alone, seed 666 fails its whole batch."""
    if any(job.seed == 666 for job in jobs):
        raise RuntimeError("secret")
    return [EmptyMatteError("none") if job.seed == 13 else SplatResult(num_splats=job.seed) for job in jobs]


def describe(result: SplatResult) -> int | str:
    return result.failure.kind if result.failure else result.num_splats


@given(seeds=st.lists(st.sampled_from([None, 1, 2, 3, 13, 666]), max_size=8))
def test_each_job_gets_its_own_result(seeds: list[int | None]) -> None:
    jobs = [ImageJob(noop=True) if seed is None else ImageJob(seed=seed) for seed in seeds]
    expected = {None: 0, 13: "empty_matte", 666: "internal"}
    results = answer_batch(jobs, SplatResult, count)
    assert [describe(result) for result in results] == [expected.get(seed, seed) for seed in seeds]


def test_a_wrong_number_of_results_reaches_nobody() -> None:
    def too_few(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
        return [SplatResult(num_splats=1)] * (len(jobs) // 2)

    results = answer_batch([ImageJob(seed=1), ImageJob(seed=2)], SplatResult, too_few)
    assert [describe(result) for result in results] == ["internal", "internal"]


def test_an_unexpected_failure_hides_its_inside() -> None:
    (result,) = answer_batch([ImageJob(seed=666)], SplatResult, count)
    assert result.failure is not None
    assert "secret" not in result.failure.detail


def test_results_say_how_long_their_batch_was_in_work() -> None:
    def slow(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
        time.sleep(0.05)
        return [SplatResult(timings={"structure": 0.01}) for _ in jobs]

    mates = answer_batch([ImageJob(), ImageJob(noop=True), ImageJob()], SplatResult, slow)
    assert mates[0].timings == mates[2].timings
    assert mates[0].timings["structure"] == 0.01
    assert 0.05 <= mates[0].timings["work"] < 5.0
    assert mates[1].timings == {}
