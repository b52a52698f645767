"""Deadline, admission and overload, without models."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bentoml.exceptions import ServiceUnavailable
from starlette.responses import Response

from configuration.schema import GatewayOptions
from gateway.admission import Admission
from gateway.attempts import Outcome
from gateway.request import GenerationRequest, Work
from runners.handover import Handover
from tests.stand_ins.gateway_options import OPTIONS


class SlowPipeline:
    """Takes a given time, or raises."""

    def __init__(self, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.seconds = seconds
        self.error = error

    async def make_ply(self, work: Work, **_: object) -> Outcome:
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return Outcome(seed=work.request.seed, rejection=None)


@pytest.fixture
def handover(tmp_path: Path) -> Iterator[Handover]:
    handover = Handover(tmp_path)
    yield handover
    handover.close()


class Responses:
    """Makes responses."""

    async def respond(self, work: Work) -> Response:
        return Response(b"ply")


def admission(
    handover: Handover, pipeline: SlowPipeline, *, is_ready: bool = True, options: GatewayOptions = OPTIONS
) -> Admission:
    lack = None if is_ready else "matting: gone"
    return Admission(pipeline, Responses(), handover, options, lambda formats: lack)  # type: ignore[arg-type]


async def ask(admission: Admission, *formats: str) -> Response:
    return await admission.answer(GenerationRequest(prompt="mug", seed=1, formats=formats or ("ply",)))


async def test_a_missed_deadline_is_504_and_leaves_no_file(handover: Handover, tmp_path: Path) -> None:
    options = replace(OPTIONS, deadline_seconds=0.05)
    reply = await ask(admission(handover, SlowPipeline(5.0), options=options))
    assert reply.status_code == 504
    assert json.loads(bytes(reply.body))["error"] == "deadline_exceeded"
    assert not any(name.endswith(".ply") for _, _, names in os.walk(tmp_path) for name in names)


@pytest.mark.parametrize(
    ("formats", "status"), [(("ply",), 504), (("ply", "spz"), 504), (("ply", "glb"), 200), (("mp4",), 200)]
)
async def test_films_and_meshes_have_the_longer_deadline(
    handover: Handover, formats: tuple[str, ...], status: int
) -> None:
    options = replace(OPTIONS, deadline_seconds=0.05, video_deadline_seconds=30.0)
    assert (
        await ask(admission(handover, SlowPipeline(0.3), options=options), *formats)
    ).status_code == status


async def test_the_request_above_the_limit_is_503_with_retry_after_and_the_next_one_works(
    handover: Handover,
) -> None:
    busy = admission(handover, SlowPipeline(0.05))
    replies = await asyncio.gather(*(ask(busy) for _ in range(3)))
    assert sorted(reply.status_code for reply in replies) == [200, 200, 503]
    refused = next(reply for reply in replies if reply.status_code == 503)
    assert refused.headers["retry-after"] == "7"
    assert (await ask(busy)).status_code == 200


async def test_before_the_runners_are_warm_requests_are_503(handover: Handover) -> None:
    reply = await ask(admission(handover, SlowPipeline(), is_ready=False))
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "7")
    assert json.loads(bytes(reply.body))["error"] == "not_ready"


async def test_a_runner_that_sheds_load_is_503(handover: Handover) -> None:
    reply = await ask(admission(handover, SlowPipeline(error=ServiceUnavailable("process is overloaded"))))
    assert reply.status_code == 503


async def test_any_other_error_is_500_and_tells_nothing(handover: Handover) -> None:
    reply = await ask(admission(handover, SlowPipeline(error=RuntimeError("secret"))))
    assert reply.status_code == 500
    assert b"secret" not in bytes(reply.body)
