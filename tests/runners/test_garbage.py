"""Collections leave alone what lives as long as the process."""

import gc
import weakref

import bentoml
import pytest

from runners.garbage import collect_rarely, keep_for_good


class Node:
    """Can be part of a cycle."""

    def __init__(self) -> None:
        self.itself = self


def test_later_collections_look_at_new_objects_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bentoml.server_context, "worker_index", 1)
    node, before, usual = Node(), len(gc.get_objects()), gc.get_threshold()
    try:
        collect_rarely()
        assert gc.get_threshold() > usual
        keep_for_good()
        assert gc.get_threshold() == usual
        assert len(gc.get_objects()) < 0.1 * before
        new = Node()
        alive = weakref.ref(new)
        del new
        gc.collect()
        assert alive() is None
        assert node.itself is node
    finally:
        gc.unfreeze()


def test_a_process_that_is_not_ours_is_left_alone() -> None:
    keep_for_good()
    assert gc.get_freeze_count() == 0
