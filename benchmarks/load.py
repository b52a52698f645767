"""Ways to send requests, each bounded in number and time, and what came of them.

closed loop    a fixed number in flight: the next one leaves when one is answered; gives capacity
open loop      arrivals at random moments, whether or not earlier ones are answered; gives what users meet
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.client import Client, Reply
from benchmarks.summaries import latency_summary

OVERLOADED = 503
MAX_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Replies in the order they came, and the seconds from the first request to the last reply."""

    replies: Sequence[Reply]
    seconds: float

    def summary(self) -> dict[str, Any]:
        """Statuses, objects a second, and the latency of those that were delivered (200)."""
        delivered = [reply.seconds for reply in self.replies if reply.status == 200]
        return {
            "requests": len(self.replies),
            "statuses": status_counts(self.replies),
            "seconds": round(self.seconds, 3),
            "per_second": round(len(delivered) / self.seconds, 4) if self.seconds else 0.0,
            **latency_summary(delivered),
        }


def status_counts(replies: Sequence[Reply]) -> dict[str, int]:
    """How often each status came; 0 stands for no answer."""
    return {str(status): count for status, count in sorted(Counter(r.status for r in replies).items())}


async def closed_loop(
    client: Client, *, in_flight: int, count: int, seconds: float, fields: Mapping[str, str] | None = None
) -> Run:
    """Keeps `in_flight` requests going until `count` were sent or `seconds` are over.

    `fields` are sent with each of them.

    Who is sent away (503) waits as long as the service asks, at most a second.
    """
    turns = iter(range(count))
    started = time.perf_counter()
    replies: list[Reply] = []

    async def work() -> None:
        for _ in turns:
            reply = await client.generate(fields=fields)
            replies.append(reply)
            if reply.status == OVERLOADED:
                await asyncio.sleep(min(reply.retry_after_seconds, MAX_PAUSE_SECONDS))
            if time.perf_counter() - started > seconds:
                return

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return Run(replies=replies, seconds=time.perf_counter() - started)


def poisson_arrivals(rate_per_second: float, *, seed: int, count: int, seconds: float) -> list[float]:
    """Moments of arrival in seconds from the start, ascending; the same seed gives the same moments.

    Gaps are exponential with a mean of 1 / rate. Ends after `count` arrivals or before `seconds`.
    """
    if rate_per_second <= 0:
        raise ValueError(f"a rate must be positive, not {rate_per_second}")
    generator, moment, moments = random.Random(seed), 0.0, list[float]()
    while len(moments) < count:
        moment += generator.expovariate(rate_per_second)
        if moment >= seconds:
            break
        moments.append(moment)
    return moments


async def open_loop(client: Client, arrivals: Sequence[float]) -> Run:
    """Sends a request at each moment; latencies count from there."""
    started = time.perf_counter()
    replies: list[Reply] = []

    async def send(due: float) -> None:
        await asyncio.sleep(due - time.perf_counter())
        replies.append(await client.generate(due=due))

    await asyncio.gather(*(send(started + moment) for moment in arrivals))
    return Run(replies=replies, seconds=time.perf_counter() - started)
