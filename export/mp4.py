"""H.264 video from a stream of frames, playable while it downloads (index before the data).

Frames are piped to the ffmpeg program that imageio-ffmpeg brings, so a video needs memory for a frame or two,
and encoding runs beside whatever makes the frames. Colours are BT.709, limited range, and tagged so.
"""

import contextlib
import fcntl
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from jaxtyping import UInt8

from models.errors import MinerError

Frame = UInt8[np.ndarray, "height width 3"]

MIN_SIZE, MAX_SIZE = 64, 2160  # pixels
PIPE_BYTES = 2**20
_COLORS = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
)


class VideoEncodingError(MinerError):
    """The encoder failed; the message ends with what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp4Settings:
    """How to encode.

    Attributes:
        crf: x264's constant rate factor: quality, 0 (lossless) to 51; 18 is visually lossless.
        preset: x264's preset: speed against size.
        num_threads: Threads of the encoder.
    """

    crf: int = 18
    preset: str = "veryfast"
    num_threads: int = 2


def encode_mp4(frames: Iterable[Frame], *, fps: int, settings: Mp4Settings | None = None) -> bytes:
    """Encode frames as they come.

    Args:
        frames: RGB, all of one size, each side `MIN_SIZE` to `MAX_SIZE` pixels. H.264 with subsampled colour
            has even sides only: an odd one gains a copy of its last row or column.
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
    _check(first, first.shape)
    with tempfile.TemporaryDirectory(prefix="mp4-") as folder:
        file, log = Path(folder, "video.mp4"), Path(folder, "log.txt")
        with log.open("wb") as errors:
            process = subprocess.Popen(
                _command(first.shape, fps, settings, file),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            complete = _feed(process, chain([first], stream), first.shape)
        if process.returncode != 0 or not complete:
            said = log.read_text("utf-8", "replace").strip()[-2000:]
            raise VideoEncodingError(f"ffmpeg ended with status {process.returncode}: {said}")
        return file.read_bytes()


def _feed(process: subprocess.Popen[bytes], frames: Iterator[Frame], shape: tuple[int, ...]) -> bool:
    """Pipe all frames and wait for the end; False when the encoder stopped listening before it."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # a system may allow less
        fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    try:
        for frame in frames:
            _check(frame, shape)
            process.stdin.write(_even(frame).data)
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


def _command(shape: tuple[int, ...], fps: int, settings: Mp4Settings, file: Path) -> list[str]:
    width, height = shape[1] + shape[1] % 2, shape[0] + shape[0] % 2
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-"]
    quality = ["-preset", settings.preset, "-crf", str(settings.crf), "-threads", str(settings.num_threads)]
    keyframes = ["-g", str(2 * fps)]  # every two seconds, so that seeking is quick
    return [
        imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", "-filter_threads", "1",
        *source, "-an", "-vf", _COLORS, "-c:v", "libx264", *quality, *keyframes,
        "-movflags", "+faststart", "-f", "mp4", str(file),
    ]  # fmt: skip


def _check(frame: Frame, shape: tuple[int, ...]) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"a frame is uint8 [height, width, 3], not {frame.dtype} {frame.shape}")
    if frame.shape != shape:
        raise ValueError(f"all frames have the first one's shape {shape}, not {frame.shape}")
    if not (min(shape[:2]) >= MIN_SIZE and max(shape[:2]) <= MAX_SIZE):
        raise ValueError(f"frames are {MIN_SIZE} to {MAX_SIZE} pixels a side, not {shape[1]}x{shape[0]}")


def _even(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    return np.ascontiguousarray(np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))
