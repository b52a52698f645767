"""Attempts at one object, each with a seed of its own, until one passes."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from gateway.metrics import REJECTIONS
from gateway.parameters import MAX_SEED, RANDOM_SEED
from runners.messages import JudgeResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the attempts ended.

    Attributes:
        seed: Of the last attempt; asking with it gives the same object at once.
        rejection: Why the last attempt was not good enough; None if it was.
        failed: The gate or score of validation, or the kind of failure, that the reason is about; in a word.
        verdict: On the last attempt's object; an empty one if there is none.
    """

    seed: int
    rejection: str | None
    failed: str | None = None
    verdict: JudgeResult = field(default_factory=JudgeResult)

    @property
    def is_doubtful(self) -> bool:
        """Whether it passed and may still be something else than what was asked for."""
        return self.rejection is None and not self.verdict.convincing


async def until_passed(
    attempt: Callable[[int], Awaitable[Outcome]], following: Iterator[int]
) -> tuple[Outcome, float]:
    """The first attempt that passes, else the last one, and the seconds that it took.

    Args:
        attempt: Makes and judges an object with a seed.
        following: The seeds, at least one; those that were not needed are left.
    """
    for seed in following:
        started = time.perf_counter()
        outcome = await attempt(seed)
        took = time.perf_counter() - started
        if outcome.rejection is None:
            break
        REJECTIONS.labels(outcome.failed).inc()
        logger.info("seed %d was rejected: %s", seed, outcome.rejection)
    return outcome, took


def seeds(first: int, count: int) -> Iterator[int]:
    """The seeds of the attempts: the one asked for, then ones that follow from it (a run can be repeated)."""
    seed = secrets.randbelow(MAX_SEED + 1) if first == RANDOM_SEED else first
    for _ in range(count):
        yield seed
        seed = (seed * 1_664_525 + 1_013_904_223) % (MAX_SEED + 1)
