"""A file is streamed whole, also when it was removed after the answer began."""

from pathlib import Path

import pytest
from starlette.types import Message

from gateway.streaming import PIECE_BYTES, OpenFileResponse


async def sent_by(response: OpenFileResponse) -> list[Message]:
    """What the server would send."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await response({"type": "http"}, receive, send)
    return messages


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 5])
async def test_a_removed_file_is_sent_to_its_end(tmp_path: Path, size: int) -> None:
    file, content = tmp_path / "object.ply", bytes(i % 251 for i in range(size))
    file.write_bytes(content)
    response = OpenFileResponse(file, media_type="application/octet-stream")
    file.unlink()
    start, *pieces = await sent_by(response)
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-length"] == str(size).encode()
    assert b"".join(piece["body"] for piece in pieces) == content
    assert [piece["more_body"] for piece in pieces] == [True] * (len(pieces) - 1) + [False]


async def test_a_client_that_leaves_does_not_keep_the_file_open(tmp_path: Path) -> None:
    file = tmp_path / "object.ply"
    file.write_bytes(b"splats")
    response = OpenFileResponse(file, media_type="application/octet-stream")

    async def leave(message: Message) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await response({"type": "http"}, leave, leave)  # type: ignore[arg-type]
    assert response.is_closed


def test_the_tag_of_a_file_tells_objects_apart(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    other = bytes(255 - value for value in content)

    def tag(data: bytes) -> str:
        file = tmp_path / "object.ply"
        file.write_bytes(data)
        response = OpenFileResponse(file, media_type="application/octet-stream")
        digest = response.digest()
        response.close()
        return digest

    assert tag(content) == tag(content)
    assert len({tag(content), tag(other), tag(content[:-1]), tag(content + b"\0"), tag(b"")}) == 5
