"""Crop and DINOv2: a cut-out image to condition tokens."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.measure import Call
from command_line.running import run_program
from models.trellis.image_to_3d import ImageTo3D

FLOPS = 1374 * 24 * (24 * 1024**2 + 4 * 1374 * 1024)


def cutout(side: int = 512) -> np.ndarray:
    """A noisy disc on transparent ground."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 4), np.uint8)
    y, x = np.mgrid[:side, :side] - side / 2
    pixels[..., 3] = np.where(x * x + y * y < (0.4 * side) ** 2, 255, 0)
    return pixels


def cases(lab: Lab) -> Iterator[Case]:
    yield Case(name="crop", build=partial(_crop, lab), profiled=False)
    for images in (1, 4):
        yield Case(
            name=f"tokens, batch {images}",
            build=partial(_encode, lab, images),
            work=Work(flops=images * FLOPS),
        )


def _crop(lab: Lab) -> Call:
    image, model = cutout(), ImageTo3D(lab.networks)
    return lambda: model.preprocess(image)


def _encode(lab: Lab, images: int) -> Call:
    model = ImageTo3D(lab.networks)
    cropped = [model.preprocess(cutout())] * images
    return lambda: model.encode_image(cropped)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["image_encoder"]) > 0))
