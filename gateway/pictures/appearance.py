"""From what a file stores to what a person sees: depths, keyed transparency, colour profiles, gamma.

Pillow 13 reads a PNG's transparent colour (tRNS) rightly for palettes and for 1 and 8 bits a channel; for
grey of 2, 4 and 16 bits and for RGB of 16 bits it compares colour and pixel in different depths. Those are
done here.
"""

import io

import numpy as np
from PIL import Image, ImageCms

DISPLAY_GAMMA = 1 / 2.2  # of sRGB, as PNG's gAMA counts
SAME_GAMMA = 0.01


def eight_bits(image: Image.Image, bits: int) -> Image.Image:
    """The picture as L, LA, RGB, RGBA or CMYK of 8 bits.

    Args:
        image: Loaded.
        bits: Of a channel in its file.
    """
    key = image.info.get("transparency")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.uint32)
        grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
        return _keyed(grey, values != key) if isinstance(key, int) else grey
    if image.mode == "L" and bits in (2, 4) and isinstance(key, int):
        return _keyed(image, np.asarray(image) != key * 255 // (2**bits - 1))
    if image.mode == "RGB" and bits == 16 and isinstance(key, tuple):
        return _keyed(image, (np.asarray(image) != np.array(key) >> 8).any(axis=2))
    if image.mode in ("L", "RGB", "LA", "RGBA", "CMYK") and key is None:
        return image
    return image.convert("RGBA" if key is not None or image.mode in ("PA", "La", "RGBa") else "RGB")


def as_srgb(image: Image.Image, profile: bytes | None, gamma: float | None) -> Image.Image:
    """RGB or RGBA in sRGB. A profile goes before a gamma, as in PNG; one that cannot be read counts as none.

    Args:
        image: As `eight_bits` gives it.
        profile: An ICC profile.
        gamma: The file's gAMA, 1 / 2.2 for what displays show.
    """
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colors = image if image.mode == "CMYK" else image.convert("RGB")
    turned = _through_profile(image if image.mode == "L" else colors, profile) if profile else None
    if turned is None:
        turned = colors.convert("RGB")
        if gamma and abs(gamma - DISPLAY_GAMMA) > SAME_GAMMA and not profile:
            table = [round(255 * (value / 255) ** (DISPLAY_GAMMA / gamma)) for value in range(256)]
            turned = turned.point(table * 3)
    if alpha is not None:
        turned.putalpha(alpha)
    return turned


def _keyed(image: Image.Image, visible: np.ndarray) -> Image.Image:
    keyed = image.convert("LA" if image.mode == "L" else "RGBA")
    keyed.putalpha(Image.fromarray(np.where(visible, 255, 0).astype(np.uint8)))
    return keyed


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """None if the profile is sRGB's, broken, or of another kind of picture."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if "sRGB" in (source.profile.profile_description or ""):
            return None
        if space != {"L": "GRAY"}.get(image.mode, image.mode):
            if (image.mode, space) != ("L", "RGB"):
                return None
            image = image.convert("RGB")
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
