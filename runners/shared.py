"""Several stages in one process: one CUDA context, one allocator.

The stages that `services.shared` names run here instead of in processes of their own, behind the same batched
methods. On a GPU that is nearly full their models take turns, so that the memory in work is the largest
stage's and not the sum; only finishing, small in memory and long in time, works beside them. Where there is
room each has a stream instead: kernels of several stages run at once, while a GPU time-slices between
processes, and each switch costs time.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import bentoml

from configuration import Configuration, load_configuration
from configuration.stages import STAGES, Operation, StageName, entry_of
from runners.ahead import importing
from runners.batching import runner_batch
from runners.jobs import Job, Result
from runners.options import shared_service
from runners.process import ModelProcess
from runners.stages import job_of, result_of, service_of
from runners.turns import BEFORE_OTHERS

CONFIGURATION = load_configuration()
SERVICES = CONFIGURATION.services
BESIDE = "_beside"
R = TypeVar("R", bound=ModelProcess)
G = TypeVar("G")
Place = Callable[[StageName], AbstractContextManager[object]]


def _with_methods(runner: type[R]) -> type[R]:
    """Gives the shared process a method for each operation, and a second one where batches overlap."""
    for stage in STAGES:
        for operation in stage.operations:
            own = f"{stage.name}_{operation.method}"
            for name in (own, own + BESIDE) if operation.overlaps else (own,):
                setattr(runner, name, _method(stage.name, operation, name))
    return runner


def _method(stage: StageName, operation: Operation, name: str) -> Any:
    def method(self: "SharedRunner", jobs: Sequence[Job]) -> list[Result]:
        return self._run(stage, operation.method, jobs)

    method.__name__, method.__doc__ = name, f"{stage}: `{operation.method}`."
    method.__annotations__ = {"jobs": list[job_of(operation)], "return": list[result_of(operation)]}  # type: ignore[misc]
    return bentoml.api(**runner_batch(SERVICES.of(stage)))(method)


@bentoml.service(name="shared_models", **shared_service(SERVICES))
@_with_methods
class SharedRunner(ModelProcess):
    """Holds the models of every shared stage; each method is one of a stage's, under that stage's name."""

    def __init__(self) -> None:
        """Loads the models one stage after the other; torch comes with the first."""
        first, *later = SERVICES.shared
        self._stages = {first: service_of(first).inner()}
        with importing(later):
            self._stages |= {name: service_of(name).inner() for name in later}
        self._place = _turns() if SERVICES.turns else _streams_of(SERVICES.shared)
        self.device = CONFIGURATION.device
        self.weights = {name: size for stage in self._stages.values() for name, size in stage.weights.items()}
        self.load_seconds = {
            name: seconds for stage in self._stages.values() for name, seconds in stage.load_seconds.items()
        }

    def _run(self, name: StageName, method: str, jobs: Sequence[Any]) -> list[Any]:
        work: Callable[[Sequence[Any]], list[Any]] = getattr(self._stages[name], method)
        with self._place(name):
            return work(jobs)


def runner_of(configuration: Configuration, stage: StageName) -> Any:
    """The service that runs a stage."""
    return SharedRunner if stage in configuration.services.shared else service_of(stage)


def methods_of(configuration: Configuration, stage: StageName) -> Mapping[type[Job], tuple[str, ...]]:
    """The names of the methods in that service by the type of their jobs; several can be at work at once."""
    operations = entry_of(stage).operations
    return {job_of(operation): _names(configuration, stage, operation) for operation in operations}


def _names(configuration: Configuration, stage: StageName, operation: Operation) -> tuple[str, ...]:
    services = configuration.services
    name = f"{stage}_{operation.method}" if stage in services.shared else operation.method
    overlaps = operation.overlaps and getattr(configuration, stage).overlap
    return (name, name + BESIDE) if overlaps and not services.takes_turns(stage) else (name,)


def _turns() -> Place:
    """One stage at a time, and beside it finishing, or whatever else need not wait."""
    turn = threading.Lock()
    own_turns = {stage.name: threading.Lock() for stage in STAGES if stage.works_beside}
    return lambda stage: own_turns.get(stage, turn)


def _streams_of(stages: Sequence[StageName]) -> Place:
    """Each stage's own stream; the short ones' kernels come before those of the flows, which fill a GPU."""
    if CONFIGURATION.device != "cuda":
        return lambda stage: nullcontext()
    import torch

    torch.cuda.synchronize()  # loading used another stream
    streams = {
        stage: torch.cuda.Stream(priority=0 if entry_of(stage).fills_gpu else BEFORE_OTHERS)
        for stage in stages
    }
    return lambda stage: torch.cuda.stream(streams[stage])


def with_runners(gateway: type[G]) -> type[G]:
    """Has a gateway depend on the service of each stage, as an attribute of the stage's name."""
    for stage in STAGES:
        setattr(gateway, stage.name, bentoml.depends(runner_of(CONFIGURATION, stage.name)))
    return gateway
