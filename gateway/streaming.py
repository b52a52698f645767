"""A response that streams a file which may be gone by then: what is open can be read to its end."""

import os
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE_BYTES = 2**20


class OpenFileResponse(Response):
    """The bytes of a file in memory, piece by piece; the first leaves at once, and none is copied twice."""

    def __init__(self, path: Path, *, media_type: str) -> None:
        """Opens the file.

        Raises:
            OSError: It cannot be opened.
        """
        super().__init__(media_type=media_type)
        self._descriptor = os.open(path, os.O_RDONLY)
        self._size = os.fstat(self._descriptor).st_size
        self.headers["Content-Length"] = str(self._size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends head and body, and closes the file."""
        try:
            head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(head)
            for offset in range(0, max(self._size, 1), PIECE_BYTES):
                piece = os.pread(self._descriptor, PIECE_BYTES, offset)
                more = offset + PIECE_BYTES < self._size
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self.close()

    @property
    def is_closed(self) -> bool:
        return self._descriptor < 0

    def close(self) -> None:
        """Closes the file; a response that is never sent must be closed by whoever drops it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()
