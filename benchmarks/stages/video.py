"""Video: 144 frames at 1088 px, rendered alone, and encoded while rendering."""

import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from models.gaussians.cleanup import clean_up
from rendering.renderer import create_renderer
from rendering.turntable import TurntableSettings, turntable, turntable_frames

FPS = 24


def path(lab: Lab) -> TurntableSettings:
    """The service's orbit."""
    return TurntableSettings(seconds=lab.sizes.video_seconds, fps=FPS, size=lab.sizes.video_size)


def cases(lab: Lab) -> Iterator[Case]:
    frames, size = round(path(lab).seconds * FPS), path(lab).size
    work = Work(moved_bytes=frames * lab.splat_bytes, transferred_bytes=frames * 3 * size**2)
    kind = f"{frames} frames at {size} px"
    yield Case(name=f"render {kind} to the host", build=partial(_render, lab), work=work, runs=3)
    # H.264 has no physical floor; that of rendering holds for the whole too
    yield Case(name=f"MP4 of {kind}", build=partial(_encode, lab), work=work, runs=3, profiled=False)


def _render(lab: Lab) -> Call:
    splats, renderer, cameras = clean_up(lab.decode()), create_renderer(lab.device), turntable(path(lab))
    return lambda: sum(1 for _ in turntable_frames(splats, cameras, renderer))


def _encode(lab: Lab) -> Call:
    from export.mp4 import encode_mp4

    splats, renderer, cameras = clean_up(lab.decode()), create_renderer(lab.device), turntable(path(lab))
    return lambda: encode_mp4(turntable_frames(splats, cameras, renderer), fps=FPS)


if __name__ == "__main__":
    sys.exit(run_stages(["video"]) > 0)
