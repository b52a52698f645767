"""A file that a client sends, to the verdict on it: what `POST /validate` does.

file ──────────────> reserved file ─> validation: gates, views, scores ─> verdict, contact sheet
picture ─> matting ──────────────────────^        (a prompt goes there as it is)
"""

import asyncio
import base64
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from gateway.pictures.decoding import Pixels
from gateway.pipeline import Stages
from gateway.scores import score_headers
from gateway.stopwatch import Stopwatch
from runners.formats import Frame
from runners.handover import Reservation, fill
from runners.messages import JudgeJob, JudgeResult, MatteJob
from runners.verdicts import verdict_content

VERDICT = "verdict"  # what readiness calls this product


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgingRequest:
    """Checked parameters.

    Attributes:
        file: A PLY, SPZ or GLB, or what a client takes for one.
        prompt: What it shall show; empty if nobody says so in words.
        picture: What it shall resemble, RGB, or RGBA of a cut-out object; None if nobody sent one.
        frame: Axes of a PLY or SPZ.
        sheet: Whether a contact sheet is wanted too.
    """

    file: bytes
    prompt: str = ""
    picture: Pixels | None = None
    frame: Frame
    sheet: bool = False


async def judged(request: JudgingRequest, files: Reservation, watch: Stopwatch, stages: Stages) -> Response:
    """The verdict as JSON, whatever it is.

    Raises:
        StageFailedError: The picture shows no object, or a stage failed.
    """
    ply = str(files.ply)
    await asyncio.to_thread(fill, ply, request.file)
    picture = request.picture
    if picture is not None and picture.shape[2] != 4:
        picture = (await stages.matting.run(MatteJob(reservation=ply, image=picture), watch)).image
    job = JudgeJob(
        reservation=ply,
        ply=ply,
        frame=request.frame,
        sheet=request.sheet,
        prompt=request.prompt or None,
        picture=picture,
    )
    verdict = await stages.validation.run(job, watch)
    return JSONResponse(_content(verdict), headers=score_headers(verdict))


def _content(verdict: JudgeResult) -> dict[str, object]:
    sheet = {"contact_sheet": base64.b64encode(verdict.sheet).decode()} if verdict.sheet else {}
    return verdict_content(verdict) | sheet
