"""Images to condition tokens."""

from models.conditioning.encoder import ImageEncoder, normalized_pixels
from models.conditioning.preprocess import crop_to_object

__all__ = ["ImageEncoder", "crop_to_object", "normalized_pixels"]
