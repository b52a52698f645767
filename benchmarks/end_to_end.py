r"""Prompt to PLY over HTTP: latency alone and under load, throughput, videos, the start.

    python -m benchmarks.end_to_end --serve [--in-flight 1,2,4,8,16] [--rate 0.5,1,1.5]
    python -m benchmarks.end_to_end --serve --random --profile 80gb --set image_to_3d.fast_paths=true \
        --second-start

Without --serve a service on --port is measured. Phases come in this order: the first request after the start,
lone ones, lone ones with a picture in the prompt's place (--picture), bursts with a lone one after each,
videos, --in-flight levels (closed loop), --rate (open loop, Poisson arrivals), then with --second-start a new
start with the first one's compile caches. Each phase is bounded by --requests and --seconds. With --out the
report is written after every phase; the last line is JSON.
"""

import argparse
import asyncio
import base64
import json
import os
import platform
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import phases
from benchmarks.client import Client, connected
from benchmarks.phases import Limits
from benchmarks.results import Results, command_line, comparison, read_report
from benchmarks.served import Served, add_arguments, empty_caches, served_by, started
from command_line.arguments import at_least_one, positive, user_path, whole
from command_line.running import run_program

LONE_AFTER_SECOND_START = 5
NOT_COMPARED = ("service", "service_afterwards", "latencies_s", "statuses")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; 1 if a lone request was not delivered."""
    options = parse_arguments(argv)
    results = Results(options.out, "end_to_end")
    results.content |= {"command": command_line(argv), "machine": machine()}
    caches: AbstractContextManager[Path | None] = nullcontext()
    if options.empty_caches or options.second_start:
        caches = empty_caches()
    with caches as folder:
        served = replace(options.served, caches=folder)
        with serving(options, served) as ready_seconds:
            if ready_seconds is not None:
                results.put("ready_s", round(ready_seconds, 2))
            asyncio.run(all_phases(options, results))
        if options.second_start:
            again = replace(served, log=served.log.with_suffix(".second.log"))
            with serving(options, again) as ready_seconds:
                asyncio.run(second_start(options.port, results, ready_seconds))
    if options.compare:
        print("\n".join(comparison(read_report(options.compare), results.content, without=NOT_COMPARED)))
    print(json.dumps(results.content))
    return int(set(results.content["lone"]["statuses"]) != {"200"})


def serving(options: argparse.Namespace, served: Served) -> AbstractContextManager[float | None]:
    """The service, where it is not running yet; gives the seconds it took to get ready."""
    return started(served) if options.serve else nullcontext()


async def all_phases(options: argparse.Namespace, results: Results) -> None:
    """Everything that one running service is asked."""
    limits = Limits(requests=options.requests, seconds=options.seconds)
    async with connected(options.port) as client:
        results.put("service", await client.version())
        results.put("first", await phases.first_request(client))
        results.put("lone", await phases.lone(client, replace(limits, requests=options.lone)))
        warm = results.content["lone"]["median_s"]
        note_first(results, "first", warm)
        if options.picture:
            fields = {"prompt": base64.b64encode(options.picture.read_bytes()).decode()}
            count = replace(limits, requests=options.lone)
            results.put("lone_picture", await phases.lone(client, count, fields))
        if options.burst:
            times, size = options.bursts, options.burst
            results.put("burst", await phases.bursts(client, size=size, times=times, warm_median_s=warm))
        if options.videos:
            fields = {"video_res": str(options.video_res)} if options.video_res else {}
            results.put("video", await phases.videos(client, options.videos, fields))
        await load_phases(client, options, limits, results)
        results.put("service_afterwards", await client.version())


async def load_phases(client: Client, options: argparse.Namespace, limits: Limits, results: Results) -> None:
    """Closed loops of each size, then open loops of each rate."""
    levels, rates = dict[str, Any](), dict[str, Any]()
    for level in options.in_flight:
        levels[str(level)] = await phases.in_flight_level(client, level, limits)
        results.put("in_flight", levels)
    for rate in options.rate:
        rates[f"{rate:g}"] = await phases.arrival_rate(client, rate, limits)
        results.put("open_loop", rates)


async def second_start(port: int, results: Results, ready_seconds: float | None) -> None:
    """The same service again, with the compile caches of the first one."""
    async with connected(port) as client:
        first = await phases.first_request(client)
        limits = Limits(requests=LONE_AFTER_SECOND_START, seconds=60)
        few = await phases.lone(client, limits)
    results.put("second_ready_s", None if ready_seconds is None else round(ready_seconds, 2))
    results.put("second_first", first)
    note_first(results, "second_first", few["median_s"])


def note_first(results: Results, key: str, warm_median_s: float | None) -> None:
    """Adds how the first request compares with warm ones."""
    first = results.content[key]
    ratio = round(first["seconds"] / warm_median_s, 3) if warm_median_s else None
    results.put(key, first | {"to_warm_median": ratio})


def machine() -> str:
    """What the figures hold for."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; `served` says how the service is started."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.end_to_end",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    add = parser.add_argument
    add("--serve", action="store_true", help="start the service for this, and stop it")
    add("--empty-caches", action="store_true", help="start with an empty folder for compile caches")
    add("--second-start", action="store_true", help="then start again with those caches")
    add("--lone", type=at_least_one, default=30)
    add("--picture", type=user_path, help="a picture's file: prompt against picture, in the same run")
    add("--burst", type=whole(0), default=8, help="requests at once; 0 for none")
    add("--bursts", type=at_least_one, default=1, help="how often")
    add("--videos", type=whole(0), default=1)
    add("--video-res", type=at_least_one, help="side in pixels; by default the configuration's")
    add("--in-flight", type=numbers(int), default=[], help="closed loops, such as 1,2,4,8,16")
    add("--rate", type=numbers(float), default=[], help="open loops, objects a second, such as 0.5,1.0")
    add("--requests", type=at_least_one, default=40, help="most of one level or rate")
    add(
        "--seconds", type=positive, default=120.0, help="longest that a level or rate, or the lone ones, send"
    )
    add("--compare", type=user_path, help="an earlier run's JSON")
    options = parser.parse_args(argv)
    try:
        if not options.serve and (options.random or options.second_start or options.set):
            raise ValueError("--random, --set and --second-start need --serve")
        options.served = served_by(options, "service.log")
    except ValueError as error:
        parser.error(str(error))
    return options


def numbers(kind: type[int] | type[float]) -> Any:
    """A parser of numbers between commas."""
    return lambda text: [kind(part) for part in text.split(",") if part]


if __name__ == "__main__":
    run_program(main)
