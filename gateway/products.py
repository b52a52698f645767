"""From a validated object to the files a client asked for, all from one generation."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Sequence
from urllib.parse import quote

from starlette.responses import Response

from gateway.errors import HttpError
from gateway.pipeline import Pipeline
from gateway.stages import Stopwatch
from gateway.streaming import OpenFileResponse, PiecesResponse
from runners.formats import FORMATS, Frame, Wanted
from runners.handover import Reservation
from runners.messages import GlbResult

WATERTIGHT = "X-Mesh-Watertight"
MESH_REPORT = "X-Mesh-Report"  # what keeps a mesh from being watertight; sent with one that is not
BUNDLE_TYPE = "application/zip"
TAG_DIGITS = 32  # of a SHA-256


class Products:
    """Makes responses of finished objects."""

    def __init__(self, pipeline: Pipeline, *, lack_of_meshes: str | None, frame: Frame) -> None:
        """Takes the way to each file, why there are no meshes if so, and the axes that PLYs are made in."""
        self._pipeline = pipeline
        self._lack_of_meshes = lack_of_meshes
        self._frame = frame

    def refusal(self, formats: Sequence[str], wanted: Wanted | None = None) -> Response | None:
        """501 for a file that these weights cannot make, 422 for a film that cannot be ready in time.

        Both before anything is computed.
        """
        if "glb" in formats and self._lack_of_meshes is not None:
            detail = f"no meshes: {self._lack_of_meshes}"
            return HttpError(501, detail, code="meshes_unavailable").response()
        try:
            if wanted is not None and any(FORMATS[name].source == "film" for name in formats):
                self._pipeline.film_times.check(wanted.pixels)
        except HttpError as error:
            return error.response()
        return None

    async def respond(
        self,
        formats: Sequence[str],
        made: Reservation,
        watch: Stopwatch,
        wanted: Wanted,
        *,
        stem: str = "object",
        exact: bool = False,
    ) -> Response:
        """One file as it is; several in a ZIP as object.SUFFIX.

        Args:
            formats: By their names in `runners.formats`.
            made: The object's files.
            watch: Collects the stages' times.
            wanted: Axes, size and so on.
            stem: Of the answer's file name.
            exact: Whether nothing may depend on other requests.
        """
        if list(formats) == ["ply"] and self._is_as_made(wanted):
            response = OpenFileResponse(made.ply, media_type=FORMATS["ply"].media_type)
            return named(response, f"{stem}.ply", await asyncio.to_thread(response.digest))
        headers: dict[str, str] = {}
        files = {
            FORMATS[name].suffix: await self._file(name, made, wanted, watch, headers, exact)
            for name in formats
        }
        if len(files) == 1:
            suffix, data, kind = *next(iter(files.items())), FORMATS[formats[0]].media_type
        else:
            with watch.measure("bundle"):
                data = await asyncio.to_thread(zipped, files)
            suffix, kind = "zip", BUNDLE_TYPE
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        return named(PiecesResponse(data, media_type=kind, headers=headers), f"{stem}.{suffix}", digest)

    def _is_as_made(self, wanted: Wanted) -> bool:
        return wanted.frame == self._frame and wanted.factor == 1.0 and wanted.keeps_all

    async def _file(
        self,
        name: str,
        made: Reservation,
        wanted: Wanted,
        watch: Stopwatch,
        headers: dict[str, str],
        exact: bool,
    ) -> bytes:
        """A file; puts what is to be said of it into `headers`."""
        if name == "ply" and self._is_as_made(wanted):
            with watch.measure("read"):
                return await asyncio.to_thread(made.ply.read_bytes)
        result = await self._pipeline.make_file(name, made, wanted, watch, exact=exact)
        if isinstance(result, GlbResult):
            headers[WATERTIGHT] = str(result.watertight).lower()
            if not result.watertight:
                headers[MESH_REPORT] = result.report
        return result.file


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
