"""WebM against what another program's user sees."""

from pathlib import Path

import numpy as np
import pytest
import torch

from export.ffmpeg import VideoEncodingError
from export.webm import WebmSettings, encode_webm
from rendering.yuv import yuv420p
from tests.export.test_mp4 import moving_square
from tests.export.video_reading import decode


def test_the_video_is_vp9_with_every_frame_and_its_colours(tmp_path: Path) -> None:
    frames = moving_square(30)
    video = decode(encode_webm(frames, fps=24), tmp_path)
    assert (video.codec, video.pixel_format) == ("vp9", "yuv420p")
    assert (video.width, video.height, video.fps) == (96, 64, 24.0)
    assert len(video.frames) == 30
    assert "bt709" in video.colors
    assert "tv" in video.colors
    error = np.abs(video.frames.astype(float) - np.stack(frames))
    assert error.mean() < 2.0
    np.testing.assert_array_equal(video.frames[0, 0, 0], [255, 255, 255])


def test_frames_converted_before_are_taken_as_they_are(tmp_path: Path) -> None:
    frames = moving_square(6)
    converted = list(yuv420p(torch.from_numpy(np.stack(frames))).numpy())
    video = decode(encode_webm(converted, fps=24, settings=WebmSettings(pixels="yuv420p")), tmp_path)
    assert np.abs(video.frames.astype(float) - np.stack(frames)).mean() < 2.0


def test_the_index_comes_before_the_pictures() -> None:
    data = encode_webm(moving_square(60), fps=24)
    cues, cluster = bytes.fromhex("1c53bb6b"), bytes.fromhex("1f43b675")
    assert 0 < data.rindex(cues, 0, data.index(cluster)) < data.index(cluster)


def test_the_same_frames_give_the_same_bytes() -> None:
    assert encode_webm(moving_square(10), fps=24) == encode_webm(moving_square(10), fps=24)


def test_an_encoder_that_fails_is_a_typed_error() -> None:
    with pytest.raises(VideoEncodingError, match="crf"):
        encode_webm(moving_square(3), fps=24, settings=WebmSettings(crf=99))
