"""One request from admission to response."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from bentoml.exceptions import BentoMLException
from starlette.responses import Response

from configuration.schema import GatewayOptions
from gateway.attempts import Outcome
from gateway.errors import HttpError
from gateway.judging import VERDICT, JudgingRequest, judged
from gateway.metrics import IN_WORK, RESULTS
from gateway.pipeline import Pipeline
from gateway.request import GenerationRequest, Work
from gateway.responses import Responses
from gateway.runner_client import StageFailedError
from gateway.scores import score_headers
from gateway.stopwatch import Stopwatch
from runners.handover import Handover, HandoverError
from runners.jobs import FailureKind
from runners.shortages import is_out_of_space

# Failures of a stage that say nothing of the request: another time it may well succeed.
PASSING: Mapping[FailureKind, str] = {
    "out_of_memory": "out_of_memory",
    "no_space": "no_space",
    "stage_lost": "stage_lost",
    "abandoned": "handover_lost",  # the request still waits, so its files went some other way
}

logger = logging.getLogger(__name__)


class Admission:
    """Admits requests, keeps their deadline, and answers them whatever happens."""

    def __init__(
        self,
        pipeline: Pipeline,
        responses: Responses,
        handover: Handover,
        options: GatewayOptions,
        lack: Callable[[Sequence[str]], str | None],
    ) -> None:
        """Takes the ways to an object and to its response, the files, the limits, and who knows what lacks.

        Args:
            pipeline: Makes the object.
            responses: Makes the response of it.
            handover: Reserves files.
            options: The limits.
            lack: Says what some formats lack to be made; None if nothing.
        """
        self._pipeline = pipeline
        self._responses = responses
        self._handover = handover
        self._options = options
        self._lack = lack
        self._in_work = 0
        self.is_closed = False

    @property
    def is_idle(self) -> bool:
        """Whether no request is in work."""
        return self._in_work == 0

    def close(self) -> None:
        """Admits nobody any more, because the service leaves."""
        self.is_closed = True

    async def answer(self, request: GenerationRequest) -> Response:
        """The response to one request; never raises."""
        options = self._options
        seconds = options.deadline_seconds if request.is_quick else options.video_deadline_seconds
        return await self._answered(request.formats, seconds, partial(self._make, request))

    async def judge(self, request: JudgingRequest) -> Response:
        """The verdict on a file; never raises."""
        return await self._answered((VERDICT,), self._options.deadline_seconds, partial(self._judge, request))

    async def _answered(
        self, products: Sequence[str], seconds: float, make: Callable[[Stopwatch], Awaitable[Response]]
    ) -> Response:
        """What `make` gives, or why it cannot."""
        watch = Stopwatch(seconds)
        try:
            with self._admitted(products):
                async with asyncio.timeout(seconds):
                    response = await make(watch)
        except TimeoutError:
            response = HttpError(504, f"the result was not ready within {seconds:g} s").response()
        except HttpError as error:
            response = error.response()
        except Exception as error:  # the boundary of the process: everything becomes a response
            response = self._explain(error).response()
        response.headers["Server-Timing"] = watch.header()
        if watch.cuts:
            response.headers["X-Prompt-Truncated"] = ", ".join(watch.cuts)
        RESULTS.labels(response.status_code).inc()
        return response

    async def _make(self, request: GenerationRequest, watch: Stopwatch) -> Response:
        with self._handover.reserve() as files:
            work = Work(request=request, files=files, watch=watch)
            outcome = await self._pipeline.make_ply(work, spare_seconds=partial(self._spare_seconds, watch))
            response = await self._responses.respond(work) if outcome.rejection is None else rejected(outcome)
        response.headers.update({"X-Seed": str(outcome.seed), **score_headers(outcome.verdict)})
        return response

    async def _judge(self, request: JudgingRequest, watch: Stopwatch) -> Response:
        try:
            with self._handover.reserve() as files:
                return await judged(request, files, watch, self._pipeline.stages)
        except StageFailedError as error:
            if error.failure.kind == "empty_matte":
                raise HttpError(422, f"the picture shows no object: {error.failure.detail}") from error
            raise

    def _spare_seconds(self, watch: Stopwatch) -> float:
        """Half of what is left of one request's time, nothing while others are in work."""
        return 0.0 if self._in_work > 1 else max(0.0, watch.remaining) / 2

    @contextmanager
    def _admitted(self, formats: Sequence[str]) -> Iterator[None]:
        if self.is_closed:
            raise self._busy("the service is leaving", code="leaving")
        if (lack := self._lack(formats)) is not None:
            raise self._busy(lack, code="not_ready")
        if self._in_work >= self._options.concurrency:
            raise self._busy(f"{self._in_work} requests are in work", code="overloaded")
        self._in_work += 1
        try:
            with IN_WORK.track_inprogress():
                yield
        finally:
            self._in_work -= 1

    def _busy(self, detail: str, *, code: str) -> HttpError:
        return HttpError(
            503, detail, code=code, headers={"Retry-After": str(self._options.retry_after_seconds)}
        )

    def _explain(self, error: Exception) -> HttpError:
        if isinstance(error, BentoMLException) and error.error_code == 503:
            return self._busy("a model process is overloaded", code="overloaded")
        if isinstance(error, HandoverError):
            logger.warning("%s", error)
            return self._busy(str(error), code=error.code)
        if isinstance(error, StageFailedError) and error.failure.kind in PASSING:
            logger.warning("a request failed for now: %s", error)
            return self._busy(f"{error.stage}: {error.failure.detail}", code=PASSING[error.failure.kind])
        if is_out_of_space(error):
            logger.warning("a request failed for now: %s", error)
            return self._busy("no space left for its files", code="no_space")
        logger.error("a request failed", exc_info=error)
        return HttpError(500)


def rejected(outcome: Outcome) -> Response:
    """204 with the reason, and what it is about in a word; header values are Latin-1 without line breaks."""
    reason = " ".join((outcome.rejection or "").split()).encode("latin-1", "replace").decode("latin-1")
    headers = {"X-Reject-Reason": reason}
    if outcome.failed is not None:
        headers["X-Reject-Gate"] = outcome.failed
    return Response(status_code=204, headers=headers)
