"""Imports of later stages, beside the work that the GPU does for the first ones.

A process that holds several stages loads one after the other. While one records its kernels, the libraries of
the next ones (open_clip takes 2 to 3 s) can be read.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from configuration.stages import StageName, entry_of

logger = logging.getLogger(__name__)


@contextmanager
def importing(stages: Sequence[StageName]) -> Iterator[None]:
    """A block beside which a thread imports what these stages name in the table, in their order.

    A module that cannot be imported is reported by the stage itself, which imports it again.
    """
    modules = [module for stage in stages for module in entry_of(stage).imports]
    thread = threading.Thread(target=_import, args=(modules,), name="import ahead")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        try:
            import_module(module)
        except Exception as error:  # the stage's own import raises it where it is told
            logger.info("cannot import %s ahead: %r", module, error)
            return
