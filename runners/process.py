"""What every model process does before it loads its model."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

import bentoml

from configuration import Configuration, RunnerOptions
from configuration.stages import StageName
from models.errors import WeightsError
from runners.garbage import collect_rarely, keep_for_good
from runners.life.metrics import look_after_folders
from runners.life.worker import is_supervised, leave_when_told
from runners.machine import usable_cores
from runners.memory import (
    allocated_bytes,
    bound_arenas,
    bound_kernel_caches,
    drop_cache,
    gpu_memory,
    limit_memory,
    prepare_allocator,
)
from runners.options import drain_seconds
from runners.roll import StartFailure, one_line, roll_folder, write_failure
from runners.status import Status

if TYPE_CHECKING:
    from models.fast.graphs import GraphRecorder

FAILED_START = 3  # as uvicorn ends a process whose start failed
MAX_THREADS = {"cpu": 8, "cuda": 4}

logger = logging.getLogger(__name__)


def num_threads(options: RunnerOptions, device: str) -> int:
    """CPU threads of one process; a cgroup's quota of processor time counts like missing cores."""
    if options.threads != "auto":
        return options.threads
    return min(usable_cores(), MAX_THREADS[device])


def prepare_process(configuration: Configuration, options: RunnerOptions) -> int:
    """Sets threads, priority and the order of leaving; to be called before torch is imported.

    Opens the GPU, which takes a second, beside whatever is imported next.

    Priority and signals are left alone where the runner lives inside another process (tests).

    Returns:
        The number of threads.
    """
    threads = num_threads(options, configuration.device)
    if bentoml.server_context.worker_index is None:
        return threads
    show_own_logs()
    collect_rarely()
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(threads)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # idle threads that spin would take the cores from other stages
    bound_kernel_caches()
    bound_arenas()
    os.setpriority(os.PRIO_PROCESS, 0, max(options.niceness, os.getpriority(os.PRIO_PROCESS, 0)))
    if configuration.device == "cuda":
        prepare_allocator()
    if is_supervised():
        look_after_folders()
        leave_when_told(drain_seconds(configuration.services, margins=3))
    import torch

    torch.set_num_threads(threads)
    if configuration.device == "cuda":
        limit_memory(configuration.services.memory_limit_gib)
        open_gpu()
    return threads


@cache
def open_gpu() -> None:
    """Has a thread make the process's CUDA context; several stages in one process ask for it once."""
    import torch

    threading.Thread(target=torch.zeros, args=(1,), kwargs={"device": "cuda"}, name="open GPU").start()


def show_own_logs() -> None:
    """Lets this project's INFO lines through BentoML's handlers, which show others' warnings only."""
    for layer in ("service", "gateway", "runners", "validation", "models"):
        logging.getLogger(layer).setLevel(logging.INFO)


def graph_recorder(
    configuration: Configuration, stage: StageName, *, fast_paths: bool
) -> "GraphRecorder | None":
    """What records a stage's kernels in this process; None without a GPU or fast paths.

    One memory pool serves all stages that take turns.
    """
    if not fast_paths or configuration.device != "cuda":
        return None
    return _gpu_recorder("all" if configuration.services.takes_turns(stage) else stage)


@cache
def _gpu_recorder(owner: str) -> "GraphRecorder":
    from models.fast.graphs import GraphRecorder

    return GraphRecorder("cuda")


def _telling_why(start: Callable[[Any], None]) -> Callable[[Any], None]:
    """A runner's `__init__` that tells the first process why it fails.

    Weights that do not fit will not fit the next time: the process ends without the traceback that nobody
    needs then.
    """

    @wraps(start)
    def told(self: Any) -> None:
        try:
            start(self)
        except Exception as error:
            folder = roll_folder()
            if folder is None or bentoml.server_context.worker_index is None:
                raise
            final = isinstance(error, WeightsError)
            reason = one_line(str(error) if final else f"{type(error).__name__}: {error}")
            write_failure(folder, os.getpid(), StartFailure(reason=reason, final=final))
            if not final:
                raise
            logger.error("%s", reason)
            os._exit(FAILED_START)

    return told


class ModelProcess:
    """Base of the runners: says which process answers and on which device."""

    def __init_subclass__(cls) -> None:
        """Has a failing start say why."""
        if "__init__" in vars(cls):
            cls.__init__ = _telling_why(cls.__init__)  # type: ignore[method-assign,assignment]

    device: str = "cpu"
    weights: Mapping[str, int] = {}
    load_seconds: Mapping[str, float] = {}

    @contextmanager
    def loading(self, stage: str, device: str) -> Iterator[None]:
        """Around whatever loads the models: notes what they take, and drops what only loading needed."""
        self.device = device
        before, started = allocated_bytes(device), time.perf_counter()
        yield
        drop_cache(device)
        self.weights = {stage: allocated_bytes(device) - before}
        self.load_seconds = {stage: round(time.perf_counter() - started, 2)}
        gib = self.weights[stage] / 2**30
        logger.info("%s: loaded in %.1f s, %.2f GiB on the GPU", stage, self.load_seconds[stage], gib)

    def warm_up(
        self, stage: str, fast_paths: Sequence[str], run: Callable[[int], object], sizes: Sequence[int]
    ) -> None:
        """Runs fast paths, which build kernels when first called, once per batch size, before any request."""
        if not fast_paths:
            logger.warning("%s: fast_paths has no effect on %s", stage, self.device)
            return
        started = time.perf_counter()
        for size in sorted(sizes, reverse=True):  # later ones fit into the first one's memory
            run(size)
        seconds = time.perf_counter() - started
        logger.info("%s: fast paths %s, warm after %.1f s", stage, ", ".join(fast_paths), seconds)

    @bentoml.on_startup
    def keep_models(self) -> None:
        """Spares collections the models, once they are loaded and warm."""
        keep_for_good()

    @bentoml.api
    async def status(self) -> Status:
        """Answers while the model works, because it runs on the event loop."""
        return Status(
            process=os.getpid(),
            device=self.device,
            weights=dict(self.weights),
            load_seconds=dict(self.load_seconds),
            memory=gpu_memory(self.device),
        )
