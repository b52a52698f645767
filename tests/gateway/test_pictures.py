"""A caller's picture comes out as a person sees it, and a bad one costs nothing."""

import base64
import io
import os
import resource
import struct
import subprocess
import sys
import time
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from command_line.places import ROOT
from gateway.errors import HttpError
from gateway.pictures.base64_text import picture_in_text
from gateway.pictures.decoding import decode_picture
from gateway.pictures.limits import PictureLimits

LIMITS = PictureLimits()
RED, BLUE = (250, 20, 30), (0, 0, 255)
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def two_colors() -> Image.Image:
    """Red with a blue quarter at the top left."""
    image = Image.new("RGB", (300, 200), RED)
    image.paste(BLUE, (0, 0, 150, 100))
    return image


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size: int, bits: int, color: int, rows: bytes, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", size, size, bits, color, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def seen(data: bytes) -> np.ndarray:
    return decode_picture(data, LIMITS)


@pytest.mark.parametrize("kind", FORMATS)
def test_formats_show_their_colors(kind: str) -> None:
    pixels = seen(encoded(two_colors(), kind)).astype(int)
    assert pixels.shape == (200, 300, 3)
    assert np.abs(pixels[10, 10] - BLUE).max() <= 6
    assert np.abs(pixels[-10, -10] - RED).max() <= 6


@pytest.mark.parametrize("kind", FORMATS)
def test_a_rotation_in_exif_is_undone(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter clockwise
    pixels = seen(encoded(two_colors(), kind, exif=exif)).astype(int)
    assert pixels.shape == (300, 200, 3)
    assert np.abs(pixels[10, -10] - BLUE).max() <= 6


def test_grey_of_16_bits_keeps_its_steps() -> None:
    grey = np.linspace(0, 65535, 10_000).reshape(100, 100).astype(np.uint16)
    pixels = seen(encoded(Image.fromarray(grey), "PNG"))
    assert np.abs(pixels[:, :, 0].astype(int) - grey / 257).max() <= 1


@pytest.mark.parametrize(
    ("bits", "color", "values", "key"),
    [(2, 0, [0, 1, 2, 3], [1]), (16, 0, [0, 1000, 1001, 65535], [1000]), (8, 0, [0, 9, 10, 255], [9]),
     (16, 2, [0, 30000, 40000, 65535], [30000] * 3)],
)  # fmt: skip
def test_a_transparent_color_cuts_out_its_pixels_alone(
    bits: int, color: int, values: list[int], key: list[int]
) -> None:
    samples = [value for value in values * 4 for _ in key]
    packed = sum(value << bits * (len(samples) - 1 - at) for at, value in enumerate(samples))
    rows = (b"\0" + packed.to_bytes(len(samples) * bits // 8, "big")) * 16
    pixels = seen(png(16, bits, color, rows, chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))))
    assert pixels[0, :4, 3].tolist() == [255, 0, 255, 255]


def test_inks_become_light() -> None:
    assert seen(encoded(Image.new("CMYK", (50, 50), (0, 255, 255, 0)), "JPEG"))[0, 0].tolist() == [255, 0, 0]


def test_a_color_profile_is_obeyed() -> None:
    profile = (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        .tobytes()
        .replace(b"\0s\0R\0G\0B", b"\0t\0e\0s\0t")
    )
    where = {
        profile[at : at + 4]: struct.unpack(">I", profile[at + 4 : at + 8])[0] for at in range(132, 400, 12)
    }
    red, blue = where[b"rXYZ"], where[b"bXYZ"]
    swapped = bytearray(profile)
    swapped[red : red + 20], swapped[blue : blue + 20] = profile[blue : blue + 20], profile[red : red + 20]
    pixels = seen(encoded(Image.new("RGB", (20, 20), (255, 0, 0)), "PNG", icc_profile=bytes(swapped)))
    assert np.abs(pixels[0, 0].astype(int) - (0, 0, 255)).max() <= 3
    broken = seen(encoded(two_colors(), "PNG", icc_profile=b"no profile"))
    assert broken[-1, -1].tolist() == list(RED)


def test_a_linear_png_is_lightened() -> None:
    pixels = seen(png(16, 8, 0, (b"\0" + bytes([55] * 16)) * 16, chunk(b"gAMA", struct.pack(">I", 100_000))))
    assert pixels[0, 0].tolist() == [round(255 * (55 / 255) ** (1 / 2.2))] * 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_alpha_is_kept_if_it_cuts_something_out(kind: str) -> None:
    image, alpha = two_colors().convert("RGBA"), Image.new("L", (300, 200), 0)
    alpha.paste(255, (50, 50, 250, 150))
    image.putalpha(alpha)
    pixels = seen(encoded(image, kind))
    assert (pixels[100, 150, 3], pixels[10, 10, 3]) == (255, 0)
    for same in (0, 255):
        image.putalpha(same)
        assert seen(encoded(image, kind)).shape == (200, 300, 3), same


def test_round_corners_are_no_cut_out() -> None:
    image, alpha = two_colors().convert("RGBA"), Image.new("L", (300, 200), 255)
    alpha.paste(0, (0, 0, 8, 8))
    image.putalpha(alpha)
    pixels = seen(encoded(image, "PNG"))
    assert pixels.shape[2] == 3
    assert pixels[0, 0].tolist() == [255, 255, 255]


def test_a_large_photo_comes_out_small_with_its_sides() -> None:
    assert seen(encoded(Image.new("RGB", (4000, 3000), RED), "JPEG")).shape == (768, 1024, 3)


def bad_pictures() -> dict[str, tuple[int, str, bytes]]:
    """Status, a word of the error, and the file; made anew in the process that measures."""
    small = Image.fromarray(np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8))
    whole = {kind: encoded(small, kind) for kind in FORMATS}
    frames = [Image.new("RGB", (64, 64), (at // 2, at % 2 * 255, 0)) for at in range(500)]
    film = {"save_all": True, "append_images": frames[1:]}
    wide = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = whole["PNG"][:8] + chunk(b"IHDR", wide) + whole["PNG"][33:]
    other = struct.pack(">IIBBBBB", 900, 900, 8, 2, 0, 0, 0)
    large = struct.pack(">IIBBBBB", 7900, 7900, 8, 2, 0, 0, 0)
    lying = whole["PNG"][:8] + chunk(b"IHDR", large) + png(16, 8, 2, b"\0" * 2000)[33:]
    cut = {f"cut {kind}": (422, "cut off", data[: len(data) // 2]) for kind, data in whole.items()}
    return cut | {
        "bomb": (413, "60000 x 60000", bomb),
        "lying": (422, "cannot hold", lying),
        "other size": (422, "broken", whole["PNG"][:8] + chunk(b"IHDR", other) + whole["PNG"][33:]),
        "svg": (422, "SVG", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        "gif": (422, "GIF", encoded(small, "GIF")),
        "nothing": (422, "no known kind", b""),
        "strip": (422, "strip", encoded(Image.new("RGB", (4000, 10)), "PNG")),
        "film": (422, "animation", encoded(frames[0], "PNG", **film)),
        "webp film": (422, "animation", encoded(frames[0], "WEBP", **film)),
    }  # fmt: skip


def measure() -> None:
    """Prints each bad picture's answer, milliseconds and mebibytes; run in a process of its own."""
    seen(encoded(two_colors(), "PNG"))
    for name, (_, _, data) in bad_pictures().items():
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        try:
            answer = f"200 {seen(data).shape}"
        except HttpError as error:
            answer = f"{error.status} {error.detail}"
        spent = 1000 * (time.process_time() - start)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(name, answer, f"{spent:.1f}", f"{grown:.1f}", sep="\t")  # noqa: T201


def test_bad_pictures_are_refused_at_once() -> None:
    command = [sys.executable, "-c", "from tests.gateway.test_pictures import measure; measure()"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    out = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    rows = {name: values for name, *values in (line.split("\t") for line in out.splitlines())}
    expected = bad_pictures()
    assert rows.keys() == expected.keys()
    for name, (status, word, _) in expected.items():
        answer, spent, grown = rows[name]
        assert answer.startswith(str(status)), (name, answer)
        assert word in answer, (name, answer)
        assert float(spent) < 100, (name, spent)
        assert float(grown) < 50, (name, grown)


def test_a_file_above_the_limit_is_refused() -> None:
    with pytest.raises(HttpError, match="at most 100 are allowed"):
        decode_picture(encoded(two_colors(), "PNG"), PictureLimits(max_bytes=100))


TINY = encoded(Image.new("RGB", (8, 8), RED), "PNG")
PLUS = encoded(Image.fromarray(np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)), "PNG")


@pytest.mark.parametrize("data", [TINY, PLUS])
def test_base64_is_a_picture_in_every_dress(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    dresses = {
        "plain": text,
        "without its end": text.rstrip("="),
        "URL-safe": base64.urlsafe_b64encode(data).decode(),
        "in lines": base64.encodebytes(data).decode(),
        "in lines of Windows": base64.encodebytes(data).decode().replace("\n", "\r\n"),
        "data URL": f"data:image/png;base64,{text}",
        "data URL with a wrong kind": f"data:application/octet-stream;base64,{text}",
        "with blanks around": f"  {text}\n",
        "unescaped in a form": text.replace("+", " "),
    }
    assert {name for name, dress in dresses.items() if picture_in_text(dress) != data} == set()


@pytest.mark.parametrize(
    "prompt",
    ["pink bicycle", "x" * 1024, "a red chair with four legs standing on the floor of a large room",
     "iVBORw0KGgo", "红色的椅子" * 40, "Donaudampfschifffahrtsgesellschaftskapitaensmuetze",
     "data: a chart made of wood", "/9j/"],
)  # fmt: skip
def test_what_people_type_stays_a_prompt(prompt: str) -> None:
    assert picture_in_text(prompt) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (base64.b64encode(b"GIF89a" + bytes(range(256))).decode(), "GIF"),
        (base64.b64encode(np.random.default_rng(3).bytes(400)).decode(), "no known kind"),
        ("data:image/svg+xml,<svg/>", "must hold base64"),
        ("data:image/svg+xml;base64," + base64.b64encode(b"<svg></svg>").decode(), "SVG"),
        (base64.b64encode(PLUS).decode()[:1001], "cut off"),
    ],
)
def test_base64_of_something_else_is_no_prompt(text: str, word: str) -> None:
    with pytest.raises(HttpError, match=word) as caught:
        picture_in_text(text)
    assert caught.value.status == 422
