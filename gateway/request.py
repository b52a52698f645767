"""What a client asks for, and that request while it is in work."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from command_line.names import stem_of
from gateway.parameters import RANDOM_SEED, deadline_is_short
from gateway.pictures.decoding import Pixels
from gateway.stopwatch import Stopwatch
from runners.formats import FORMATS, Wanted
from runners.handover import Reservation
from runners.jobs import Job

J = TypeVar("J", bound=Job)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GenerationRequest:
    """Checked parameters.

    Attributes:
        prompt: What to make, or what the picture shall show; empty if a picture alone says it.
        picture: What to make, RGB, or RGBA of a cut-out object; None if the prompt says it.
        seed: `RANDOM_SEED` picks one.
        formats: Of the files in the answer, by their names in `runners.formats`.
        wanted: Axes, size and so on of these files.
        exact: Share no batch with other requests, so that the bytes are those of any exact request.
    """

    prompt: str = ""
    picture: Pixels | None = None
    seed: int = RANDOM_SEED
    formats: tuple[str, ...] = ("ply",)
    wanted: Wanted = field(default_factory=Wanted)
    exact: bool = False

    @property
    def wants_mesh(self) -> bool:
        """Whether the latents, of which a mesh is made, are to be kept."""
        return any(FORMATS[name].source == "mesh" for name in self.formats)

    @property
    def wants_film(self) -> bool:
        """Whether anything is filmed."""
        return any(FORMATS[name].source == "film" for name in self.formats)

    @property
    def is_quick(self) -> bool:
        """Whether the deadline of a PLY holds."""
        return deadline_is_short(self.formats)

    @property
    def stem(self) -> str:
        """Of the answer's file name."""
        return stem_of(self.prompt) if self.prompt else "object"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """A request that was admitted.

    Attributes:
        request: What is asked for.
        files: Where it is put; they are gone when nobody waits any more.
        watch: Collects the stages' times, and knows how much time is left.
    """

    request: GenerationRequest
    files: Reservation
    watch: Stopwatch

    def job(self, kind: type[J], **fields: Any) -> J:
        """A job of some kind for this request."""
        return kind(exact=self.request.exact, reservation=str(self.files.ply), **fields)
