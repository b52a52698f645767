"""What is measured over HTTP, one function a phase; each gives what the report shows of it."""

import asyncio
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.client import VIDEO_PATH, Client, Reply
from benchmarks.load import closed_loop, open_loop, poisson_arrivals, status_counts
from benchmarks.probes import worst_probes
from benchmarks.server_timing import derived, stage_medians

ARRIVAL_SEED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one phase sends, and how long it goes on sending."""

    requests: int
    seconds: float


async def first_request(client: Client) -> dict[str, Any]:
    """The first one after the start, which should find everything warm."""
    reply = await client.generate()
    return {"status": reply.status, "seconds": round(reply.seconds, 4)}


async def lone(client: Client, limits: Limits, fields: Mapping[str, str] | None = None) -> dict[str, Any]:
    """One request after another: latency, and where it goes; `fields` take the place of the prompt."""
    run = await closed_loop(client, in_flight=1, count=limits.requests, seconds=limits.seconds, fields=fields)
    return run.summary() | {
        "ply_bytes": max((reply.num_bytes for reply in run.replies), default=0),
        "stage_medians_ms": stage_medians([reply.stages for reply in run.replies]),
        "derived_medians_ms": stage_medians([_derived(reply) for reply in run.replies if reply.stages]),
        "latencies_s": [round(reply.seconds, 4) for reply in run.replies],
    }


def _derived(reply: Reply) -> dict[str, float]:
    """With the client's share: what HTTP adds to the service's own total."""
    found = derived(reply.stages)
    if "total" in reply.stages:
        found["http_ms"] = round(1e3 * reply.seconds - reply.stages["total"], 1)
    return found


async def bursts(client: Client, *, size: int, times: int, warm_median_s: float | None) -> dict[str, Any]:
    """Requests at once, then a lone one; its latency should be the warm one again.

    The client also probes the service while the bursts are in work.
    """
    done, rounds, after = asyncio.Event(), list[dict[str, Any]](), list[float]()
    probing = asyncio.create_task(worst_probes(client, done))
    for _ in range(times):
        run = await closed_loop(client, in_flight=size, count=size, seconds=1e9)
        rounds.append(run.summary())
        after.append((await client.generate()).seconds)
    done.set()
    ratio = round(statistics.median(after) / warm_median_s, 3) if warm_median_s else None
    return {
        "size": size,
        "rounds": rounds,
        "per_second": round(statistics.median([run["per_second"] for run in rounds]), 4),
        "lone_after_s": [round(seconds, 4) for seconds in after],
        "lone_after_to_warm_median": ratio,
        "worst_probe_ms": await probing,
    }


async def videos(client: Client, count: int, fields: dict[str, str]) -> dict[str, Any]:
    """Requests for a video: what comes after the PLY is the stage's time in `Server-Timing`."""
    replies = [await client.generate(path=VIDEO_PATH, fields=fields) for _ in range(count)]
    made = [reply.stages["video"] for reply in replies if "video" in reply.stages]
    return {
        "statuses": status_counts(replies),
        "after_the_ply_ms": round(statistics.median(made), 1) if made else None,
        "latencies_s": [round(reply.seconds, 4) for reply in replies],
        "bytes": [reply.num_bytes for reply in replies],
    }


async def in_flight_level(client: Client, level: int, limits: Limits) -> dict[str, Any]:
    """A closed loop of `level` requests, and how long their stages took beside each other."""
    run = await closed_loop(client, in_flight=level, count=limits.requests, seconds=limits.seconds)
    stages = stage_medians([reply.stages for reply in run.replies])
    return {"in_flight": level} | run.summary() | {"stage_medians_ms": stages}


async def arrival_rate(client: Client, rate: float, limits: Limits) -> dict[str, Any]:
    """An open loop of `rate` objects a second; all arrivals are waited for."""
    arrivals = poisson_arrivals(rate, seed=ARRIVAL_SEED, count=limits.requests, seconds=limits.seconds)
    run = await open_loop(client, arrivals)
    return {"rate_per_second": rate, "last_arrival_s": round(max(arrivals, default=0.0), 2)} | run.summary()
