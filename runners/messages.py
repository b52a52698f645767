"""What travels between the gateway and the runners: one job and one result per item of a batch.

Splats do not travel in here: a job names the file (see `runners.handover`) that holds them.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, InstanceOf, WithJsonSchema

from runners.formats import Frame, Wanted
from runners.jobs import Job, Result
from validation.ranking import Rank, rank

Image = Annotated[InstanceOf[np.ndarray], WithJsonSchema({"type": "object", "description": "uint8 pixels"})]


class ImageJob(Job):
    """Draw `prompt` with the noise of `seed`."""

    prompt: str = ""
    seed: int = 0


class ImageResult(Result):
    """`image` is HxWx3 uint8."""

    image: Image | None = None


class PixelsJob(Job):
    """A job on an image.

    Attributes:
        image: uint8 pixels; None in a no-op only.
    """

    image: Image | None = None

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The image of a job that is no no-op."""
        assert self.image is not None, "only a no-op comes without an image"
        return self.image


class MatteJob(PixelsJob):
    """Cut the object out of `image`, HxWx3."""


class MatteResult(Result):
    """`image` is HxWx4 uint8 with straight alpha."""

    image: Image | None = None


class SplatJob(PixelsJob):
    """Turn `image` (HxWx4, straight alpha) into splats, written to the reserved file `ply`.

    Attributes:
        latents: A reserved file that takes the latents too; None if nobody will want a mesh of them.
    """

    seed: int = 0
    ply: str = ""
    latents: str | None = None

    @property
    def writes(self) -> tuple[str, ...]:
        return ("ply",) if self.latents is None else ("ply", "latents")


class SplatResult(Result):
    """The file has been written."""

    num_splats: int = 0


class MeshJob(Job):
    """Decode what a `SplatJob` kept in `latents` into a surface, written to the reserved file `mesh`."""

    latents: str = ""
    mesh: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        return ("latents",)

    @property
    def writes(self) -> tuple[str, ...]:
        return ("mesh",)


class MeshResult(Result):
    """The file has been written."""


class JudgeJob(Job):
    """Judge the splats in the file `ply`, which may be an SPZ or a GLB as well.

    Attributes:
        frame: Axes of a PLY or SPZ; None are those that this service's PLYs have.
        sheet: Draw a contact sheet too.
        prompt: What they shall show; None if only a picture says so.
        picture: The cut-out object (HxWx4, straight alpha) that they shall resemble; None if nobody sent one.
    """

    ply: str = ""
    frame: Frame | None = None
    sheet: bool = False
    prompt: str | None = None
    picture: Image | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        return ("ply",)


class JudgeResult(Result):
    """`reason` says why the object does not pass; a `convincing` one does, and is worth no second attempt.

    `gate` is what it failed, in a word; the numbers are those of `validation.scores`. `sheet` is a PNG.
    """

    passed: bool = False
    convincing: bool = False
    reason: str | None = None
    gate: str | None = None
    alignment: float | None = None
    similarity: float | None = None
    aesthetics: float | None = None
    total: float | None = None
    parts: dict[str, float] = Field(default_factory=dict)
    num_splats: int | None = None
    extent: float | None = None
    sheet: bytes = b""

    @property
    def numbers(self) -> dict[str, float]:
        """Every score that there is, by its name."""
        named = {name: getattr(self, name) for name in ("total", "alignment", "similarity", "aesthetics")}
        return {name: value for name, value in named.items() if value is not None} | self.parts

    @property
    def rank(self) -> Rank:
        """Of two attempts the one of the greater rank is served."""
        return rank(self)


class FileJob(Job):
    """Make a file of the splats in the file `ply`.

    Attributes:
        format: Which, by its name in `runners.formats`; each kind of job makes those of one source.
        wanted: Its frame, size and so on.
    """

    ply: str = ""
    format: str
    wanted: Wanted = Wanted(pixels=64)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("ply",)


class SplatFileJob(FileJob):
    """Write the splats in another format, frame, size or number."""

    format: str = "ply"


class FilmJob(FileJob):
    """Film the object on a turntable.

    Attributes:
        max_frames: Stop early; None films the whole path.
    """

    format: str = "mp4"
    max_frames: int | None = None


class ViewJob(FileJob):
    """Draw a film's first frame, so that a page can show it until the film plays."""

    format: str = "png"


class GlbJob(FileJob):
    """Finish the surface in the file `mesh`, with the splats' colours if the configuration says so."""

    format: str = "glb"
    mesh: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        return ("ply", "mesh")


class FileResult(Result):
    """`file` is the whole file."""

    file: bytes = b""


class GlbResult(FileResult):
    """A GLB.

    Attributes:
        watertight: Whether its surface is closed.
        report: What keeps it from being that, in words.
    """

    watertight: bool = False
    report: str = ""
