"""The one table of the files that can be asked for: a format is a writer's module and an entry here.

Name, media type and suffix are what a request and its answer show, `source` is what the writer gets. Writers
are imported when they are called, since the process that speaks HTTP reads this table and loads no torch.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from models.gaussians.limits import MAX_SPLATS as MAX_SPLATS
from models.gaussians.limits import MIN_SPLATS as MIN_SPLATS

if TYPE_CHECKING:
    from export.ffmpeg import Frame as Picture
    from export.ffmpeg import PixelFormat
    from models.gaussians.gaussians import Gaussians

Frame = Literal["validator", "standard"]
Source = Literal["splats", "mesh", "film", "view"]
SpzVersion = Literal[3, 4]

USUAL_SIZE = 1.5  # world units, metres in GLBs: what the subnet's validator scales to
MIN_SIZE, MAX_SIZE = 0.1, 100.0
MIN_BYTES, MAX_BYTES = 500_000, 10**12  # what `MIN_SPLATS` take at most in any format
OCTETS = "application/octet-stream"
WEBP_QUALITY = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request asks of its files beyond their format.

    Attributes:
        frame: Axes of splat files; glTF prescribes its own, and pictures show the object upright.
        size: Largest side of the object, world units; of GLBs metres.
        spz_version: Of an SPZ.
        pixels: Side of the square frame of videos and pictures.
        splats: At most so many in splat files, videos and pictures; None keeps all.
        max_bytes: Of a splat file, which loses splats for it; None does not ask.
    """

    frame: Frame = "validator"
    size: float = USUAL_SIZE
    spz_version: SpzVersion = 3
    pixels: int = 512
    splats: int | None = None
    max_bytes: int | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether no splat may be lost."""
        return self.splats is None and self.max_bytes is None

    @property
    def factor(self) -> float:
        """How many times as large as usual."""
        return self.size / USUAL_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file.

    Attributes:
        media_type: Of an answer that is this file.
        suffix: Of its name, without the first dot.
        source: What `write` gets: splats in the frame and size that are wanted, and the `Wanted`; frames of
            a film, their rate, threads and layout; one frame. A mesh has a way of its own.
        write: Gives the file's bytes.
        turns: Whether the file's axes follow `frame`.
    """

    media_type: str
    suffix: str
    source: Source
    write: Callable[..., bytes] | None = None
    turns: bool = True

    @property
    def is_quick(self) -> bool:
        """Whether the deadline of a PLY holds for it."""
        return self.source == "splats"


def _ply(splats: "Gaussians", _: Wanted) -> bytes:
    from export.ply import write_ply

    return write_ply(splats)


def _spz(splats: "Gaussians", wanted: Wanted) -> bytes:
    from export.spz import write_spz

    return write_spz(splats, version=wanted.spz_version)


def _sog(splats: "Gaussians", _: Wanted) -> bytes:
    from export.sog import write_sog

    return write_sog(splats)


def _compressed_ply(splats: "Gaussians", _: Wanted) -> bytes:
    from export.compressed_ply import write_compressed_ply

    return write_compressed_ply(splats)


def _splat_glb(splats: "Gaussians", _: Wanted) -> bytes:
    from export.splat_glb import write_splat_glb

    return write_splat_glb(splats)


def _mp4(frames: "Iterable[Picture]", fps: int, num_threads: int, pixels: "PixelFormat") -> bytes:
    from export.mp4 import Mp4Settings, encode_mp4

    return encode_mp4(frames, fps=fps, settings=Mp4Settings(num_threads=num_threads, pixels=pixels))


def _webm(frames: "Iterable[Picture]", fps: int, num_threads: int, pixels: "PixelFormat") -> bytes:
    from export.webm import WebmSettings, encode_webm

    return encode_webm(frames, fps=fps, settings=WebmSettings(num_threads=num_threads, pixels=pixels))


def _png(pixels: "Picture") -> bytes:
    return _picture(pixels, "PNG", optimize=True)


def _webp(pixels: "Picture") -> bytes:
    return _picture(pixels, "WEBP", quality=WEBP_QUALITY, method=4)


def _picture(pixels: "Picture", kind: str, **options: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


FORMATS: Mapping[str, Format] = {
    "ply": Format(media_type=OCTETS, suffix="ply", source="splats", write=_ply),
    "spz": Format(media_type=OCTETS, suffix="spz", source="splats", write=_spz),
    "sog": Format(media_type=OCTETS, suffix="sog", source="splats", write=_sog),
    "compressed.ply": Format(
        media_type=OCTETS, suffix="compressed.ply", source="splats", write=_compressed_ply
    ),
    "splat-glb": Format(
        media_type="model/gltf-binary", suffix="splat.glb", source="splats", write=_splat_glb, turns=False
    ),
    "glb": Format(media_type="model/gltf-binary", suffix="glb", source="mesh", turns=False),
    "mp4": Format(media_type="video/mp4", suffix="mp4", source="film", write=_mp4),
    "webm": Format(media_type="video/webm", suffix="webm", source="film", write=_webm),
    "png": Format(media_type="image/png", suffix="png", source="view", write=_png),
    "webp": Format(media_type="image/webp", suffix="webp", source="view", write=_webp),
}


def writer_of(name: str) -> Callable[..., bytes]:
    """The function that writes a format.

    Raises:
        ValueError: It has none of that kind.
    """
    write = FORMATS[name].write
    if write is None:
        raise ValueError(f"{name} has a way of its own")
    return write


def write_splats(name: str, splats: "Gaussians", wanted: Wanted) -> bytes:
    """A splat file of an object in "validator" space and the usual size.

    Raises:
        ValueError: The format does not hold splats, or as its writer.
    """
    from models.gaussians.frames import rotate_frame

    form = FORMATS[name]
    if form.source != "splats":
        raise ValueError(f"{name} does not hold splats")
    frame: Frame = wanted.frame if form.turns else "validator"
    placed = rotate_frame(splats.scaled(wanted.factor), source="validator", target=frame)
    return writer_of(name)(placed, wanted)
