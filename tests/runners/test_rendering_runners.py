"""What the validation and finishing runners draw, whatever the frame and the preset."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from configuration.schema import CameraOptions, RenderOptions
from export.ply import read_ply, write_ply
from gateway.film_times import frames_of
from models.gaussians.frames import rotate_frame
from runners.handover import AbandonedError
from tests.stand_ins.fakes import ball

ORBIT = RenderOptions(
    preset="orbit",
    fps=24,
    seconds=6.0,
    resolution=64,
    camera=CameraOptions(radius=2.5, fov_y_degrees=49.1, elevation_degrees=15.0, azimuth_degrees=24.0),
)


@pytest.mark.usefixtures("client")  # importing a runner needs a configuration that can run
class TestFilming:
    def test_splats_look_the_same_whatever_frame_the_ply_is_in(self, tmp_path: Path) -> None:
        from runners.splats import read_splats

        upright = ball((0.2, 0.4, 0.6), seed=1)
        standard = rotate_frame(upright, source="validator", target="standard")
        file = tmp_path / "object.ply"
        file.write_bytes(write_ply(standard))
        read = read_splats(str(file), frame="standard", device="cpu")
        torch.testing.assert_close(read.means, read_ply(write_ply(upright)).means)
        with pytest.raises(AbandonedError):
            read_splats(str(tmp_path / "gone.ply"), frame="standard", device="cpu")

    def test_the_default_video_is_one_orbit_of_six_seconds_at_24_fps(self) -> None:
        from runners.finishing import camera_path

        cameras, fps = camera_path(ORBIT, 64)
        assert (cameras.num_views, fps) == (144, 24)
        assert frames_of(ORBIT) == 144

    def test_the_upstream_preset_is_288_frames_at_24_fps(self) -> None:
        from runners.finishing import camera_path

        upstream = replace(ORBIT, preset="upstream", fps=60)
        cameras, fps = camera_path(upstream, 64)
        assert (cameras.num_views, fps) == (288, 24)
        assert frames_of(upstream) == 288
