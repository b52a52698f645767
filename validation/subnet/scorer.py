"""The validator's scorer: what it reads of views, and what it looks at of them.

views ─┬─> 224 px, its own standardisation ─> convnext_large_d ─> cosines ─> without outliers ─> alignment
       ├─> 518 px ─> DINOv2-small, quality head ────────────────────────────────> mean ────────> quality
       ├─> each with the next one, in a ring: SSIM ─> without outliers ─> geometric mean ──────> ssim
       └─> 256 px, in the same ring: LPIPS ─────────────────────────────────────> mean ────────> lpips

It standardises pictures for CLIP with three times the usual means and deviations, and scales them without
antialiasing; its thresholds hold for what comes of that, so it is done here too.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn.functional import interpolate

from models.errors import WeightsError
from models.weights.random_tensors import random_weights_of
from validation.clip import ClipTowers, Faster, unchanged
from validation.scores import Scores
from validation.subnet.files import BACKBONE, CLIP, FOLDER, HEAD, lack_of_files
from validation.subnet.formula import TEXT_SCALE, Parts
from validation.subnet.outliers import geometric_mean, without_outliers
from validation.subnet.perceptual import PerceptualDistance
from validation.subnet.quality import QualityHead
from validation.subnet.structure import ssim

CLIP_SIZE, LPIPS_SIZE = 224, 256
CLIP_MEAN = tuple(3 * value for value in (0.48145466, 0.4578275, 0.40821073))
CLIP_STD = tuple(3 * value for value in (0.26862954, 0.26130258, 0.27577711))


class SubnetScorer:
    """Scores views as the subnet's validator does; make one with `load`."""

    def __init__(self, clip: ClipTowers, quality: QualityHead, distance: PerceptualDistance) -> None:
        """Takes the networks."""
        self._clip, self._quality, self._distance = clip, quality, distance
        self._mean, self._std = (
            torch.tensor(v, device=clip.device)[:, None, None] for v in (CLIP_MEAN, CLIP_STD)
        )

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        faster: Faster = unchanged,
    ) -> "SubnetScorer":
        """Loads `subnet/` inside a validation folder; nothing is fetched.

        Args:
            folder: As for the other scorer.
            device: Where the networks run.
            dtype: Precision of CLIP; the others run in fp32.
            faster: Makes of the model what is asked in its place, for instance by recorded kernels.

        Raises:
            WeightsError: A file is missing, damaged, or does not fit the others.
        """
        if random_weights_of(folder / "clip"):
            raise WeightsError("validation.scorer: subnet has no random weights; take clip_laion")
        if (lack := lack_of_files(folder)) is not None:
            raise WeightsError(lack)
        own = folder / FOLDER
        return cls(
            faster(ClipTowers.load(own / CLIP, device=device, dtype=dtype)),
            QualityHead.load(own / BACKBONE, own / HEAD, device=device),
            PerceptualDistance.load(own, device=device),
        )

    def cuts(self, prompt: str) -> list[str]:
        """Whether the text tower does not read all of a prompt, and how much it reads."""
        return self._clip.cuts(prompt)

    @torch.inference_mode()
    def score(
        self,
        prompts: Sequence[str | None],
        views: Sequence[Shaped[Tensor, "_views _height _width 3"]],
        pictures: Sequence[Shaped[Tensor, "_height _width 3"] | None] | None = None,
    ) -> list[Scores]:
        """Scores of each prompt and picture with its own object's views; arguments as of the other scorer.

        The validator has either a prompt or a picture. Where there are both, the total is made with the
        lower of both alignments; where there is neither, with none.

        Raises:
            ValueError: Not as many prompts or pictures as objects, or an object without views.
        """
        pictures = [None] * len(prompts) if pictures is None else pictures
        if not len(prompts) == len(views) == len(pictures):
            raise ValueError(
                f"{len(prompts)} prompts but views of {len(views)} objects, {len(pictures)} pictures"
            )
        if any(len(some) == 0 for some in views):
            raise ValueError("an object without views")
        return [self._scored(*item) for item in zip(prompts, views, pictures, strict=True)]

    def _scored(
        self,
        prompt: str | None,
        views: Shaped[Tensor, "views height width 3"],
        picture: Shaped[Tensor, "_height _width 3"] | None,
    ) -> Scores:
        shown = self._unit(views)
        embedded = self._clip.embed_views(self._for_clip(shown))
        alignment = (
            None
            if prompt is None
            else self._alignment(embedded, self._clip.embed_texts([prompt])) / TEXT_SCALE
        )
        similarity = None
        if picture is not None:
            likeness = self._clip.embed_views(self._for_clip(self._unit(picture[None])))
            similarity = self._alignment(embedded, likeness)
        asked = [one for one in (alignment, similarity) if one is not None]
        parts = Parts(
            alignment=min(asked, default=0.0),
            quality=float(self._quality.rate(shown).mean()),
            ssim=geometric_mean(without_outliers(ssim(shown, shown.roll(-1, 0)))),
            lpips=1.0 - self._mean_distance(shown),
        )
        return Scores(
            alignment=alignment,
            aesthetics=parts.quality,
            similarity=similarity,
            total=parts.total if asked else None,
            deciding=("total",),
            parts={"quality": parts.quality, "ssim": parts.ssim, "lpips": parts.lpips},
        )

    def _alignment(self, views: Float[Tensor, "views embed"], asked: Float[Tensor, "1 embed"]) -> float:
        """Geometric mean of cosines of 0 to 1, outliers left out."""
        return geometric_mean(without_outliers(views @ asked[0]).clamp(0.0, 1.0))

    def _mean_distance(self, views: Float[Tensor, "views 3 height width"]) -> float:
        small = interpolate(views, size=(LPIPS_SIZE,) * 2, mode="bicubic", align_corners=False).clamp(
            0.0, 1.0
        )
        features = self._distance.features(small)
        return float(self._distance.between(features, [layer.roll(-1, 0) for layer in features]).mean())

    def _unit(self, views: Shaped[Tensor, "views height width 3"]) -> Float[Tensor, "views 3 height width"]:
        """Values of 0 to 1, channels first, on the device."""
        pictures = views.to(self._clip.device).permute(0, 3, 1, 2)
        return pictures.float() / 255 if views.dtype == torch.uint8 else pictures.float()

    def _for_clip(self, views: Float[Tensor, "views 3 height width"]) -> Float[Tensor, "views 3 size size"]:
        resized = interpolate(views, size=(CLIP_SIZE,) * 2, mode="bicubic", align_corners=False)
        return (resized - self._mean) / self._std
