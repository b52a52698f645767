"""H.264 video from a stream of frames, playable while it downloads (index before the data)."""

from collections.abc import Iterable
from dataclasses import dataclass

from export.ffmpeg import Encoder, Frame, PixelFormat, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp4Settings:
    """How to encode.

    Attributes:
        crf: x264's constant rate factor: quality, 0 (lossless) to 51; 18 is visually lossless.
        preset: x264's preset: speed against size.
        num_threads: Threads of the encoder.
        pixels: What frames are, see `export.ffmpeg`.
    """

    crf: int = 18
    preset: str = "veryfast"
    num_threads: int = 2
    pixels: PixelFormat = "rgb24"


def encode_mp4(frames: Iterable[Frame], *, fps: int, settings: Mp4Settings | None = None) -> bytes:
    """Encode frames as they come; see `export.ffmpeg.encode`.

    Raises:
        ValueError: As there.
        VideoEncodingError: As there.
    """
    settings = settings or Mp4Settings()
    ahead = max(1, settings.num_threads // 2)  # x264's own choice, a quarter, keeps its encoders waiting
    speed = ["-threads", str(settings.num_threads), "-x264-params", f"lookahead-threads={ahead}"]
    quality = ["-preset", settings.preset, "-crf", str(settings.crf)]
    options = ["-c:v", "libx264", *quality, *speed, "-movflags", "+faststart"]
    return encode(frames, fps=fps, encoder=Encoder(container="mp4", options=options, pixels=settings.pixels))
