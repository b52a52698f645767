"""Which exceptions mean that this machine lacks something, and a later try may find it.

Libraries say it in many ways: torch has a type for a GPU's allocator, but plain RuntimeErrors for the host's,
for what CUDA allocates by itself and for cuBLAS; numpy raises MemoryError; a file system has error numbers;
ffmpeg only prints.
"""

import errno
import os
import sys
from collections.abc import Iterator

MEMORY_SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")
SPACE_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
SPACE_SIGN = os.strerror(errno.ENOSPC)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the GPU or the host lacked memory."""
    return any(_lacks_memory(cause) for cause in _causes(error))


def is_out_of_space(error: BaseException) -> bool:
    """Whether a file system was full."""
    return any(_lacks_space(cause) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    torch = sys.modules.get("torch")  # a process without it cannot have raised its errors
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in MEMORY_SIGNS)


def _lacks_space(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in SPACE_NUMBERS
    return SPACE_SIGN in str(error)
