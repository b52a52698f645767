"""Prompt to PLY over HTTP: latency alone, throughput of a burst, latency right after it, probes meanwhile.

python -m benchmarks.end_to_end [--serve] [--port 8093] [--lone 10] [--burst 8]
"""

import argparse
import asyncio
import json
import os
import platform
import re
import statistics
import time
from contextlib import nullcontext
from pathlib import Path

import httpx

from scripts.local_service import local_service

PROMPTS = ("pink bicycle", "blue chair with yellow legs", "green cactus", "red mushroom", "wooden table")
PROBES = ("/health", "/livez", "/readyz", "/version", "/metrics")
TIMEOUT_SECONDS = 300.0
PROBE_PERIOD_SECONDS = 0.25


async def post(client: httpx.AsyncClient, number: int) -> tuple[int, float, str]:
    """One request: status, seconds, Server-Timing."""
    fields = {"prompt": PROMPTS[number % len(PROMPTS)], "seed": str(number)}
    started = time.perf_counter()
    reply = await client.post("/generate/", data=fields)
    return reply.status_code, time.perf_counter() - started, reply.headers.get("server-timing", "")


async def lone(client: httpx.AsyncClient, count: int, first: int) -> list[tuple[int, float, str]]:
    """Requests one after another."""
    return [await post(client, first + number) for number in range(count)]


async def burst(client: httpx.AsyncClient, count: int) -> tuple[list[int], float]:
    """Requests at once: their statuses, and the seconds until the last has its answer."""
    started = time.perf_counter()
    replies = await asyncio.gather(*(post(client, 1000 + number) for number in range(count)))
    return [status for status, _, _ in replies], time.perf_counter() - started


async def worst_probe(client: httpx.AsyncClient, done: asyncio.Event) -> dict[str, float]:
    """Slowest answer of each probe in ms until `done`."""
    worst = dict.fromkeys(PROBES, 0.0)
    while not done.is_set():
        for path in PROBES:
            started = time.perf_counter()
            await client.get(path)
            worst[path] = max(worst[path], (time.perf_counter() - started) * 1e3)
        await asyncio.sleep(PROBE_PERIOD_SECONDS)  # often enough to meet every stage, too rarely to load it
    return {path: round(milliseconds, 1) for path, milliseconds in worst.items()}


def stage_medians(timings: list[str]) -> dict[str, float]:
    """Median milliseconds of each stage."""
    parsed = [dict(re.findall(r"([\w.]+);dur=([\d.]+)", timing)) for timing in timings]
    names = dict.fromkeys(name for stages in parsed for name in stages)
    return {
        name: statistics.median([float(stages[name]) for stages in parsed if name in stages])
        for name in names
    }


async def measure(url: str, lone_count: int, burst_count: int) -> dict[str, object]:
    """All of it."""
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS) as client:
        version = (await client.get("/version")).json()
        alone = await lone(client, lone_count, 0)
        done = asyncio.Event()
        probes = asyncio.create_task(worst_probe(client, done))
        statuses, burst_seconds = await burst(client, burst_count)
        done.set()
        after = await lone(client, 1, 2000)
        seconds = sorted(taken for _, taken, _ in alone)
        return {
            "service": version,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "lone_statuses": [status for status, _, _ in alone],
            "lone_median_s": round(statistics.median(seconds), 3),
            "lone_p95_s": round(seconds[min(len(seconds) - 1, round(0.95 * len(seconds)))], 3),
            "stage_medians_ms": stage_medians([timing for _, _, timing in alone]),
            "burst_statuses": statuses,
            "burst_s": round(burst_seconds, 3),
            "burst_per_second": round(statuses.count(200) / burst_seconds, 3),
            "lone_after_burst_s": round(after[0][1], 3),
            "worst_probe_ms": await probes,
        }


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--port", type=int, default=8093)
    parser.add_argument("--serve", action="store_true", help="start the service for this, and stop it")
    parser.add_argument("--lone", type=int, default=10)
    parser.add_argument("--burst", type=int, default=8)
    arguments = parser.parse_args()
    url = f"http://127.0.0.1:{arguments.port}"
    service = local_service(arguments.port, Path("out/service.log")) if arguments.serve else nullcontext(url)
    with service as address:
        report = asyncio.run(measure(address, arguments.lone, arguments.burst))
    for key, value in report.items():
        print(f"{key}: {value}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
