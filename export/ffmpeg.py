"""Frames into the ffmpeg program that imageio-ffmpeg brings, and a video file out of it.

They are piped one by one, so a video needs memory for a frame or two, and encoding runs beside whatever makes
the frames. Colours are BT.709, limited range, and tagged so; frames that have them already (`rendering.yuv`)
spare ffmpeg a conversion, which it does in one thread.
"""

import contextlib
import fcntl
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Literal

import imageio_ffmpeg
import numpy as np
from jaxtyping import UInt8

from models.errors import MinerError

Frame = UInt8[np.ndarray, "_height _width 3"] | UInt8[np.ndarray, "_rows _width"]
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
class Encoder:
    """What ffmpeg is told of the file.

    Attributes:
        container: ffmpeg's name of it, and the suffix of the file it writes.
        options: Codec, quality, speed.
        pixels: What frames are: rgb24 is [height, width, 3]; yuv420p is [height * 3 / 2, width], the rows of
            luma before those of chroma.
    """

    container: str
    options: Sequence[str]
    pixels: PixelFormat


def encode(frames: Iterable[Frame], *, fps: int, encoder: Encoder) -> bytes:
    """Encode frames as they come.

    Args:
        frames: All of one size, each side `MIN_SIZE` to `MAX_SIZE` pixels. Video with subsampled colour has
            even sides only: of rgb24 an odd one gains a copy of its last row or column.
        fps: Frames per second.
        encoder: How to encode.

    Returns:
        The file's bytes.

    Raises:
        ValueError: For no frame, a frame of a wrong type or size, or a rate below 1.
        VideoEncodingError: When the encoder fails.
    """
    if fps < 1:
        raise ValueError(f"a video needs at least 1 frame per second, not {fps}")
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise ValueError("a video needs at least one frame")
    _check(first, first.shape, encoder.pixels)
    with tempfile.TemporaryDirectory(prefix=f"{encoder.container}-") as folder:
        file, log = Path(folder, f"video.{encoder.container}"), Path(folder, "log.txt")
        with log.open("wb") as errors:
            process = subprocess.Popen(
                _command(first.shape, fps, encoder, file),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            complete = _feed(process, chain([first], stream), first.shape, encoder.pixels)
        if process.returncode != 0 or not complete:
            said = log.read_text("utf-8", "replace").strip()[-2000:]
            raise VideoEncodingError(f"ffmpeg ended with status {process.returncode}: {said}")
        return file.read_bytes()


def _command(shape: tuple[int, ...], fps: int, encoder: Encoder, file: Path) -> list[str]:
    height, width = (side + side % 2 for side in _sides(shape, encoder.pixels))
    layout = ["-pix_fmt", encoder.pixels, "-s", f"{width}x{height}"]
    source = ["-f", "rawvideo", *layout, "-r", str(fps), "-i", "-"]
    keyframes = ["-g", str(2 * fps)]  # every two seconds, so that seeking is quick
    return [
        imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", "-filter_threads", "1",
        *source, "-an", "-vf", _FILTERS[encoder.pixels], *encoder.options, *keyframes,
        "-f", encoder.container, str(file),
    ]  # fmt: skip


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
