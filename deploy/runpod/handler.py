"""RunPod serverless: jobs in, objects out.  python -m deploy.runpod.handler

Starts the service as a child on the loopback, waits until it is warm, and only then takes jobs; each job is
one request to it. So admission, deadlines, retries and restarts are the service's, bytes are those of its
HTTP answers, and `runpod` needs not fit into its environment (it does not).

    MINER_PYTHON         the service's interpreter (default: this one)
    MINER_UPLOAD_HOSTS   hosts that results may be put at, separated by commas (default: none)
    MINER_INLINE_BYTES   largest file inside an answer (default 7000000: base64 makes 9.3 of RunPod's 10 MB)
    MINER_SERVICE_PORT   the child's port on the loopback (default 8093)
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.runpod.child import ServiceLimits, running_service
from deploy.runpod.orders import Order, read_order
from deploy.runpod.progress import follow
from deploy.runpod.results import Result, delivered, error_of, failed
from deploy.runpod.uploads import UploadRules
from gateway.errors import HttpError

MARGIN_SECONDS = 5.0  # beyond the service's own deadline, which answers first
INLINE_BYTES = 7_000_000
PORT = 8093


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Turns jobs into requests.

    Attributes:
        url: The service.
        limits: Its own.
        rules: Where results may be put.
        inline_bytes: Largest file inside an answer.
    """

    url: str
    limits: ServiceLimits
    rules: UploadRules
    inline_bytes: int

    async def handle(self, job: Mapping[str, Any]) -> Result:
        """The result of one job; cancelling it ends the request, and so the service's work."""
        try:
            order = read_order(job.get("input"), self.rules)
        except HttpError as error:
            return failed(error)
        seconds = self.limits.deadline(quick=order.is_quick) + MARGIN_SECONDS
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=None) as client:
                reply = await self._ask(client, order, job, seconds)
            async with httpx.AsyncClient() as store:
                return await delivered(reply, order, store, self.rules, self.inline_bytes)
        except TimeoutError:
            return failed(HttpError(504, f"the job was not done within {seconds:g} s"))
        except HttpError as error:
            return failed(error)
        except httpx.TransportError as error:  # the service is gone: a fresh worker is the cure
            return failed(HttpError(500, f"the service is gone: {type(error).__name__}")) | {
                "refresh_worker": True
            }

    async def _ask(
        self, client: httpx.AsyncClient, order: Order, job: Mapping[str, Any], seconds: float
    ) -> httpx.Response:
        """The service's 200 or 204; a 503 is asked again when it says so, while there is time.

        Raises:
            HttpError: Any other answer.
            TimeoutError: None came in time.
        """
        headers = {"X-Progress-Id": str(job["id"])}
        ended = asyncio.Event()
        watcher = asyncio.create_task(follow(client, self.url, job, ended))
        try:
            async with asyncio.timeout(seconds) as deadline:
                while True:
                    reply = await client.post(self.url + order.path, data=dict(order.fields), headers=headers)
                    if reply.status_code in (httpx.codes.OK, httpx.codes.NO_CONTENT):
                        return reply
                    pause = _retry_after(reply)
                    if pause is None or asyncio.get_running_loop().time() + pause > (deadline.when() or 0):
                        raise error_of(reply)
                    await asyncio.sleep(pause)
        finally:
            ended.set()
            await watcher


def _retry_after(reply: httpx.Response) -> float | None:
    """Seconds after which the same request may succeed; None if it will not."""
    if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
        return None
    told = reply.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else None


def _number(variable: str, default: int) -> int:
    told = os.environ.get(variable) or str(default)
    if not told.isascii() or not told.isdecimal():
        sys.exit(f"{variable} must be a whole number, not {told!r}")
    return int(told)


def main() -> None:
    """Starts the service, then takes jobs until told to end."""
    os.environ.setdefault("RUNPOD_LOG_LEVEL", "INFO")  # else runpod logs each prompt, and each file twice
    import runpod

    signal.signal(
        signal.SIGTERM, lambda number, _: sys.exit(128 + number)
    )  # the child must not be left behind

    try:
        rules = UploadRules.of(os.environ.get("MINER_UPLOAD_HOSTS", ""))
    except ValueError as error:
        sys.exit(f"MINER_UPLOAD_HOSTS: {error}")
    port, inline_bytes = _number("MINER_SERVICE_PORT", PORT), _number("MINER_INLINE_BYTES", INLINE_BYTES)
    python = os.environ.get("MINER_PYTHON") or sys.executable
    started = time.monotonic()
    limits = ServiceLimits.ask(python)
    with running_service(python, port) as url:
        print(f"the service is warm after {time.monotonic() - started:.1f} s; taking jobs", flush=True)
        worker = Worker(
            url=url,
            limits=limits,
            rules=rules,
            inline_bytes=inline_bytes,
        )
        runpod.serverless.start(
            {"handler": worker.handle, "concurrency_modifier": lambda current: limits.concurrency}
        )


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[2])
    main()
