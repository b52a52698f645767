"""Video: 144 frames at 1088 px, rendered alone, and encoded while rendering."""

from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program
from models.gaussians.cleanup import clean_up
from rendering.renderer import create_renderer
from rendering.turntable import TurntableSettings, turntable, turntable_frames
from rendering.yuv import yuv420p
from runners.process import MAX_THREADS

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
    for name, pixels in ((f"MP4 of {kind}", None), (f"MP4 of {kind}, colours converted before", yuv420p)):
        yield Case(name=name, build=partial(_encode, lab, pixels), work=work, runs=3, profiled=False)


def _render(lab: Lab) -> Call:
    splats, renderer, cameras = clean_up(lab.decode()), create_renderer(lab.device), turntable(path(lab))
    return lambda: sum(1 for _ in turntable_frames(splats, cameras, renderer))


def _encode(lab: Lab, pixels: Callable[[Tensor], Tensor] | None) -> Call:
    from export.mp4 import Mp4Settings, encode_mp4

    splats, renderer, cameras = clean_up(lab.decode()), create_renderer(lab.device), turntable(path(lab))
    settings = Mp4Settings(num_threads=MAX_THREADS["cpu"], pixels="rgb24" if pixels is None else "yuv420p")
    frames = partial(turntable_frames, splats, cameras, renderer, pixels=pixels)
    return lambda: encode_mp4(frames(), fps=FPS, settings=settings)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["video"]) > 0))
