"""Python's garbage collector in processes that live as long as the service."""

import gc
import logging

import bentoml

logger = logging.getLogger(__name__)


USUAL = gc.get_threshold()
# New objects between two collections of the young, and how many of those between two of all, in effect none:
# importing torch and its dependencies creates about a million objects.
RARE = (50_000, 10, 1_000)


def collect_rarely() -> None:
    """Looks for garbage seldom, and among new objects only; for a process's start, until `keep_for_good`.

    Imports leave hardly any, and looking for it takes a seventh of their time.
    """
    gc.set_threshold(*RARE)


def keep_for_good() -> None:
    """Freezes all live objects (`gc.freeze`), so that later collections skip them. Call once, after start-up.

    A full collection of the 120,000 objects that the gateway's imports leave behind stops its event loop for
    30 ms of an idle core, and for much longer beside models that keep all cores busy. Nothing happens inside
    another process (tests), whose objects are not ours.
    """
    if bentoml.server_context.worker_index is None:
        return
    gc.collect()
    gc.freeze()
    gc.set_threshold(*USUAL)
    logger.info("%d objects are kept out of garbage collections", gc.get_freeze_count())
