"""How long films take here, and so the largest size that can be ready in time.

Drawing and encoding take a time per pixel of all frames, which the rehearsal measures and every film after
it: what the machine does besides is in the figure. A size that would run into the deadline is refused at
once, instead of after two minutes.
"""

import math
from dataclasses import dataclass

from configuration.bounds import MIN_VIDEO_PIXELS
from configuration.schema import RenderOptions
from gateway.errors import HttpError

START_SECONDS = 0.3  # until ffmpeg reads, and whatever else does not depend on the size
SHARE_OF_DEADLINE = 0.8  # for the film; the rest is for the object
SHARE_OF_THE_NEW = 0.5  # of the latest film in the figure
TELLING_PIXELS = 256**2  # smaller frames tell of their number, not of their size
UPSTREAM_FRAMES = 288  # whatever `fps` and `seconds` say


@dataclass(kw_only=True)
class FilmTimes:
    """What is known of one service's films.

    Attributes:
        num_frames: Of a whole film.
        deadline_seconds: Of a request for one.
        seconds_per_pixel: As measured; 0 until then.
    """

    num_frames: int
    deadline_seconds: float
    seconds_per_pixel: float = 0.0

    def note(self, side: int, seconds: float, num_frames: int | None = None) -> None:
        """Takes a film's time into account; of how many frames, if not all."""
        if side * side < TELLING_PIXELS:
            return
        pixels = side * side * (num_frames or self.num_frames)
        measured = max(seconds - START_SECONDS, 0.0) / pixels
        known = self.seconds_per_pixel
        self.seconds_per_pixel = known + SHARE_OF_THE_NEW * (measured - known) if known else measured

    def seconds(self, side: int) -> float:
        """What a film of that size would take."""
        return START_SECONDS + self.num_frames * side * side * self.seconds_per_pixel

    def check(self, side: int) -> None:
        """Lets a size pass that can be filmed in time.

        Raises:
            HttpError: 422 that names the largest one that can.
        """
        limit = SHARE_OF_DEADLINE * self.deadline_seconds
        if self.seconds(side) <= limit or side <= MIN_VIDEO_PIXELS:
            return
        per_film = self.num_frames * self.seconds_per_pixel
        largest = max(MIN_VIDEO_PIXELS, math.floor(math.sqrt((limit - START_SECONDS) / per_film)) // 2 * 2)
        raise HttpError(
            422,
            f"video_res {side} would take about {self.seconds(side):.0f} s of the "
            f"{self.deadline_seconds:g} s there are; at most {largest} can be filmed here in time",
        )


def frames_of(options: RenderOptions) -> int:
    """How many frames a film has."""
    return UPSTREAM_FRAMES if options.preset == "upstream" else round(options.seconds * options.fps)
