"""The service's first process, which starts and ends all others: all that we change of BentoML's.

    a signal to end -> the gateways finish what they have in work and refuse the rest -> the runners
    its own death   -> all others die at once (`runners.life.entry`)

BentoML ends all processes at once, after it removed the sockets through which the gateway reaches the
runners, and waits a day for one that hangs. It hands every process all sockets, and takes commands on two
open ports. A closed terminal makes it start everything anew, and a signal that comes while it looks after its
processes is lost.
"""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import psutil
from bentoml._internal.utils import circus as arbiters
from circus.exc import ConflictError

from runners.life import entry
from runners.life.entry import SUPERVISOR_VARIABLE
from runners.life.folders import TEMPORARY, OwnFolder, hold, remove_dead_folders
from runners.life.metrics import METRICS_VARIABLE, MetricsFolder
from runners.life.worker import GATEWAY_VARIABLE, TOLD
from runners.roll_keeper import RollKeeper

MAIN, LISTENING = "service", "_bento_api_server"  # BentoML's names of a watcher and a socket
GATEWAY = "fast_3d_miner"  # the service; where each has a server of its own, a runner can be the main one
RUNNER_SECONDS = 5.0  # nobody needs a runner once the gateways are gone
SAME_SIGNAL_SECONDS = 0.1  # `timeout` signals a process and then its group: that is no second signal
BUSY_SECONDS = 0.05
KILL_SECONDS = 3.0


def supervise(drain_seconds: float, folders: Sequence[Path]) -> None:
    """Has BentoML start and end the processes of this one our way.

    Args:
        drain_seconds: A gateway that is still at work after that is ended.
        folders: Where processes that were killed leave files; looked through at the end.
    """
    arbiters.Arbiter = partial(  # type: ignore[misc,assignment]
        Supervisor, drain_seconds=drain_seconds, folders=folders
    )


BentoArbiter = arbiters.Arbiter


class Supervisor(BentoArbiter):
    """BentoML's arbiter, with an order of leaving."""

    def __init__(
        self, watchers: list[Any], *, drain_seconds: float, folders: Sequence[Path], **options: Any
    ) -> None:
        """Prepares the processes to start.

        Args:
            watchers: BentoML's; each starts processes of one kind.
            drain_seconds: See `supervise`.
            folders: See `supervise`.
            options: BentoML's.
        """
        self._drain_seconds, self._asked = drain_seconds, 0.0
        self._roots = {TEMPORARY, *folders}
        self._controls, self._metrics = OwnFolder(TEMPORARY), MetricsFolder()
        options["endpoint"] = f"ipc://{self._controls.path}/control"
        options["pubsub_endpoint"] = f"ipc://{self._controls.path}/events"
        keeps_hangups_out = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # as nohup does
        super().__init__(watchers, **options)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self._on_signal)
        if keeps_hangups_out:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._roll = OwnFolder(TEMPORARY)
        self._keeper = RollKeeper(self._roll.path)
        self._keeper.listen(self)
        for watcher in self.watchers:
            self._prepare(watcher)
        self._socket_folders = {Path(found.path).parent for found in self.sockets.values() if found.path}
        for folder in self._socket_folders:
            hold(folder)

    def _prepare(self, watcher: Any) -> None:
        watcher.env |= {SUPERVISOR_VARIABLE: str(os.getpid()), METRICS_VARIABLE: str(self._metrics.path)}
        if watcher.args and watcher.args[0] == "-m":  # all but BentoML's plugins
            watcher.args = [entry.__file__, *watcher.args[1:]]
        watcher.hooks["before_spawn"] = self._pass_on_own_socket
        self._keeper.follow(watcher)
        if not is_gateway(watcher):
            watcher.stop_signal = TOLD
            watcher.env[GATEWAY_VARIABLE] = "1"

    def _pass_on_own_socket(self, watcher: Any, **_: Any) -> bool:
        """A process gets no socket but the one it listens on, or it would keep others' ports open."""
        for name, found in self.sockets.items():
            found.set_inheritable(f"$(circus.sockets.{name})" in (watcher.args or ()))
        return True

    def start(self, cb: Any = None) -> None:
        """Starts all processes; returns when all have left."""
        try:
            super().start(cb)
        except RuntimeError as error:  # where BentoML starts nothing again (containers), it ends like this
            raise self._keeper.verdict or error from None
        finally:
            self.exit_stack.close()
            self._leave_nothing()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if not self._asked:
            self._asked = time.monotonic()
            self.loop.add_callback_from_signal(self._stop_when_free)
        elif number != signal.SIGHUP and time.monotonic() > self._asked + SAME_SIGNAL_SECONDS:
            self._end_at_once(number)

    async def _stop_when_free(self) -> None:
        """Stops, once the arbiter has done what it is doing."""
        while True:
            with suppress(ConflictError):
                await self.stop()
                return
            await asyncio.sleep(BUSY_SECONDS)

    def stop(self) -> Any:
        """Ends all processes; unlike BentoML's, leaves the sockets between them until they are gone."""
        return super(BentoArbiter, self).stop()

    async def _stop_watchers(self, close_output_streams: bool = False, watcher_iter_func: Any = None) -> None:
        """Ends the gateways, and then the runners that they still need."""
        if self._stopping:  # and not starting them again
            self.sockets[LISTENING].close()  # the gateways hold it for as long as they answer
        watchers = (watcher_iter_func or self.iter_watchers)(reverse=False)
        gateways = [watcher for watcher in watchers if is_gateway(watcher)]
        runners = [watcher for watcher in watchers if not is_gateway(watcher)]
        runner_seconds = RUNNER_SECONDS if gateways else self._drain_seconds  # another host's may need it
        for group, seconds in ((gateways, self._drain_seconds), (runners, runner_seconds)):
            for watcher in group:
                watcher.graceful_timeout = seconds
            await asyncio.gather(*(watcher._stop(close_output_streams) for watcher in group))

    def _end_at_once(self, number: int) -> NoReturn:
        """What a second signal asks for: nobody is waited for."""
        others = psutil.Process().children(recursive=True)
        for process in others:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(others, timeout=KILL_SECONDS)  # until then they hold their folders
        self._leave_nothing()
        os._exit(128 + number)

    def _leave_nothing(self) -> None:
        for folder in self._socket_folders:
            shutil.rmtree(folder, ignore_errors=True)
        for own in (self._controls, self._metrics, self._roll):
            own.close()
        for root in self._roots:
            remove_dead_folders(root)


def is_gateway(watcher: Any) -> bool:
    """Whether a watcher's processes speak to the world, not to a gateway."""
    return watcher.name == MAIN and GATEWAY in (watcher.args or ())
