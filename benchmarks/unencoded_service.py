"""The real service on a machine without ffmpeg: videos are rendered frame by frame, then thrown away.

`bentoml serve benchmarks.unencoded_service:Miner`; for measurements of the GPU only.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

PLACEHOLDER = b"not encoded: %d frames"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp4Settings:
    """Takes the place of the encoder's settings."""

    num_threads: int = 1
    pixels: str = "rgb24"


def count_frames(frames: Iterable[NDArray[np.uint8]], *, fps: int, settings: Mp4Settings) -> bytes:
    """Takes the place of the encoder."""
    return PLACEHOLDER % sum(1 for _ in frames)


encoder = ModuleType("export.mp4")
vars(encoder).update(encode_mp4=count_frames, Mp4Settings=Mp4Settings)
sys.modules["export.mp4"] = encoder

from service import Miner  # noqa: E402

__all__ = ["Miner"]
