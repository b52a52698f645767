"""BentoML's batcher holds nobody back for what it once saw."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import bentoml
from _bentoml_impl.server.app import ServiceAppFactory
from bentoml._internal.marshal.dispatcher import CorkDispatcher

from configuration.schema import RunnerOptions
from runners.batching import WINDOW_SECONDS, PromptOptimizer, keep_batchers_prompt, runner_batch
from runners.messages import ImageJob, SplatResult

LONG = 20.0  # seconds that jobs of the past waited
OPTIONS = RunnerOptions(
    workers=1,
    threads=1,
    niceness=0,
    timeout_seconds=120.0,
    concurrency=4,
    max_batch_size=4,
    max_latency_ms=110_000,
)


def new_dispatcher() -> CorkDispatcher[Any, Any]:
    keep_batchers_prompt()
    return CorkDispatcher(110_000, 4, fallback=lambda: None, get_batch_size=lambda job: 1)


async def lone_seconds(dispatcher: CorkDispatcher[Any, Any], *, calls: int) -> float:
    """The longest of some lone calls of a function that takes no time."""

    async def work(jobs: Sequence[int]) -> Sequence[int]:
        return jobs

    longest, call = 0.0, dispatcher(work)
    for number in range(calls):
        started = time.perf_counter()
        assert await call(number) == number
        longest = max(longest, time.perf_counter() - started)
    dispatcher.shutdown()
    return longest


async def test_a_lone_job_is_held_for_no_longer_than_the_window_whatever_came_before() -> None:
    dispatcher = new_dispatcher()
    for _ in range(60):
        dispatcher.optimizer.log_outbound(4, LONG, LONG)
    dispatcher.optimizer.trigger_refresh()  # type: ignore[no-untyped-call]
    assert await lone_seconds(dispatcher, calls=20) < 0.5  # its own window is 0.01


async def test_training_on_slow_jobs_holds_nobody_either() -> None:
    dispatcher = new_dispatcher()
    for _ in range(6):
        dispatcher.optimizer.log_outbound(1, 0.0, LONG)
    assert await lone_seconds(dispatcher, calls=14) < 0.5


async def test_jobs_that_come_together_still_share_a_batch() -> None:
    sizes: list[int] = []

    async def work(jobs: Sequence[int]) -> Sequence[int]:
        sizes.append(len(jobs))
        await asyncio.sleep(0.02)
        return jobs

    dispatcher = new_dispatcher()
    call = dispatcher(work)
    for _ in range(12):
        await call(0)
    sizes.clear()
    assert await asyncio.gather(*(call(number) for number in range(9))) == list(range(9))
    dispatcher.shutdown()
    assert max(sizes) == 4


def test_every_batched_method_has_such_a_batcher() -> None:
    @bentoml.service(name="some_stage")
    class SomeStage:
        @bentoml.api(**runner_batch(OPTIONS))  # type: ignore[untyped-decorator]
        def generate(self, jobs: list[ImageJob]) -> list[SplatResult]:
            return [SplatResult() for _ in jobs]

    services = {"some_stage": {"traffic": {"timeout": 60}, "workers": 1}}
    factory = ServiceAppFactory(SomeStage, enable_metrics=False, services=services)
    assert isinstance(factory.dispatchers["generate"].optimizer, PromptOptimizer)
    assert factory.dispatchers["generate"].optimizer.wait <= WINDOW_SECONDS
