"""From a batch of jobs to one result per job, whatever happens to any of them."""

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from configuration import load_configuration
from models.errors import EmptyMatteError, EmptyStructureError, GenerationError
from runners.handover import GIVEN_UP, AbandonedError
from runners.inline import collected, landed
from runners.memory import free_memory
from runners.messages import Failure, FailureKind, Job, Result
from runners.shortages import is_out_of_memory, is_out_of_space
from runners.wanted import is_wanted, working_for

J = TypeVar("J", bound=Job)
R = TypeVar("R", bound=Result)
Work = Callable[[Sequence[J]], Sequence[R | Exception]]

logger = logging.getLogger(__name__)

KINDS: tuple[tuple[type[Exception], FailureKind], ...] = (
    (EmptyMatteError, "empty_matte"),
    (EmptyStructureError, "empty_structure"),
    (GenerationError, "generation"),
    (AbandonedError, "abandoned"),
)


def describe_failure(error: Exception) -> Failure:
    """An exception as a failure of one item; of an unexpected one only the type is told."""
    for error_type, kind in KINDS:
        if isinstance(error, error_type):
            return Failure(kind=kind, detail=str(error) or error_type.__name__)
    if is_out_of_memory(error):
        return Failure(kind="out_of_memory", detail="out of memory, also after its caches were freed")
    if is_out_of_space(error):
        return Failure(kind="no_space", detail="no space left for its files")
    return Failure(kind="internal", detail=f"unexpected {type(error).__name__}")


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
    return [next(made) if is_so else _as_result(given_up, result_type) for is_so in wanted]


def _made(jobs: Sequence[J], result_type: type[R], work: "Work[J, R]", last: bool) -> list[R]:
    """Results of jobs; those worth it are done again alone, unless this is the `last` time."""
    if not jobs:
        return []
    items, broken = _tried(jobs, work)
    lacking = [isinstance(item, Exception) and is_out_of_memory(item) for item in items]
    if any(lacking):
        for item in items:
            _let_go(item)
        free_memory()
    results: list[R] = []
    for job, item, lacks in zip(jobs, items, lacking, strict=True):
        if not last and (lacks or (broken and len(jobs) > 1)):
            results += _attempt([job], result_type, work, last=lacks)
        else:
            results.append(_as_result(item, result_type))
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


def _let_go(item: object) -> None:
    """Frees what the frames that an error passed through still hold."""
    error = item if isinstance(item, BaseException) else None
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        error = error.__context__


def _as_result(item: R | Exception, result_type: type[R]) -> R:
    if not isinstance(item, Exception):
        return item
    failure = describe_failure(item)
    if failure.kind == "internal":
        logger.error("an item failed", exc_info=item)
    return result_type(failure=failure)
