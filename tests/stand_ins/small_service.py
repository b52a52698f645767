"""The supervisor with two processes that load nothing: python small_service.py LOG DRAIN GATEWAY RUNNER.

Each of the two names what the process does when it is asked to leave: `leave` after a moment, or `stay`.
"""

import sys
from pathlib import Path

from _bentoml_impl.server.serving import API_SERVER_NAME
from bentoml._internal.utils.circus import create_standalone_arbiter
from bentoml.serving import create_watcher
from circus.sockets import CircusSocket

from runners.life import supervisor
from runners.life.worker import TOLD

PROCESS = "tests.stand_ins.small_process"


def main() -> None:
    """Serves until it is asked to leave."""
    log, drain, gateway, runner = sys.argv[1:]
    supervisor.RUNNER_SECONDS = 1.0
    supervisor.supervise(float(drain), [])
    parts = {
        supervisor.MAIN: (supervisor.GATEWAY, API_SERVER_NAME, 15, gateway),
        "service_x": ("x", "x", int(TOLD), runner),
    }
    watchers = [
        create_watcher(
            name=name,
            args=["-m", PROCESS, name, str(ask), answer, log, f"$(circus.sockets.{socket})", service],
        )
        for name, (service, socket, ask, answer) in parts.items()
    ]
    sockets = [
        CircusSocket(name=API_SERVER_NAME, host="127.0.0.1", port=0),
        CircusSocket(name="x", path=str(Path(log).parent / "sockets" / "x")),
    ]
    arbiter = create_standalone_arbiter(watchers, sockets=sockets)
    Path(f"{log}.endpoints").write_text(f"{arbiter.endpoint} {arbiter.pubsub_endpoint}")
    arbiter.start()


if __name__ == "__main__":
    main()
