"""What the whole service takes of a GPU while four requests are in work, and how long it takes to start.

python -m benchmarks.memory --profile 24gb|80gb [--voxels 16040] [--small-model] [--no-encoder] [--out DIR]

Starts the real service (`bentoml serve`) with WEIGHTS=random: published shapes, random numbers, structures
replaced by a fixed shell of voxels. Three requests for a PLY and one for a video (288 frames, 1088 px) are
sent at once, `--rounds` times, while the GPU's used memory (NVML: every process and context together) is
sampled. Prints a table of who holds what, and one line of JSON last; with --out both also go to files there.
--no-encoder renders the video's frames without encoding them, for machines without ffmpeg.
"""

import argparse
import json
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pynvml

from benchmarks.results import tell_set_aside
from benchmarks.served import Served, started
from command_line.arguments import at_least_one, out_folder, port_number
from command_line.running import run_program
from configuration.profiles import GIB

TARGET_GIB = {"24gb": 22.5, "80gb": 48.0}
TARGET_READY_SECONDS = 60.0
SAMPLE_SECONDS = 0.01
REQUEST_LIMIT_SECONDS = 180.0
VIDEO_SIZE = 1088
SETTINGS = {  # nothing may end before it was measured
    "render.preset": "upstream",
    "services.gateway.deadline_seconds": "170",
    "services.gateway.video_deadline_seconds": "170",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The command line."""

    profile: str
    voxels: int
    rounds: int
    port: int
    small_model: bool
    encoder: bool
    out: Path | None


@dataclass(slots=True, kw_only=True)
class CardSampler:
    """The most memory that was in use on the GPU since `restart`."""

    idle: int
    peak: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def restart(self) -> None:
        self.peak = used_bytes()

    def run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, used_bytes())

    def stop(self) -> None:
        self._stop.set()


def used_bytes() -> int:
    """Memory in use on the first GPU, by whomever."""
    return int(pynvml.nvmlDeviceGetMemoryInfo(_gpu()).used)


def _gpu() -> Any:
    """NVML's handle of the first visible GPU."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    return pynvml.nvmlDeviceGetHandleByIndex(int(first))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 if every request was answered with 200."""
    arguments = parse_arguments(argv)
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
    pynvml.nvmlInit()
    sampler = CardSampler(idle=used_bytes())
    thread = threading.Thread(target=sampler.run, daemon=True)
    thread.start()
    try:
        result = measure(arguments, sampler)
    finally:
        sampler.stop()
        thread.join()
        pynvml.nvmlShutdown()
    table = as_table(result)
    line = json.dumps(result)
    if arguments.out is not None:
        name = f"memory_{arguments.profile}_{arguments.voxels}" + ("_small" if arguments.small_model else "")
        tell_set_aside(arguments.out / f"{name}.md", arguments.out / f"{name}.json")
        (arguments.out / f"{name}.md").write_text(table + "\n", encoding="utf-8")
        (arguments.out / f"{name}.json").write_text(line + "\n", encoding="utf-8")
    print(table)
    print(line)
    return 0 if set(result["statuses"]) == {200} else 1


def measure(arguments: Arguments, sampler: CardSampler) -> dict[str, Any]:
    """Starts the service, sends the requests, and says what was seen."""
    with (
        started(served(arguments)) as ready_seconds,
        httpx.Client(base_url=f"http://127.0.0.1:{arguments.port}", timeout=10, trust_env=False) as client,
    ):
        print(f"ready after {ready_seconds:.1f} s", flush=True)
        resting, loading_peak = used_bytes(), sampler.peak
        sampler.restart()
        rounds = [send_round(client, number) for number in range(arguments.rounds)]
        peak = sampler.peak
        time.sleep(2.0)  # the gateway asks its processes twice a second
        version = client.get("/version").json()
        after = used_bytes()
    replies = [reply for replies in rounds for reply in replies]
    return {
        "benchmark": "memory",
        "profile": arguments.profile,
        "voxels": arguments.voxels,
        "small_model": arguments.small_model,
        "encoded": arguments.encoder,
        "gpu": gpu_name(),
        "ready_seconds": round(ready_seconds, 1),
        "target_ready_seconds": TARGET_READY_SECONDS,
        "idle_gib": gib(sampler.idle),
        "loading_peak_gib": gib(loading_peak - sampler.idle),
        "resting_gib": gib(resting - sampler.idle),
        "peak_gib": gib(peak - sampler.idle),
        "after_gib": gib(after),
        "target_gib": TARGET_GIB[arguments.profile],
        "statuses": [reply["status"] for reply in replies],
        "replies": replies,
        "version": version,
    }


def send_round(client: httpx.Client, number: int) -> list[dict[str, Any]]:
    """Three PLY requests and a video at once."""

    def ask(index: int) -> dict[str, Any]:
        fields = {"prompt": f"benchmark object {number} {index}", "seed": str(10 * number + index)}
        path = "/generate/"
        if index == 0:
            path, fields["video_res"] = "/generate_video/", str(VIDEO_SIZE)
        begun = time.perf_counter()
        reply = client.post(path, data=fields, timeout=REQUEST_LIMIT_SECONDS)
        return {
            "path": path,
            "status": reply.status_code,
            "seconds": round(time.perf_counter() - begun, 3),
            "bytes": len(reply.content),
            "says": reply.content[:60].decode("latin-1") if len(reply.content) < 200 else "",
            "weights": reply.headers.get("x-weights", ""),
            "reason": reply.headers.get("x-reject-reason", ""),
            "timing": reply.headers.get("server-timing", ""),
        }

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(4)))


def served(arguments: Arguments) -> Served:
    """The service that is measured; its log goes to --out, or to out/."""
    name = f"service_{arguments.profile}_{arguments.voxels}.log"
    return Served(
        port=arguments.port,
        log=(arguments.out or Path("out")) / name,
        profile=arguments.profile,
        voxels=arguments.voxels,
        settings={**SETTINGS, "image_to_3d.small_model": str(arguments.small_model).lower()},
        encoder=arguments.encoder,
    )


def as_table(result: dict[str, Any]) -> str:
    """Who holds what, as Markdown; contexts are what no process accounts for."""
    lines = [
        f"# Memory of `{result['profile']}`, {result['voxels']:,} voxels, {result['gpu']}",
        "",
        f"Random weights of the published shapes{', small_model' if result['small_model'] else ''}; three PLY"
        f" requests and one video ({VIDEO_SIZE} px, 288 frames, {'' if result['encoded'] else 'not '}encoded)"
        " at once.",
        "",
        "| process | stages | weights GiB | allocator now GiB | allocator peak GiB |",
        "|---|---|---|---|---|",
    ]
    reserved = 0
    for process in result["version"]["processes"]:
        memory = process["memory"] or {"reserved": 0, "peak_reserved": 0}
        reserved += memory["reserved"]
        weights = ", ".join(f"{name} {size / GIB:.2f}" for name, size in process["weights"].items())
        lines.append(
            f"| {process['process']} | {', '.join(process['stages'])} | {weights} |"
            f" {memory['reserved'] / GIB:.2f} | {memory['peak_reserved'] / GIB:.2f} |"
        )
    contexts = result["after_gib"] - result["idle_gib"] - reserved / GIB
    met = "met" if result["peak_gib"] <= result["target_gib"] else "MISSED"
    lines += [
        f"| | contexts and libraries of all | | {contexts:.2f} | |",
        "",
        f"GPU at rest {result['resting_gib']:.2f} GiB, highest while loading"
        f" {result['loading_peak_gib']:.2f} GiB, highest in work {result['peak_gib']:.2f} GiB"
        f" (target {result['target_gib']:g}: {met});"
        f" {result['idle_gib']:.2f} GiB in use before the start are not counted.",
        f"Ready after {result['ready_seconds']:.1f} s (target {result['target_ready_seconds']:g}).",
        "",
        "| request | status | seconds |",
        "|---|---|---|",
        *(f"| {r['path']} | {r['status']} {r['reason']} | {r['seconds']:.2f} |" for r in result["replies"]),
    ]
    return "\n".join(lines)


def gib(size: int) -> float:
    """Bytes as GiB, to two digits."""
    return round(size / GIB, 2)


def gpu_name() -> str:
    """As the driver calls it."""
    return str(pynvml.nvmlDeviceGetName(_gpu()))


def parse_arguments(argv: Sequence[str] | None) -> Arguments:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--profile", choices=sorted(TARGET_GIB), required=True)
    parser.add_argument("--voxels", type=at_least_one, default=16_040)
    parser.add_argument("--rounds", type=at_least_one, default=2)
    parser.add_argument("--port", type=port_number, default=8194)
    parser.add_argument("--small-model", action="store_true")
    parser.add_argument("--no-encoder", dest="encoder", action="store_false")
    parser.add_argument("--out", type=out_folder)
    return Arguments(**vars(parser.parse_args(argv)))


if __name__ == "__main__":
    run_program(main)
