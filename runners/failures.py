"""From an exception to a `Failure` that travels to the gateway."""

import logging
import traceback
from typing import TypeVar

from models.errors import EmptyMatteError, EmptyStructureError, GenerationError
from runners.handover import AbandonedError
from runners.jobs import Failure, FailureKind, Result
from runners.shortages import is_out_of_memory, is_out_of_space

R = TypeVar("R", bound=Result)

logger = logging.getLogger(__name__)

KINDS: tuple[tuple[type[Exception], FailureKind], ...] = (
    (EmptyMatteError, "empty_matte"),
    (EmptyStructureError, "empty_structure"),
    (GenerationError, "generation"),
    (AbandonedError, "abandoned"),
)


def describe_failure(error: Exception) -> Failure:
    """An exception as a failure of one item; of an unexpected one only the type is told."""
    for error_type, kind in KINDS:
        if isinstance(error, error_type):
            return Failure(kind=kind, detail=str(error) or error_type.__name__)
    if is_out_of_memory(error):
        return Failure(kind="out_of_memory", detail="out of memory, also after its caches were freed")
    if is_out_of_space(error):
        return Failure(kind="no_space", detail="no space left for its files")
    return Failure(kind="internal", detail=f"unexpected {type(error).__name__}")


def as_result(item: R | Exception, result_type: type[R]) -> R:
    """A result, also of what failed."""
    if not isinstance(item, Exception):
        return item
    failure = describe_failure(item)
    if failure.kind == "internal":
        logger.error("an item failed", exc_info=item)
    return result_type(failure=failure)


def let_go(item: object) -> None:
    """Frees what the frames that an error passed through still hold."""
    error = item if isinstance(item, BaseException) else None
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        error = error.__context__
