"""MP4 against what another program's user sees: boxes of the file, and decoded frames."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from export.ffmpeg import VideoEncodingError
from export.mp4 import Mp4Settings, encode_mp4
from rendering.yuv import yuv420p
from tests.export.video_reading import boxes, decode

Frames = list[np.ndarray[Any, np.dtype[np.uint8]]]


def moving_square(num_frames: int, *, width: int = 96, height: int = 64) -> Frames:
    """A red square that walks over white."""
    frames = np.full((num_frames, height, width, 3), 255, np.uint8)
    for number, frame in enumerate(frames):
        left = 8 + number * 2 % (width - 40)
        frame[16:48, left : left + 24] = (255, 0, 0)
    return list(frames)


def test_the_video_is_h264_yuv420p_with_every_frame_and_its_colours(tmp_path: Path) -> None:
    frames = np.stack(moving_square(30)).astype(int)
    video = decode(encode_mp4(iter(moving_square(30)), fps=24), tmp_path)
    assert (video.codec, video.pixel_format, video.fps) == ("h264", "yuv420p", 24)
    assert video.frames.shape == (30, 64, 96, 3)
    assert video.frames[0, 0, 0].min() >= 254
    errors = np.abs(video.frames.astype(int) - frames)
    assert np.median(errors, axis=(1, 2, 3)).max() <= 1
    assert errors[:, 24:40, :8].max() <= 2  # the flat area left of the square's path
    assert errors[0, 32, 20].max() <= 6  # the middle of the square, whose colour is subsampled


def test_frames_converted_before_give_the_picture_that_ffmpegs_conversion_gives(tmp_path: Path) -> None:
    frames = moving_square(8)
    frames[0][:, :, 1] = np.linspace(0, 255, 96).astype(np.uint8)  # all shades of green in the first
    converted = list(yuv420p(torch.from_numpy(np.stack(frames))).numpy())
    settings = Mp4Settings(crf=1, pixels="yuv420p")
    actual = decode(encode_mp4(converted, fps=24, settings=settings), tmp_path)
    expected = decode(encode_mp4(frames, fps=24, settings=Mp4Settings(crf=1)), tmp_path)
    assert (actual.colors, actual.pixel_format) == (expected.colors, expected.pixel_format)
    assert actual.frames.shape == expected.frames.shape
    errors = np.abs(actual.frames.astype(int) - expected.frames)
    assert np.median(errors) <= 1
    assert np.quantile(errors, 0.95) <= 3  # both subsample the square's edges, each in its own way


def test_the_index_comes_before_the_data() -> None:
    names = boxes(encode_mp4(moving_square(5), fps=24))
    assert names.index("moov") < names.index("mdat")


def test_colours_are_tagged_as_bt709_of_limited_range(tmp_path: Path) -> None:
    assert decode(encode_mp4(moving_square(3), fps=24), tmp_path).colors.startswith("tv, bt709")


@pytest.mark.parametrize(("width", "height"), [(65, 64), (64, 65), (67, 71)])
def test_odd_sizes_gain_a_row_or_column(tmp_path: Path, width: int, height: int) -> None:
    video = decode(encode_mp4(moving_square(3, width=width, height=height), fps=24), tmp_path)
    assert (video.width, video.height) == (width + width % 2, height + height % 2)
    assert video.frames[0, -1, -1].min() >= 253


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("num_threads", [1, 2, 8])
def test_sizes_and_thread_counts_all_work(tmp_path: Path, size: int, num_threads: int) -> None:
    frames = moving_square(2, width=size, height=size)
    video = decode(encode_mp4(frames, fps=10, settings=Mp4Settings(num_threads=num_threads)), tmp_path)
    assert video.frames.shape == (2, size, size, 3)


def test_the_largest_size_works(tmp_path: Path) -> None:
    video = decode(encode_mp4(moving_square(2, width=2160, height=2160), fps=24), tmp_path)
    assert video.frames.shape == (2, 2160, 2160, 3)


def test_a_generator_of_frames_is_read_to_its_end() -> None:
    taken = 0

    def source() -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        nonlocal taken
        for frame in itertools.islice(itertools.cycle(moving_square(4)), 100):
            taken += 1
            yield frame

    assert encode_mp4(source(), fps=24)
    assert taken == 100


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("frames", "fps"),
    [
        ([], 24),
        (moving_square(1), 0),
        ([np.zeros((64, 64), np.uint8)], 24),
        ([np.zeros((64, 64, 3), np.float32)], 24),
        (moving_square(1, width=62), 24),
        (moving_square(1, width=2162), 24),
        ([*moving_square(1), *moving_square(1, width=98)], 24),
    ],
)
def test_unfit_frames_are_refused(frames: Frames, fps: int) -> None:
    with pytest.raises(ValueError, match="fram"):
        encode_mp4(frames, fps=fps)


@pytest.mark.parametrize("shape", [(96, 64, 3), (97, 64), (96, 65), (93, 64)])
def test_unfit_planar_frames_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="frame"):
        encode_mp4([np.zeros(shape, np.uint8)], fps=24, settings=Mp4Settings(pixels="yuv420p"))


def test_an_encoder_that_fails_is_a_typed_error_and_says_why() -> None:
    with pytest.raises(VideoEncodingError, match="preset"):
        encode_mp4(moving_square(30), fps=24, settings=Mp4Settings(preset="no-such-preset"))


def test_a_failing_source_passes_through_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source() -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        yield from moving_square(3)
        raise RuntimeError("renderer broke")

    monkeypatch.setattr(tempfile, "tempdir", os.fspath(tmp_path))
    with pytest.raises(RuntimeError, match="renderer broke"):
        encode_mp4(source(), fps=24)
    encode_mp4(moving_square(2), fps=24)
    assert list(tmp_path.iterdir()) == []


def test_the_same_frames_give_the_same_bytes() -> None:
    assert encode_mp4(moving_square(10), fps=24) == encode_mp4(moving_square(10), fps=24)
