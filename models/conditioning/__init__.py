"""Images to condition tokens."""

from models.conditioning.encoder import ImageEncoder
from models.conditioning.preprocess import crop_to_object

__all__ = ["ImageEncoder", "crop_to_object"]
