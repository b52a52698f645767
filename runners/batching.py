"""All that runners do because BentoML gathers jobs into batches, and keeps batches waiting.

    @bentoml.api(**runner_batch(OPTIONS))           one batch of a method is in work at a time; jobs that come
    def generate(self, jobs): ...                   meanwhile wait for the next
        return answer_batch(jobs, Result, work)     one result per job, whatever happens to any of them

BentoML waits before it releases a batch that is not full, as long as the jobs of its last 50 batches waited
on average: after a burst a lone job would be held for seconds, for dozens of requests. Its training, the
first dozen calls of each process, holds as long as it guesses that three jobs take. What it learns is for
bursts of tiny jobs; ours take longer than any sensible wait, and gather while the last batch is in work. So
it learns within bounds (`PromptOptimizer`), and the gateway trains it with no-ops (`gateway.batcher`), which
are answered here without work.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bentoml._internal.marshal import dispatcher

from configuration import RunnerOptions, load_configuration
from runners.failures import as_result, let_go
from runners.handover import GIVEN_UP, AbandonedError
from runners.inline import collected, landed
from runners.jobs import Job, Result
from runners.memory import free_memory
from runners.shortages import is_out_of_memory
from runners.wanted import is_wanted, working_for

J = TypeVar("J", bound=Job)
R = TypeVar("R", bound=Result)
Work = Callable[[Sequence[J]], Sequence[R | Exception]]

WINDOW_SECONDS = 0.01  # a lone job is never held longer
# All that the batcher may know of a job's share in a batch's time: more makes its training hold jobs back.
NO_SECONDS = 1e-6

logger = logging.getLogger(__name__)


class PromptOptimizer(dispatcher.Optimizer):
    """What the batcher learns, within bounds: all time is the batch's own, a wait at most the window."""

    wait: float  # type: ignore[assignment]

    def __init__(self, max_latency: float) -> None:
        super().__init__(max_latency)
        self._keep_prompt()

    def trigger_refresh(self) -> None:
        """Learns from the last batches."""
        super().trigger_refresh()  # type: ignore[no-untyped-call]
        self._keep_prompt()

    def _keep_prompt(self) -> None:
        self.o_a, self.o_b = NO_SECONDS, self.o_a + self.o_b
        self.wait = min(self.wait, WINDOW_SECONDS)


def keep_batchers_prompt() -> None:
    """Has every batcher that is made from now on use `PromptOptimizer`.

    Raises:
        AttributeError: This BentoML has no such part, so the cure must be looked at again.
    """
    if not issubclass(dispatcher.Optimizer, PromptOptimizer):
        dispatcher.Optimizer = PromptOptimizer  # type: ignore[misc]


def runner_batch(options: RunnerOptions) -> dict[str, Any]:
    """Arguments of `@bentoml.api` for a batched method; BentoML makes its batcher when the service starts.

    `max_latency_ms` is where BentoML sheds jobs; the gateway, which sends no more than
    `RunnerOptions.most_in_flight` allows, sheds requests before that.
    """
    keep_batchers_prompt()
    return {
        "batchable": True,
        "max_batch_size": options.max_batch_size,
        "max_latency_ms": options.max_latency_ms,
    }


def answer_batch(jobs: Sequence[J], result_type: type[R], work: "Work[J, R]") -> list[R]:
    """One result per job, in order.

    Jobs whose requests were given up are answered without work; when all of a batch are, its work ends at the
    next step (see `runners.wanted`).

    Args:
        jobs: The batch, no-ops included.
        result_type: Of the results; built without arguments for a no-op.
        work: Turns real jobs into as many results; an item may be the exception that stopped it. If it raises
            for a batch, each job is done again alone, so that one job cannot fail its mates. What lacks
            memory is done once more, alone, when caches were freed.

    Returns:
        The results; each also says how long the whole batch was in work (`timings["work"]`), so that the
        caller can tell work from waiting and from the way here and back.
    """
    real = [job for job in jobs if not job.noop]
    started = time.perf_counter()
    with landed(real, lambda: load_configuration().services.gateway.handover_folder) as here:
        made = [collected(*pair) for pair in zip(here, _in_company(here, result_type, work), strict=True)]
    results = iter(_with_work(made, time.perf_counter() - started))
    answers = [result_type() if job.noop else next(results) for job in jobs]
    assert len(answers) == len(jobs)
    return answers


def _in_company(jobs: Sequence[J], result_type: type[R], work: "Work[J, R]") -> list[R]:
    """Results of jobs, of which exact ones come alone, after the others: mates change the rounding."""
    mates = [job for job in jobs if not job.exact]
    together = iter(_attempt(mates, result_type, work))
    return [_attempt([job], result_type, work)[0] if job.exact else next(together) for job in jobs]


def _with_work(results: Sequence[R], seconds: float) -> list[R]:
    return [result.model_copy(update={"timings": result.timings | {"work": seconds}}) for result in results]


def _attempt(jobs: Sequence[J], result_type: type[R], work: "Work[J, R]", *, last: bool = False) -> list[R]:
    """Results of the jobs that are wanted, and failures of the others."""
    wanted = [is_wanted(job) for job in jobs]
    made = iter(
        _made([job for job, is_so in zip(jobs, wanted, strict=True) if is_so], result_type, work, last)
    )
    given_up = AbandonedError(GIVEN_UP)
    return [next(made) if is_so else as_result(given_up, result_type) for is_so in wanted]


def _made(jobs: Sequence[J], result_type: type[R], work: "Work[J, R]", last: bool) -> list[R]:
    """Results of jobs; those worth it are done again alone, unless this is the `last` time."""
    if not jobs:
        return []
    items, broken = _tried(jobs, work)
    lacking = [isinstance(item, Exception) and is_out_of_memory(item) for item in items]
    if any(lacking):
        for item in items:
            let_go(item)
        free_memory()
    results: list[R] = []
    for job, item, lacks in zip(jobs, items, lacking, strict=True):
        if not last and (lacks or (broken and len(jobs) > 1)):
            results += _attempt([job], result_type, work, last=lacks)
        else:
            results.append(as_result(item, result_type))
    return results


def _tried(jobs: Sequence[J], work: "Work[J, R]") -> tuple[Sequence[R | Exception], bool]:
    """What came of the jobs, and whether their batch broke off."""
    try:
        with working_for(jobs):
            made = work(jobs)
        assert len(made) == len(jobs), f"{len(made)} results for {len(jobs)} jobs"
    except Exception as error:  # the boundary of the process: everything becomes a result
        if is_out_of_memory(error):
            logger.warning("a batch of %d lacks memory: %s", len(jobs), error)
        elif len(jobs) > 1 and not isinstance(error, AbandonedError):
            logger.exception("a batch of %d failed; trying its items alone", len(jobs))
        return [error] * len(jobs), True
    return made, False
