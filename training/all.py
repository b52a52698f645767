"""Trains the whole embedded family on one GPU: python -m training.all --work DIR --minutes 26.

    dataset -> structure_vae, splat_vae, matte, judge, clip, text_to_image  (side by side)
                     +-> image_to_3d (waits for the structure encoder, takes the splat encoder when it is there)

Every script is a process of its own with a share of the time and a log in DIR/logs; small networks leave most of a GPU
idle, so they share it. The results lie in DIR/trained, ready for `training.export`.
"""

import argparse
import logging
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training script; `share` is its part of the total time."""

    module: str
    share: float
    arguments: tuple[str, ...]


def jobs(work: Path) -> list[Job]:
    """All training scripts, with what each reads and writes."""
    data, trained = str(work / "data"), str(work / "trained")
    own = ("--data", data, "--out", trained)
    return [
        Job(module="structure_vae", share=0.11, arguments=own),
        Job(module="splat_vae", share=0.2, arguments=own),
        Job(module="matte", share=0.16, arguments=own),
        Job(module="judge", share=0.15, arguments=own),
        Job(module="clip", share=0.26, arguments=("--geometries", data, "--out", trained, "--work", str(work / "build"))),
        Job(module="image_to_3d", share=0.76, arguments=(*own, "--autoencoders", trained)),
        Job(module="text_to_image", share=0.8,
            arguments=("--geometries", data, "--out", trained, "--work", str(work / "build"))),
    ]


def run(work: Path, minutes: float, per_kind: int, workers: int) -> bool:
    """Run everything; True if every script ended well."""
    logs = work / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    data = [sys.executable, "-m", "training.objects.dataset", "--out", str(work / "data"), "--per-kind", str(per_kind),
            "--workers", str(workers)]
    subprocess.run(data, check=True)
    left = minutes - (time.perf_counter() - started) / 60
    running = {}
    for job in jobs(work):
        command = [sys.executable, "-m", f"training.{job.module}", *job.arguments, "--minutes", f"{left * job.share:.2f}"]
        log = (logs / f"{job.module}.log").open("w")
        running[job.module] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    codes = {name: process.wait() for name, process in running.items()}
    for name, code in codes.items():
        logger.info("%s ended with %d", name, code)
    return not any(codes.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--minutes", type=float, default=26)
    parser.add_argument("--per-kind", type=int, default=128)
    parser.add_argument("--workers", type=int, default=16)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(0 if run(arguments.work, arguments.minutes, arguments.per_kind, arguments.workers) else 1)


if __name__ == "__main__":
    main()
