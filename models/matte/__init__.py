"""Background removal: an image to an image with a matte."""

from models.matte.cutter import MatteCutter
from models.matte.isnet import Isnet, IsnetConfig

__all__ = ["Isnet", "IsnetConfig", "MatteCutter"]
