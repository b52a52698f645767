"""Video: 144 frames at 1088 px, rendered alone and encoded while rendering."""

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, run_stages
from benchmarks.measure import Call
from models.gaussians.cleanup import clean_up
from rendering.renderer import create_renderer
from rendering.turntable import TurntableSettings, turntable, turntable_frames

PATH = TurntableSettings(seconds=6.0, fps=24, size=1088)


def cases(lab: Lab) -> Iterator[Case]:
    yield Case(name="render 144 frames at 1088 px to the host", build=partial(_render, lab), runs=3)
    yield Case(name="MP4 of 144 frames at 1088 px", build=partial(_encode, lab), runs=3, profiled=False)


def _render(lab: Lab) -> Call:
    from benchmarks.stages.clean_up import decoded

    splats, renderer, cameras = clean_up(decoded(lab)), create_renderer(lab.device), turntable(PATH)
    return lambda: sum(1 for _ in turntable_frames(splats, cameras, renderer))


def _encode(lab: Lab) -> Call:
    from benchmarks.stages.clean_up import decoded
    from export.mp4 import encode_mp4

    splats, renderer, cameras = clean_up(decoded(lab)), create_renderer(lab.device), turntable(PATH)
    return lambda: encode_mp4(turntable_frames(splats, cameras, renderer), fps=PATH.fps)


if __name__ == "__main__":
    sys.exit(run_stages(["video"]) > 0)
