"""Pictures that show no object, and so should end in 204."""

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.pictures.objects import SIDE, Pixels


def noise(rng: np.random.Generator) -> Pixels:
    """Every pixel at random."""
    return rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def screenshot(rng: np.random.Generator) -> Pixels:
    """A page of text."""
    dark = rng.random() < 0.3
    page = Image.new("RGB", (SIDE, SIDE), (24, 26, 30) if dark else (250, 250, 250))
    draw, letters = ImageDraw.Draw(page), "etaoinshrdlucmfwypvbgk     "
    for line in range(int(rng.integers(12, 30))):
        text = "".join(rng.choice(list(letters), int(rng.integers(20, 78))))
        draw.text((14, 10 + 16 * line), text, fill=(210, 212, 214) if dark else (30, 30, 34))
    return np.asarray(page)


def landscape(rng: np.random.Generator) -> Pixels:
    """Sky, ridges one behind the other, and ground, from edge to edge."""
    rows = np.linspace(0, 1, SIDE)[:, None, None]
    image = (1 - rows) * rng.uniform((60, 110, 170), (140, 180, 250)) + rows * rng.uniform(180, 250, 3)
    image = np.broadcast_to(image, (SIDE, SIDE, 3)).copy()
    columns = np.arange(SIDE)
    for ridge in range(4):
        phases, waves = rng.uniform(0, 6.3, 5), rng.uniform(0.5, 9, 5)
        line = sum(np.sin(columns / SIDE * 6.3 * w + p) / w for w, p in zip(waves, phases, strict=True))
        height = SIDE * (0.35 + 0.16 * ridge) + 40 * line
        below = np.arange(SIDE)[:, None] > height[None]
        ground = rng.uniform((30, 60, 25), (150, 170, 110)) * (0.6 + 0.4 * rng.random())
        image[below] = ground + rng.normal(0, 14, (int(below.sum()), 1))
    return image.clip(0, 255).astype(np.uint8)


REJECTS = {"noise": noise, "screenshot": screenshot, "landscape": landscape}
