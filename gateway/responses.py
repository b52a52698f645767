"""From a validated object to the files a client asked for, all from one generation."""

import asyncio
import hashlib
import io
import zipfile
from urllib.parse import quote

from starlette.responses import Response

from gateway.errors import HttpError
from gateway.pipeline import Pipeline
from gateway.request import GenerationRequest, Work
from gateway.streaming import OpenFileResponse, PiecesResponse
from runners.formats import FORMATS, Frame, Wanted
from runners.messages import FileResult, GlbResult

WATERTIGHT = "X-Mesh-Watertight"
MESH_REPORT = "X-Mesh-Report"  # what keeps a mesh from being watertight; sent with one that is not
BUNDLE_TYPE = "application/zip"
TAG_DIGITS = 32  # of a SHA-256


class Responses:
    """Makes responses of finished objects."""

    def __init__(self, pipeline: Pipeline, *, why_no_meshes: str | None, frame: Frame) -> None:
        """Takes the way to each file, why there are no meshes if so, and the axes that PLYs are made in."""
        self._pipeline = pipeline
        self._why_no_meshes = why_no_meshes
        self._frame = frame

    def refusal(self, request: GenerationRequest) -> Response | None:
        """501 for a file that these weights cannot make, 422 for a film that cannot be ready in time.

        Both before anything is computed.
        """
        if request.wants_mesh and self._why_no_meshes is not None:
            detail = f"no meshes: {self._why_no_meshes}"
            return HttpError(501, detail, code="meshes_unavailable").response()
        try:
            if request.wants_film:
                self._pipeline.film_times.check(request.wanted.pixels)
        except HttpError as error:
            return error.response()
        return None

    async def respond(self, work: Work) -> Response:
        """One file as it is; several in a ZIP as object.SUFFIX."""
        formats, stem = work.request.formats, work.request.stem
        if formats == ("ply",) and self._is_as_made(work.request.wanted):
            response = OpenFileResponse(work.files.ply, media_type=FORMATS["ply"].media_type)
            return named(response, f"{stem}.ply", await asyncio.to_thread(response.digest))
        results = {FORMATS[name].suffix: await self._make(work, name) for name in formats}
        headers = {name: value for result in results.values() for name, value in headers_of(result).items()}
        files = {suffix: result.file for suffix, result in results.items()}
        if len(formats) == 1:
            entry = FORMATS[formats[0]]
            suffix, kind, data = entry.suffix, entry.media_type, files[entry.suffix]
        else:
            with work.watch.measure("bundle"):
                suffix, kind, data = "zip", BUNDLE_TYPE, await asyncio.to_thread(zipped, files)
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        return named(PiecesResponse(data, media_type=kind, headers=headers), f"{stem}.{suffix}", digest)

    async def _make(self, work: Work, name: str) -> FileResult:
        """A file; a PLY that was made in the axes and size that are wanted is there already."""
        if name == "ply" and self._is_as_made(work.request.wanted):
            with work.watch.measure("read"):
                return FileResult(file=await asyncio.to_thread(work.files.ply.read_bytes))
        return await self._pipeline.make_file(work, name)

    def _is_as_made(self, wanted: Wanted) -> bool:
        return wanted.frame == self._frame and wanted.factor == 1.0 and wanted.keeps_all


def headers_of(result: FileResult) -> dict[str, str]:
    """Headers that tell of a file."""
    if not isinstance(result, GlbResult):
        return {}
    report = {} if result.watertight else {MESH_REPORT: result.report}
    return {WATERTIGHT: str(result.watertight).lower()} | report


def named(response: Response, name: str, digest: str) -> Response:
    """With the name that a browser or `curl -OJ` saves it under, and a tag that follows from its bytes."""
    plain = name if name.isascii() else f"object{name[name.index('.') :]}"
    disposition = f'attachment; filename="{plain}"'
    if plain != name:
        disposition += f"; filename*=UTF-8''{quote(name, safe='')}"
    response.headers["Content-Disposition"] = disposition
    response.headers["ETag"] = f'"{digest[:TAG_DIGITS]}"'
    return response


def zipped(files: dict[str, bytes]) -> bytes:
    """Files by their suffix as a ZIP, not compressed again."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as bundle:
        for suffix, content in files.items():
            bundle.writestr(zipfile.ZipInfo(f"object.{suffix}"), content)
    return data.getvalue()
