"""Attempts at one object, each with a seed of its own, until one passes."""

import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from gateway.metrics import REJECTIONS
from gateway.parameters import MAX_SEED, RANDOM_SEED
from gateway.scores import observe
from runners.messages import JudgeResult

LATELY = 8  # attempts

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the attempts ended.

    Attributes:
        seed: Of the attempt that counts: the one that passed, or the best; with it one gets its object.
        rejection: Why it was not good enough; None if it was.
        failed: The gate or score of validation, or the kind of failure, that the reason is about; in a word.
        verdict: On that attempt's object; an empty one if there is none.
    """

    seed: int
    rejection: str | None
    failed: str | None = None
    verdict: JudgeResult = field(default_factory=JudgeResult)

    @property
    def has_verdict(self) -> bool:
        """Whether the attempt went all the way."""
        return self.rejection is None or self.verdict.gate is not None

    @property
    def is_doubtful(self) -> bool:
        """Whether it passed and may still be something else than what was asked for."""
        return self.rejection is None and not self.verdict.convincing


class AttemptTimes:
    """How long attempts have lately taken, of all requests."""

    def __init__(self) -> None:
        """Knows of none."""
        self._seconds: deque[float] = deque(maxlen=LATELY)

    def note(self, seconds: float) -> None:
        """Remembers an attempt that came to a verdict."""
        self._seconds.append(seconds)

    @property
    def expected(self) -> float:
        """What the next one may take: the longest of the last few."""
        return max(self._seconds, default=0.0)


async def until_passed(
    attempt: Callable[[int], Awaitable[Outcome]],
    following: Iterator[int],
    times: AttemptTimes,
    remaining: Callable[[], float],
) -> tuple[Outcome, float]:
    """The first attempt that passes, else the best one, and the seconds that the last one took.

    Another one starts only if what attempts have lately taken fits into what is left: a 204 in time is worth
    more than a 504.

    Args:
        attempt: Makes and judges an object with a seed.
        following: The seeds, at least one; those that were not needed are left.
        times: Of attempts.
        remaining: Gives the seconds that are left.
    """
    best: Outcome | None = None
    for seed in following:
        started = time.perf_counter()
        outcome = await attempt(seed)
        took = time.perf_counter() - started
        observe(outcome.verdict)
        if outcome.has_verdict:
            times.note(took)
        if outcome.rejection is None:
            return outcome, took
        REJECTIONS.labels(outcome.failed).inc()
        logger.info("seed %d was rejected: %s", seed, outcome.rejection)
        best = outcome if best is None or outcome.verdict.rank >= best.verdict.rank else best
        if times.expected > remaining():
            logger.info("no time is left for another attempt")
            break
    assert best is not None, "no seed to start with"
    return best, took


def seeds(first: int, count: int) -> Iterator[int]:
    """The seeds of the attempts: the one asked for, then ones that follow from it (a run can be repeated)."""
    seed = secrets.randbelow(MAX_SEED + 1) if first == RANDOM_SEED else first
    for _ in range(count):
        yield seed
        seed = (seed * 1_664_525 + 1_013_904_223) % (MAX_SEED + 1)
