"""Views drawn again by the text-to-image family: what image to 3D will see, beside the object to make of it.

    view on the backdrop ──> autoencoder ──> noise ──┐
    spec ──> caption ────────────────────────────────┴─> the last steps ──> matte ──> RGBA

Rendered views are too clean. The family's own pictures run one part's colour into its neighbour and melt
thin parts, and image to 3D, trained on renders alone, then gives a bicycle's frame the colour of its wheels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import FluxImg2ImgPipeline
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.image.text_to_image import TextToImage
from models.matte import MatteCutter
from training.objects.catalog import KINDS
from training.objects.renders import ObjectRenderer, orbit_views
from training.painters import framed
from training.pictures import on_backdrop, three_quarter
from training.text.captions import CaptionWriter
from training.text.specs import Spec

OBJECT_FILL = 0.84
RESOLUTION = 192
STEPS = 12
FEWEST_STEPS, MOST_STEPS = 3, 10
CAPTION_TOKENS = 32


class Redrawer:
    """The exported text-to-image and matting families, as they are served.

    Args:
        weights: Folder with `text_to_image/` and `matte/`.
        device: Where everything runs.
        seed: Of the captions, the noise and how many steps are drawn again.
    """

    def __init__(self, weights: Path, device: str, seed: int = 0) -> None:
        family = TextToImage.load(weights / "text_to_image", device=device)
        self.pipeline = FluxImg2ImgPipeline(**family.pipeline.components)
        self.pipeline.set_progress_bar_config(disable=True)
        self.matte = MatteCutter.load(weights / "matte", device=device).network
        self.writer = CaptionWriter(KINDS)
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.views = torch.Generator().manual_seed(seed)

    def draw(
        self,
        renderer: ObjectRenderer,
        rows: Int[Tensor, "batch"],
        specs: Sequence[Spec],
        colors: Float[Tensor, "batch points 3"],
    ) -> Float[Tensor, "batch 4 side side"]:
        """Pictures of coloured geometries, each with the caption of its spec; see `redraw`."""
        angles = three_quarter(len(rows), self.views)
        views = orbit_views(
            angles.yaw[:, None].to(colors.device),
            angles.elevation[:, None].to(colors.device),
            zoom=angles.zoom[:, None].to(colors.device),
            size=RESOLUTION,
        )
        means, _, _ = renderer.splats(rows)
        with torch.no_grad():
            rgba = renderer.render_points(rows, colors, framed(means, views, OBJECT_FILL))[:, 0]
        captions = [self.writer.write(spec, self.rng) for spec in specs]
        steps = int(self.rng.integers(FEWEST_STEPS, MOST_STEPS, endpoint=True))
        return self.redraw(on_backdrop(rgba).permute(0, 3, 1, 2), captions, steps)

    @torch.no_grad()
    def redraw(
        self, pictures: Float[Tensor, "batch 3 side side"], captions: Sequence[str], steps: int
    ) -> Float[Tensor, "batch 4 side side"]:
        """RGBA, premultiplied, 0 to 1: the pictures after the last `steps` of `STEPS` steps, cut out."""
        side = pictures.shape[-1]
        drawn: Tensor = self.pipeline(
            prompt=list(captions),
            image=pictures.clamp(0, 1),
            strength=steps / STEPS,
            num_inference_steps=STEPS,
            height=side,
            width=side,
            guidance_scale=0.0,
            max_sequence_length=CAPTION_TOKENS,
            generator=self.generator,
            output_type="pt",
        ).images
        size = self.matte.input_size
        alpha = self.matte(F.interpolate(drawn, size=(size, size), mode="bilinear", align_corners=False))
        alpha = F.interpolate(alpha, size=(side, side), mode="bilinear", align_corners=False)
        return torch.cat([drawn * alpha, alpha], dim=1)
