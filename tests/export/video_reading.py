"""What a player sees in an MP4: its stream's properties, its frames, the order of its boxes."""

import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    codec: str
    pixel_format: str
    colors: str
    width: int
    height: int
    fps: float
    frames: np.ndarray[Any, np.dtype[np.uint8]]  # [frames, height, width, 3]


def decode(data: bytes, folder: Path) -> Video:
    """Decode every frame with ffmpeg, by way of a file in `folder`."""
    file = folder / "video.mp4"
    file.write_bytes(data)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-i", str(file)]
    ran = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    stream = re.search(
        r"Video: (\w+).*?, (\w+)\(([^)]*)\), (\d+)x(\d+).*?, ([\d.]+) fps",
        ran.stderr.decode("utf-8", "replace"),
    )
    assert stream is not None
    codec, pixel_format, colors, width, height, fps = stream.groups()
    shape = (-1, int(height), int(width), 3)
    return Video(
        codec=codec,
        pixel_format=pixel_format,
        colors=colors,
        width=int(width),
        height=int(height),
        fps=float(fps),
        frames=np.frombuffer(ran.stdout, np.uint8).reshape(shape),
    )


def boxes(data: bytes) -> list[str]:
    """Names of the file's top-level boxes in order."""
    names, offset = [], 0
    while offset < len(data):
        size, name = struct.unpack_from(">I4s", data, offset)
        assert size >= 8
        names.append(name.decode())
        offset += size
    return names
