"""A stand-in for RunPod's side of a worker: hands out jobs, takes progress and results, stops jobs."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from tests.stand_ins.http_server import StandIn, serving

POLL_SECONDS = 0.2


@dataclass
class PlatformState:
    """What a worker is given and what it told.

    Attributes:
        waiting: Jobs not yet taken.
        stopping: Jobs to stop.
        told: By job, every report in order; the last one of a job that is done is its result.
        batches: How many jobs were asked for at once.
    """

    waiting: list[dict[str, Any]] = field(default_factory=list)
    stopping: list[str] = field(default_factory=list)
    told: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    batches: list[int] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    def submit(self, job: str, **given: Any) -> None:
        """Puts a job in the queue."""
        with self.changed:
            self.waiting.append({"id": job, "input": given})

    def take(self, count: int) -> list[dict[str, Any]]:
        """Jobs for a worker that asks for some."""
        with self.changed:
            self.batches.append(count)
            taken, self.waiting[:] = self.waiting[:count], self.waiting[count:]
            return taken

    def report(self, job: str, told: dict[str, Any]) -> None:
        """What a worker says of a job."""
        with self.changed:
            self.told[job].append(told)
            self.changed.notify_all()

    def result(self, job: str, seconds: float = 60.0) -> dict[str, Any]:
        """A job's result, waited for."""
        with self.changed:
            assert self.changed.wait_for(lambda: self._done(job), seconds), f"{job}: {self.told[job]}"
            return self._done(job)[0]

    def _done(self, job: str) -> list[dict[str, Any]]:
        return [told for told in self.told[job] if told.get("status") != "IN_PROGRESS"]

    def progress(self, job: str) -> list[Any]:
        """What was told of a job before it was done."""
        return [told["output"] for told in self.told[job] if told.get("status") == "IN_PROGRESS"]


def environment_of(url: str) -> dict[str, str]:
    """What RunPod puts into a worker's environment, pointing here."""
    return {
        "RUNPOD_POD_ID": "worker",
        "RUNPOD_AI_API_KEY": "a-key",
        "RUNPOD_WEBHOOK_GET_JOB": f"{url}/job-take/$ID?gpu=none",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{url}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
        "RUNPOD_WEBHOOK_PING": f"{url}/ping/$RUNPOD_POD_ID",
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",  # of a GPU and of the network, neither of which is here
        "RUNPOD_SKIP_GPU_CHECK": "true",
    }


@contextmanager
def platform(state: PlatformState) -> Iterator[str]:
    """The stand-in's address."""

    class Handler(StandIn):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if "/job-take" in path:
                options = dict(pair.split("=") for pair in query.split("&"))
                jobs = state.take(int(options.get("batch_size", "1")))
                self.tell(jobs if "batch" in path else next(iter(jobs), None))
            elif "/job-stop" in path:
                with state.changed:
                    stopping, state.stopping[:] = list(state.stopping), []
                self.tell({"jobsToStop": stopping} if stopping else None)
            else:
                self.tell({})

        def do_POST(self) -> None:
            state.report(self.path.partition("?")[0].split("/")[-1], json.loads(self.sent()))
            self.tell({})

        def tell(self, content: object) -> None:
            body = json.dumps(content).encode() if content else b""
            status = 200 if content is not None and content != [] else 204
            self.answer(status, body, {"content-type": "application/json"})

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"
