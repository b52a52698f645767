"""H.264 video from a stream of frames, playable while it downloads (index before the data).

Frames are piped to the ffmpeg program that imageio-ffmpeg brings, so a video needs memory for a frame or two,
and encoding runs beside whatever makes the frames. Colours are BT.709, limited range, and tagged so; frames
that have them already (`rendering.yuv`) spare ffmpeg a conversion, which it does in one thread.
"""

import contextlib
import fcntl
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Literal

import imageio_ffmpeg
import numpy as np
from jaxtyping import UInt8

from models.errors import MinerError

Frame = UInt8[np.ndarray, "height width 3"] | UInt8[np.ndarray, "rows width"]
PixelFormat = Literal["rgb24", "yuv420p"]

MIN_SIZE, MAX_SIZE = 64, 2160  # pixels
PIPE_BYTES = 2**20
_TAGS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
_FILTERS: Mapping[PixelFormat, str] = {
    "rgb24": f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{_TAGS}",
    "yuv420p": _TAGS,
}


class VideoEncodingError(MinerError):
    """The encoder failed; the message ends with what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp4Settings:
    """How to encode.

    Attributes:
        crf: x264's constant rate factor: quality, 0 (lossless) to 51; 18 is visually lossless.
        preset: x264's preset: speed against size.
        num_threads: Threads of the encoder.
        pixels: What frames are: rgb24 is [height, width, 3]; yuv420p is [height * 3 / 2, width], the rows of
            luma before those of chroma.
    """

    crf: int = 18
    preset: str = "veryfast"
    num_threads: int = 2
    pixels: PixelFormat = "rgb24"


def encode_mp4(frames: Iterable[Frame], *, fps: int, settings: Mp4Settings | None = None) -> bytes:
    """Encode frames as they come.

    Args:
        frames: All of one size, each side `MIN_SIZE` to `MAX_SIZE` pixels. H.264 with subsampled colour has
            even sides only: of rgb24 an odd one gains a copy of its last row or column.
        fps: Frames per second.
        settings: How to encode.

    Returns:
        The MP4 file's bytes.

    Raises:
        ValueError: For no frame, a frame of a wrong type or size, or a rate below 1.
        VideoEncodingError: When the encoder fails.
    """
    settings = settings or Mp4Settings()
    if fps < 1:
        raise ValueError(f"a video needs at least 1 frame per second, not {fps}")
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise ValueError("a video needs at least one frame")
    _check(first, first.shape, settings.pixels)
    with tempfile.TemporaryDirectory(prefix="mp4-") as folder:
        file, log = Path(folder, "video.mp4"), Path(folder, "log.txt")
        with log.open("wb") as errors:
            process = subprocess.Popen(
                _command(first.shape, fps, settings, file),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            complete = _feed(process, chain([first], stream), first.shape, settings.pixels)
        if process.returncode != 0 or not complete:
            said = log.read_text("utf-8", "replace").strip()[-2000:]
            raise VideoEncodingError(f"ffmpeg ended with status {process.returncode}: {said}")
        return file.read_bytes()


def _feed(
    process: subprocess.Popen[bytes], frames: Iterator[Frame], shape: tuple[int, ...], pixels: PixelFormat
) -> bool:
    """Pipe all frames and wait for the end; False when the encoder stopped listening before it."""
    assert process.stdin is not None
    _widen(process.stdin)
    try:
        for frame in frames:
            _check(frame, shape, pixels)
            process.stdin.write(_even(frame, pixels).data)
        process.stdin.close()
    except BrokenPipeError:
        return False
    except BaseException:
        process.kill()
        raise
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
    return True


def _widen(pipe: IO[bytes]) -> None:
    """Lets a whole small frame into the pipe, where the system can: Linux, and not always as much."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _command(shape: tuple[int, ...], fps: int, settings: Mp4Settings, file: Path) -> list[str]:
    height, width = (side + side % 2 for side in _sides(shape, settings.pixels))
    layout = ["-pix_fmt", settings.pixels, "-s", f"{width}x{height}"]
    source = ["-f", "rawvideo", *layout, "-r", str(fps), "-i", "-"]
    ahead = max(1, settings.num_threads // 2)  # x264's own choice, a quarter, keeps its encoders waiting
    speed = ["-threads", str(settings.num_threads), "-x264-params", f"lookahead-threads={ahead}"]
    quality = ["-preset", settings.preset, "-crf", str(settings.crf)]
    keyframes = ["-g", str(2 * fps)]  # every two seconds, so that seeking is quick
    return [
        imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", "-filter_threads", "1",
        *source, "-an", "-vf", _FILTERS[settings.pixels], "-c:v", "libx264", *quality, *speed, *keyframes,
        "-movflags", "+faststart", "-f", "mp4", str(file),
    ]  # fmt: skip


def _sides(shape: tuple[int, ...], pixels: PixelFormat) -> tuple[int, int]:
    """Height and width."""
    return (shape[0] if pixels == "rgb24" else shape[0] * 2 // 3), shape[1]


def _check(frame: Frame, shape: tuple[int, ...], pixels: PixelFormat) -> None:
    if pixels == "rgb24":
        expected, fits = "[height, width, 3]", frame.ndim == 3 and frame.shape[2] == 3
    else:
        expected = "[height * 3 / 2, width] of even sides"
        fits = frame.ndim == 2 and frame.shape[0] % 3 == 0 and frame.shape[1] % 2 == 0
    if frame.dtype != np.uint8 or not fits:
        raise ValueError(f"a frame of {pixels} is uint8 {expected}, not {frame.dtype} {frame.shape}")
    if frame.shape != shape:
        raise ValueError(f"all frames have the first one's shape {shape}, not {frame.shape}")
    height, width = _sides(shape, pixels)
    if not (min(height, width) >= MIN_SIZE and max(height, width) <= MAX_SIZE):
        raise ValueError(f"frames are {MIN_SIZE} to {MAX_SIZE} pixels a side, not {width}x{height}")


def _even(frame: Frame, pixels: PixelFormat) -> Frame:
    height, width = frame.shape[:2]
    if pixels == "yuv420p" or not (height % 2 or width % 2):
        return np.ascontiguousarray(frame)
    return np.ascontiguousarray(np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))
