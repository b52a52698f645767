"""Trains the whole embedded family on one GPU: python -m training.all --work DIR --minutes 38.

    dataset -> structure_vae -> image_to_3d                (which takes the splat encoder when it is there)
            -> splat_vae -> mesh_decoder -> structure_vae's decoder again -> judge
            -> text_to_image
            -> clip -> matte
    all of them -> export -> image_to_3d again, half of its images drawn by the trained text to image

Small networks leave most of a GPU idle, so the lanes share one, or take one each with `--gpus 4`. Every
script is a process of its own with a share of the time and a log in DIR/logs. The results lie in
DIR/trained, ready for `training.export`.
"""

import argparse
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from command_line.arguments import at_least_one, positive, user_path
from command_line.running import run_program

logger = logging.getLogger(__name__)
MORE = {"bicycle": 12}  # spokes are the finest things that the structure holds
LANES_SHARE = 0.7  # of the time; the rest is for image to 3D on redrawn images


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One script; `share` is its part of the total time, None where it takes no time to speak of."""

    module: str
    share: float | None
    arguments: tuple[str, ...]


def lanes(work: Path) -> list[list[Job]]:
    """The scripts that follow each other in each lane, with what each reads and writes."""
    data, trained, build = str(work / "data"), str(work / "trained"), str(work / "build")
    own = ("--data", data, "--out", trained)
    text = ("--geometries", data, "--out", trained, "--work", build)
    return [
        [
            Job(module="structure_vae", share=0.19, arguments=own),
            Job(module="image_to_3d", share=0.8, arguments=(*own, "--autoencoders", trained)),
        ],
        [
            Job(module="splat_vae", share=0.45, arguments=own),
            Job(module="mesh_decoder", share=0.14, arguments=(*own, "--autoencoders", trained)),
            Job(module="structure_vae", share=0.28, arguments=(*own, "--resume", trained)),
            Job(module="judge", share=0.12, arguments=own),
        ],
        [Job(module="text_to_image", share=0.97, arguments=text)],
        [
            Job(module="clip", share=0.62, arguments=text),
            Job(module="matte", share=0.32, arguments=own),
        ],
    ]


def last_lane(work: Path) -> list[Job]:
    """What needs the whole family: image to 3D again, on what text to image draws and matting cuts."""
    data, trained, family = (str(work / name) for name in ("data", "trained", "family"))
    again = (
        *("--data", data, "--autoencoders", trained, "--out", trained),
        *("--family", family, "--start-from", f"{family}/image_to_3d"),
        *("--redrawn-share", "0.5", "--latent-share", "0.5", "--patchwork-share", "0.15", "--lr", "4e-4"),
    )
    return [
        Job(module="export", share=None, arguments=("--trained", trained, "--out", family)),
        Job(module="image_to_3d", share=1 - LANES_SHARE, arguments=again),
    ]


def run(work: Path, minutes: float, per_kind: int, workers: int, gpus: int) -> bool:
    """Run everything; True if every script ended well."""
    (work / "logs").mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    data = [
        sys.executable,
        "-m",
        "training.objects.dataset",
        "--out",
        str(work / "data"),
        "--per-kind",
        str(per_kind),
        "--workers",
        str(workers),
        *(part for kind, times in MORE.items() for part in ("--more", f"{kind}={times}")),
    ]
    subprocess.run(data, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    left = minutes - (time.perf_counter() - started) / 60
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(run_lane, lane, work / "logs", left * LANES_SHARE, i % gpus)
            for i, lane in enumerate(lanes(work))
        ]
        results = [job.result() for job in jobs]
    return all(results) and run_lane(last_lane(work), work / "logs", left, 0)


def run_lane(lane: Sequence[Job], logs: Path, minutes: float, gpu: int) -> bool:
    """Run the scripts of a lane one after another; a failed one does not stop those behind it."""
    good = True
    for job in lane:
        command = [
            sys.executable,
            "-m",
            f"training.{job.module}",
            *job.arguments,
            *([] if job.share is None else ["--minutes", f"{minutes * job.share:.2f}"]),
        ]
        with (logs / f"{job.module}.log").open("a") as log:
            environment = {**os.environ, "CUDA_VISIBLE_DEVICES": str(gpu)}
            code = subprocess.run(command, stdout=log, stderr=log, check=False, env=environment).returncode
        logger.info("%s ended with %d", job.module, code)
        good &= code == 0
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=user_path, default=Path("build/training"))
    parser.add_argument("--minutes", type=positive, default=38)
    parser.add_argument("--per-kind", type=at_least_one, default=72)
    parser.add_argument("--workers", type=at_least_one, default=16)
    parser.add_argument("--gpus", type=at_least_one, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(
        0
        if run(arguments.work, arguments.minutes, arguments.per_kind, arguments.workers, arguments.gpus)
        else 1
    )


if __name__ == "__main__":
    run_program(main)
