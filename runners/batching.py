"""From a batch of jobs to one result per job, whatever happens to any of them."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from models.errors import EmptyMatteError, EmptyStructureError, GenerationError
from runners.handover import AbandonedError
from runners.messages import Failure, FailureKind, Job, Result

J = TypeVar("J", bound=Job)
R = TypeVar("R", bound=Result)

logger = logging.getLogger(__name__)

KINDS: tuple[tuple[type[Exception], FailureKind], ...] = (
    (EmptyMatteError, "empty_matte"),
    (EmptyStructureError, "empty_structure"),
    (GenerationError, "generation"),
    (AbandonedError, "abandoned"),
)


def describe_failure(error: Exception) -> Failure:
    """An exception as a failure of one item; an unexpected one says nothing of its inside."""
    for error_type, kind in KINDS:
        if isinstance(error, error_type):
            return Failure(kind=kind, detail=str(error) or error_type.__name__)
    return Failure(kind="internal", detail=f"unexpected {type(error).__name__}")


def answer_batch(
    jobs: Sequence[J], result_type: type[R], work: Callable[[Sequence[J]], Sequence[R | Exception]]
) -> list[R]:
    """One result per job, in order.

    Args:
        jobs: The batch, no-ops included.
        result_type: Of the results; built without arguments for a no-op.
        work: Turns real jobs into as many results; an item may be the exception that stopped it. If it raises
            for a batch, each job is done again alone, so that one job cannot fail its mates.

    Returns:
        The results; each also says how long the whole batch was in work (`timings["work"]`), so that the
        caller can tell work from waiting and from the way here and back.
    """
    real = [job for job in jobs if not job.noop]
    started = time.perf_counter()
    made = _attempt(real, result_type, work)
    results = iter(_with_work(made, time.perf_counter() - started))
    answers = [result_type() if job.noop else next(results) for job in jobs]
    assert len(answers) == len(jobs)
    return answers


def _with_work(results: Sequence[R], seconds: float) -> list[R]:
    return [result.model_copy(update={"timings": result.timings | {"work": seconds}}) for result in results]


def _attempt(
    jobs: Sequence[J], result_type: type[R], work: Callable[[Sequence[J]], Sequence[R | Exception]]
) -> list[R]:
    if not jobs:
        return []
    try:
        made = work(jobs)
        assert len(made) == len(jobs), f"{len(made)} results for {len(jobs)} jobs"
    except Exception as error:  # the boundary of the process: everything becomes a result
        if len(jobs) > 1:
            logger.exception("a batch of %d failed; trying its items alone", len(jobs))
            return [_attempt([job], result_type, work)[0] for job in jobs]
        made = [error]
    return [_as_result(item, result_type) for item in made]


def _as_result(item: R | Exception, result_type: type[R]) -> R:
    if not isinstance(item, Exception):
        return item
    failure = describe_failure(item)
    if failure.kind == "internal":
        logger.error("an item failed", exc_info=item)
    return result_type(failure=failure)
