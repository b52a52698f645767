"""CUDA graphs: the kernels of a function, recorded once per shape and replayed by a single launch.

A host that launches 500 small kernels one by one is slower than the GPU that runs them. A replay costs the
host some microseconds, and nothing on the GPU waits between two kernels.

Inputs are copied into buffers that stay where they are, results are copied out, so callers see ordinary
tensors. All recordings of a recorder share one memory pool: they must not run at the same time, which a lock
sees to. On a CPU the same buffers are used and the function is simply called: results are those of the
recorded kernels up to rounding, and tests need no GPU.
"""

import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor, ...]]
WARM_UP_RUNS = 2  # compilers and libraries choose their kernels in the first ones


@dataclass(slots=True)
class _Storage:
    """Memory for one input or output of a group, and whose values lie there now."""

    values: Tensor
    source: "weakref.ref[Tensor] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Buffer:
    """The part of a storage that one shape takes."""

    storage: _Storage
    values: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording:
    graph: torch.cuda.CUDAGraph | None
    inputs: tuple[_Buffer, ...]
    outputs: tuple[_Buffer, ...]


class GraphRecorder:
    """Records functions of tensors, and replays them."""

    # Process-wide: the allocator frees nothing during a capture on any stream.
    _one_records = threading.Lock()

    def __init__(self, device: torch.device | str) -> None:
        """Makes the pool; nothing is recorded yet."""
        self._device = torch.device(device)
        on_gpu = self._device.type == "cuda"
        self._pool = torch.cuda.graph_pool_handle() if on_gpu else None
        self._stream = torch.cuda.Stream(self._device) if on_gpu else None
        self._lock = threading.Lock()
        self._storages: dict[Hashable, list[_Storage]] = {}
        self._recordings: dict[tuple[str, Hashable, Hashable], _Recording] = {}

    @property
    def num_recordings(self) -> int:
        return len(self._recordings)

    def run(
        self,
        group: str,
        key: Hashable,
        function: Function,
        inputs: Sequence[Tensor],
        *,
        short: Function | None = None,
    ) -> tuple[Tensor, ...]:
        """What `function(*inputs)` gives, by replaying its kernels.

        Args:
            group: Whose function it is; in a group, inputs of the same place, shape and type share a buffer.
            key: Tells functions of the same group and input shapes apart.
            function: Of tensors alone, without any wait for the GPU; whatever else it reads must stay where
                it is and must not change.
            inputs: Not to be changed in place between two calls: a tensor that was the last one in its place
                is not copied again.
            short: Launches each kernel of `function` at least once, for results of the same shapes. It
                prepares further shapes in its place; by default `function` does.

        Returns:
            New tensors, the caller's own.
        """
        shapes = tuple((tuple(x.shape), x.dtype) for x in inputs)
        with self._lock, torch.inference_mode(False), torch.no_grad():
            recording = self._recordings.get((group, key, shapes))
            if recording is None:
                with self._one_records:
                    recording = self._record(group, key, function, inputs, short or function)
                self._recordings[group, key, shapes] = recording
            self._fill(recording.inputs, inputs)
            if recording.graph is None:
                return tuple(out.clone() for out in function(*_values(recording.inputs)))
            recording.graph.replay()
            return tuple(out.clone() for out in _values(recording.outputs))

    def _record(
        self, group: str, key: Hashable, function: Function, inputs: Sequence[Tensor], short: Function
    ) -> _Recording:
        places = tuple(self._buffer((group, "in", place), x) for place, x in enumerate(inputs))
        if self._pool is None:
            return _Recording(graph=None, inputs=places, outputs=())
        self._fill(places, inputs)
        values = _values(places)
        known = any(recorded[:2] == (group, key) for recorded in self._recordings)
        for prepare in (short,) if known else (function,) * WARM_UP_RUNS:
            made = prepare(*values)
        results = tuple(self._buffer((group, "out", place), out) for place, out in enumerate(made))
        del made
        torch.cuda.synchronize(self._device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(self._stream):  # not `torch.cuda.graph`, which collects garbage each time
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                torch._foreach_copy_(list(_values(results)), list(function(*values)))
            finally:
                graph.capture_end()
        torch.cuda.empty_cache()  # what the warm-up took lies in the graphs' own pool as well
        return _Recording(graph=graph, inputs=places, outputs=results)

    def _buffer(self, place: tuple[str, str, int], x: Tensor) -> _Buffer:
        """A place for `x` in the first storage that is large enough: record large shapes first."""
        storages = self._storages.setdefault((*place, x.dtype), [])
        storage = next((some for some in storages if some.values.numel() >= x.numel()), None)
        if storage is None:
            storage = _Storage(torch.empty(x.numel(), dtype=x.dtype, device=x.device))
            storages.append(storage)
        return _Buffer(storage=storage, values=storage.values[: x.numel()].view(x.shape))

    def _fill(self, buffers: Sequence[_Buffer], inputs: Sequence[Tensor]) -> None:
        stale = [
            (buffer, x)
            for buffer, x in zip(buffers, inputs, strict=True)
            if buffer.storage.source is None or buffer.storage.source() is not x
        ]
        if stale:
            torch._foreach_copy_([buffer.values for buffer, _ in stale], [x for _, x in stale])
        for buffer, x in stale:
            buffer.storage.source = weakref.ref(x)


def _values(buffers: Sequence[_Buffer]) -> tuple[Tensor, ...]:
    return tuple(buffer.values for buffer in buffers)
