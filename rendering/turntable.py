"""Camera paths for videos: a turn around the object, or the upstream service's four loops.

path = turntable(TurntableSettings(seconds=6.0, fps=24, size=1088))   or   upstream_turntable(size=1088)
frames = turntable_frames(gaussians, path, renderer)                   # streamed, a few views at a time
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.gaussians.gaussians import Gaussians
from models.stopping import between_steps
from rendering.cameras import Cameras, orbit
from rendering.renderer import SplatRenderer

UPSTREAM_ELEVATIONS_DEGREES = (30.0, 20.0, 10.0, 0.0)
UPSTREAM_FRAMES_PER_LOOP = 72
UPSTREAM_RADIUS = 5.0
UPSTREAM_FPS = 24
FOV_Y_DEGREES = 49.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TurntableSettings:
    """One orbit at a fixed elevation.

    Attributes:
        seconds: Length of the video.
        fps: Frames per second.
        size: Side of the square image in pixels.
        radius: Distance of the camera from the origin, world units.
        elevation_degrees: Height of the camera above the horizon.
        fov_y_degrees: Vertical field of view.
        start_degrees: Azimuth of the first frame; 0 sees the object's front.
        turns: Full turns in the whole video.
    """

    seconds: float = 6.0
    fps: int = 24
    size: int = 512
    radius: float = 2.5
    elevation_degrees: float = 15.0
    fov_y_degrees: float = FOV_Y_DEGREES
    start_degrees: float = 0.0
    turns: float = 1.0


def turntable(settings: TurntableSettings) -> Cameras:
    """The cameras of an orbit that loops seamlessly: the frame after the last would be the first.

    Raises:
        ValueError: For less than one frame, or a camera out of range.
    """
    num_frames = round(settings.seconds * settings.fps)
    step = 360.0 * settings.turns / max(num_frames, 1)
    return orbit(
        azimuths_degrees=[settings.start_degrees + step * frame for frame in range(num_frames)],
        elevation_degrees=settings.elevation_degrees,
        radius=settings.radius,
        fov_y_degrees=settings.fov_y_degrees,
        size=settings.size,
    )


def upstream_turntable(*, size: int = 1088) -> Cameras:
    """The upstream service's path: 288 frames, four loops in steps of 5 degrees, each 10 degrees lower."""
    step = 360.0 / UPSTREAM_FRAMES_PER_LOOP
    loop = [step * frame for frame in range(UPSTREAM_FRAMES_PER_LOOP)]
    return orbit(
        azimuths_degrees=loop * len(UPSTREAM_ELEVATIONS_DEGREES),
        elevation_degrees=[elevation for elevation in UPSTREAM_ELEVATIONS_DEGREES for _ in loop],
        radius=UPSTREAM_RADIUS,
        fov_y_degrees=FOV_Y_DEGREES,
        size=size,
    )


def turntable_frames(
    gaussians: Gaussians,
    cameras: Cameras,
    renderer: SplatRenderer,
    *,
    views_at_once: int = 4,
    pixels: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Render a path on white as frames, a few at a time to bound memory.

    They are RGB [height, width, 3], or what `pixels` makes of some of them on the renderer's device. The next
    few are rendered while the caller deals with the last: drawing and encoding take turns otherwise.
    """

    def drawn(batch: Cameras) -> NDArray[np.uint8]:
        pictures = renderer.render(gaussians, batch)
        frames: NDArray[np.uint8] = (pictures if pixels is None else pixels(pictures)).cpu().numpy()
        return frames

    with ThreadPoolExecutor(1) as pool:
        batches = iter(cameras.batches(views_at_once))
        following = pool.submit(drawn, next(batches))
        for batch in batches:
            between_steps()
            pictures = following.result()
            following = pool.submit(drawn, batch)
            yield from pictures
        yield from following.result()
