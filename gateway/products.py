"""From a validated object to the files a client asked for, all from one generation."""

import asyncio
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from starlette.responses import Response

from gateway.errors import HttpError
from gateway.pipeline import Pipeline
from gateway.stages import Stopwatch
from gateway.streaming import OpenFileResponse

MEDIA_TYPES = {
    "ply": "application/octet-stream",
    "glb": "model/gltf-binary",
    "spz": "application/octet-stream",
    "mp4": "video/mp4",
}
WATERTIGHT = "X-Mesh-Watertight"
MESH_REPORT = "X-Mesh-Report"  # what keeps a mesh from being watertight; sent with one that is not
BUNDLE_TYPE = "application/zip"


class Products:
    """Makes responses of finished objects."""

    def __init__(self, pipeline: Pipeline, *, lack_of_meshes: str | None, video_size: int) -> None:
        """Takes the way to each file, why there are no meshes if so, and the side of a video's frame."""
        self._pipeline = pipeline
        self._lack_of_meshes = lack_of_meshes
        self._video_size = video_size

    def refusal(self, formats: Sequence[str]) -> Response | None:
        """501 for a file that these weights cannot make, before anything is computed."""
        if "glb" in formats and self._lack_of_meshes is not None:
            detail = f"no meshes: {self._lack_of_meshes}"
            return HttpError(501, detail, code="meshes_unavailable").response()
        return None

    async def respond(self, formats: Sequence[str], ply: Path, watch: Stopwatch, *, exact: bool) -> Response:
        """One file as it is; several in a ZIP as object.FORMAT; `exact` ones depend on no other request."""
        if list(formats) == ["ply"]:
            return OpenFileResponse(ply, media_type=MEDIA_TYPES["ply"])
        headers: dict[str, str] = {}
        files = [await self._file(name, ply, watch, headers, exact) for name in formats]
        if len(files) == 1:
            return Response(files[0], media_type=MEDIA_TYPES[formats[0]], headers=headers)
        with watch.measure("bundle"):
            bundle = await asyncio.to_thread(zipped, dict(zip(formats, files, strict=True)))
        return Response(bundle, media_type=BUNDLE_TYPE, headers=headers)

    async def _file(
        self, name: str, ply: Path, watch: Stopwatch, headers: dict[str, str], exact: bool
    ) -> bytes:
        """A file; puts what is to be said of it into `headers`."""
        if name == "glb":
            mesh = await self._pipeline.make_glb(ply, watch, exact=exact)
            headers[WATERTIGHT] = str(mesh.watertight is True).lower()
            if not mesh.watertight:
                headers[MESH_REPORT] = mesh.report
            return mesh.file
        if name == "spz":
            return await self._pipeline.make_spz(ply, watch, exact=exact)
        if name == "mp4":
            return await self._pipeline.make_video(ply, self._video_size, watch, exact=exact)
        with watch.measure("read"):
            return await asyncio.to_thread(ply.read_bytes)


def zipped(files: dict[str, bytes]) -> bytes:
    """Files as a ZIP, not compressed again."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as bundle:
        for name, content in files.items():
            bundle.writestr(zipfile.ZipInfo(f"object.{name}"), content)
    return data.getvalue()
