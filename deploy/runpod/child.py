"""The service as a child process of the worker, in its own Python environment."""

import json
import os
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Self

from command_line.places import ROOT
from scripts.local_service import SERVICE, local_service

READY_SECONDS = 900.0  # a first start builds kernels
QUESTION = """
import json
import os
from configuration import load_configuration
gateway = load_configuration().services.gateway
places = gateway.concurrency * gateway.workers
print(json.dumps([places, gateway.deadline_seconds, gateway.video_deadline_seconds]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLimits:
    """What the service's configuration says.

    Attributes:
        concurrency: Requests in work at once.
        deadline_seconds: For a PLY or SPZ.
        video_deadline_seconds: For all else.
    """

    concurrency: int
    deadline_seconds: float
    video_deadline_seconds: float

    @classmethod
    def ask(cls, python: str) -> Self:
        """Has the service's own interpreter read its configuration.

        Raises:
            SystemExit: It cannot; the message is the service's.
        """
        done = subprocess.run([python, "-c", QUESTION], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            told = done.stderr.strip().splitlines() or [f"{python} ended with {done.returncode}"]
            raise SystemExit(f"the service cannot start: {told[-1]}")
        concurrency, deadline, video_deadline = json.loads(done.stdout.splitlines()[-1])
        return cls(concurrency=concurrency, deadline_seconds=deadline, video_deadline_seconds=video_deadline)

    def deadline(self, *, quick: bool) -> float:
        """Seconds that a request may take."""
        return self.deadline_seconds if quick else self.video_deadline_seconds


def running_service(python: str, port: int) -> AbstractContextManager[str]:
    """The service's address, inside the block and once it is warm; its log goes where the worker's goes."""
    environment = dict(os.environ)
    # Where it is set, BentoML ends the whole service when one model process dies.
    environment.pop("BENTOML_CONTAINERIZED", None)
    return local_service(
        port,
        None,
        target=environment.get("MINER_SERVICE") or SERVICE,
        environment=environment,
        ready_seconds=READY_SECONDS,
        python=python,
    )
