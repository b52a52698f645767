"""What all jobs, and all results, have in common; their kinds are in `runners.messages`.

A job with `noop` set only exercises the batcher. A result with a `failure` concerns its own item alone.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

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
