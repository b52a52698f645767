"""Names objects, though it learnt nothing: by outlines and mean colours of each kind's other instances."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.objects import NEW_INSTANCES, blackened, painted, splats_of
from models.gaussians.gaussians import Gaussians
from rendering.cameras import orbit
from rendering.renderer import SplatRenderer
from training.objects.catalog import KINDS
from training.objects.cloud import build_cloud
from training.objects.colors import COLOR_NAMES
from training.objects.kind import Kind

VIEWS = (20.0, 110.0, 200.0, 290.0)
SIDE = 48


class Gallery:
    """Outlines and mean colours of every kind's other instances."""

    def __init__(self, renderer: SplatRenderer, instances: int = 1) -> None:
        """Draws them."""
        self._renderer = renderer
        self._clouds = {
            kind.name: [build_cloud(kind, NEW_INSTANCES + 500_000 + i) for i in range(instances)]
            for kind in KINDS
        }
        self._outlines = {
            name: [self._outline(splats_of(cloud, np.zeros((len(cloud.radii), 3)))) for cloud in clouds]
            for name, clouds in self._clouds.items()
        }

    def judge(self, splats: Gaussians, kind: Kind) -> tuple[str, str]:
        """The kind of the most similar outlines, and which of `kind`'s colourings it is nearest to."""
        seen = self._outline(splats)
        overlap = {
            name: max(float((seen & one).sum() / (seen | one).sum()) for one in some)
            for name, some in self._outlines.items()
        }
        weights = (splats.opacities * splats.scales.prod(1) ** (2 / 3))[:, None]
        mean = ((splats.colors * weights).sum(0) / weights.sum()).numpy()
        cloud = self._clouds[kind.name][0]
        area = cloud.radii[:, None] ** 2
        distances = {
            color: float(np.linalg.norm((painted(kind, color, cloud) * area).sum(0) / area.sum() - mean))
            for color in COLOR_NAMES
        }
        return max(overlap, key=overlap.__getitem__), min(distances, key=distances.__getitem__)

    def _outline(self, splats: Gaussians) -> NDArray[np.bool_]:
        cameras = orbit(azimuths_degrees=VIEWS, elevation_degrees=15, size=SIDE)
        outline: NDArray[np.bool_] = self._renderer.render(blackened(splats), cameras)[..., 0].numpy() < 128
        return outline
