"""What travels between the gateway and the runners: one job and one result per item of a batch.

A job with `noop` set only exercises the batcher. A result with a `failure` concerns its own item alone.
Splats do not travel in here: a job names the file (see `runners.handover`) that holds them.
"""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, InstanceOf, WithJsonSchema

from runners.formats import Wanted
from validation.ranking import Rank, rank

Image = Annotated[InstanceOf[np.ndarray], WithJsonSchema({"type": "object", "description": "uint8 pixels"})]
FailureKind = Literal[
    "empty_matte",
    "empty_structure",
    "generation",
    "abandoned",
    "out_of_memory",
    "no_space",
    "stage_lost",
    "internal",
]
CURED_BY_ANOTHER_SEED = ("empty_matte", "empty_structure", "generation")


class Message(BaseModel):
    """Immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Failure(Message):
    """Why one item has no result.

    Attributes:
        kind: The class of the failure.
        detail: For people.
    """

    kind: FailureKind
    detail: str

    @property
    def is_worth_retrying(self) -> bool:
        """Whether another seed may succeed."""
        return self.kind in CURED_BY_ANOTHER_SEED


class Job(Message):
    """One item of a batch.

    Attributes:
        noop: Only exercises the batcher.
        reservation: A file that exists for as long as the request waits; None if nobody can give it up.
        files: Content of the files it reads, by attribute, where the runner shares no memory with the gateway
            (see `runners.inline`); None where names are enough.
        exact: Is made alone, so that the result is the same to the last bit.
    """

    noop: bool = False
    reservation: str | None = None
    exact: bool = False
    files: dict[str, bytes] | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The attributes that name files to read."""
        return ()

    @property
    def writes(self) -> tuple[str, ...]:
        """The attributes that name files to fill."""
        return ()


class Result(Message):
    """One item's outcome.

    Attributes:
        failure: Set when there is no result.
        timings: Seconds of the steps inside the runner; steps of a batch are shared by its items.
        files: Content for the files that the job named, where the runner could not fill them itself.
        cuts: The text encoders that did not read all of the prompt (`models.prompt_lengths`).
    """

    failure: Failure | None = None
    timings: dict[str, float] = {}
    files: dict[str, bytes] = {}
    cuts: list[str] = []


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
    """Judge the splats in the file `ply`.

    Attributes:
        prompt: What they shall show; None if only a picture says so.
        picture: The cut-out object (HxWx4, straight alpha) that they shall resemble; None if nobody sent one.
    """

    ply: str = ""
    prompt: str | None = None
    picture: Image | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        return ("ply",)


class JudgeResult(Result):
    """`reason` says why the object does not pass; a `convincing` one does, and is worth no second attempt.

    `gate` is what it failed, in a word; the numbers are those of `validation.scores`.
    """

    passed: bool = False
    convincing: bool = False
    reason: str | None = None
    gate: str | None = None
    alignment: float | None = None
    similarity: float | None = None
    aesthetics: float | None = None
    total: float | None = None
    parts: dict[str, float] = {}

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


class GpuMemory(Message):
    """Bytes of the GPU that one process's allocator holds, now and at most; its context comes on top."""

    allocated: int
    reserved: int
    peak_allocated: int
    peak_reserved: int


class Status(Message):
    """Which process answers, and what it holds.

    Attributes:
        process: Its number.
        device: cpu or cuda.
        weights: Bytes of the GPU that each stage's weights take.
        load_seconds: What loading them took.
        memory: Of the whole process; None without a GPU.
    """

    process: int
    device: str
    weights: dict[str, int] = {}
    load_seconds: dict[str, float] = {}
    memory: GpuMemory | None = None
