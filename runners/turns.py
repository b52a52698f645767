"""Serialises the flows; clean-up and file writing of one object overlap with the flows of the next.

    generate          [flows of 1][clean-up, file, answer]          [flows of 3][...
    generate_beside               [flows of 2          ][clean-up, file, answer]

A GPU that already has the next object's kernels does not wait while the host looks at the last one's splats,
writes their file, answers and gets another job. Such work has a stream of its own: in the models' it would
come after all that the next object's flows have put there.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BEFORE_OTHERS = -1  # the priority of short kernels: a flow's would fill the GPU for hundreds of ms


class Turn:
    """The right to the models.

    Attributes:
        waited: Seconds until it came.
    """

    def __init__(self, held: ExitStack, waited: float, *, overlap: bool) -> None:
        """Takes what gives the models free."""
        self.waited = waited
        self._held = held
        self._overlap = overlap

    def pass_on(self) -> None:
        """Lets the next job have the models, if jobs may overlap; else they are kept until the end."""
        if self._overlap:
            self._held.close()


class Turns:
    """Who may use the models."""

    def __init__(self, device: "torch.device", *, overlap: bool) -> None:
        """Makes the stream.

        Args:
            device: The models'.
            overlap: Whether a job may begin while the last one is being finished.
        """
        import torch

        self._lock = threading.Lock()
        self._overlap = overlap
        beside = overlap and device.type == "cuda"
        self._stream = torch.cuda.Stream(device, priority=BEFORE_OTHERS) if beside else None

    @contextmanager
    def taken(self) -> Iterator[Turn]:
        """Waits for the models; they are free again at the end of the block, unless passed on before."""
        started = time.perf_counter()
        with ExitStack() as held:
            held.enter_context(self._lock)
            yield Turn(held, time.perf_counter() - started, overlap=self._overlap)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Where a job is finished, and is when the block ends; what it looks at must be computed already."""
        if self._stream is None:
            yield
            return
        import torch

        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            self._stream.synchronize()
