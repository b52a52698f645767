"""Compilation of the CPU kernels."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

logger = logging.getLogger(__name__)

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(*, fastmath: bool | set[str] = False) -> Callable[[Function], Function]:
    """Compile a function to machine code when it is first called, and keep the code on disk where possible.

    Numba looks for a writable place beside the source, then in the user's cache folder (its own setting
    `NUMBA_CACHE_DIR` goes before both). Where there is none, say in a read-only container, every process
    compiles for itself, which costs some seconds at start and nothing else. Kernels release the interpreter
    lock.

    Args:
        fastmath: LLVM's floating-point liberties, all or the named ones.
    """

    def decorate(function: Function) -> Function:
        try:
            compiled = numba.njit(nogil=True, cache=True, fastmath=fastmath)(function)
        except RuntimeError as error:
            logger.warning("kernel %s will be compiled by every process: %s", function.__name__, error)
            compiled = numba.njit(nogil=True, fastmath=fastmath)(function)
        return cast("Function", compiled)

    return decorate
