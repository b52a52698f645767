"""VP9 video in WebM, for programs without H.264; its index (cues) comes before the data."""

from collections.abc import Iterable
from dataclasses import dataclass

from export.ffmpeg import Encoder, Frame, PixelFormat, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class WebmSettings:
    """How to encode.

    Attributes:
        crf: libvpx's constant quality, 0 to 63; 31 is as near to the frames as x264 at 18.
        speed: libvpx's cpu-used of its realtime mode, 0 to 9: speed against size.
        num_threads: Threads of the encoder.
        pixels: What frames are, see `export.ffmpeg`.
    """

    crf: int = 31
    speed: int = 6
    num_threads: int = 2
    pixels: PixelFormat = "rgb24"


def encode_webm(frames: Iterable[Frame], *, fps: int, settings: WebmSettings | None = None) -> bytes:
    """Encode frames as they come; see `export.ffmpeg.encode`.

    Raises:
        ValueError: As there.
        VideoEncodingError: As there.
    """
    settings = settings or WebmSettings()
    speed = ["-deadline", "realtime", "-cpu-used", str(settings.speed), "-threads", str(settings.num_threads)]
    quality = ["-crf", str(settings.crf), "-b:v", "0"]  # no target rate: quality alone
    parallel = ["-row-mt", "1", "-tile-columns", "2"]
    options = [
        "-c:v",
        "libvpx-vp9",
        *quality,
        *speed,
        *parallel,
        "-cues_to_front",
        "1",
        "-fflags",
        "+bitexact",
    ]
    return encode(frames, fps=fps, encoder=Encoder(container="webm", options=options, pixels=settings.pixels))
