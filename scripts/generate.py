"""Asks the service for a prompt and writes one object as NAME.ply, .glb, .spz and .mp4, as far as asked for.

python -m scripts.generate "pink bicycle" [--formats ply,mp4] [--serve] [--port 8093] [--out out] [--seed -1]
    [--attempts 1]

Beside a PLY it writes NAME.png, a contact sheet of 8 views. All files come from one generation.
"""

import argparse
import io
import re
import sys
import time
import zipfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx

from scripts.local_service import local_service

TIMEOUT_SECONDS = 300.0
REJECTED = 3  # exit status: the service answered 204


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The command line."""

    prompt: str
    port: int
    out: Path
    seed: int
    attempts: int
    serve: bool
    formats: str


def main() -> None:
    """Runs the command line."""
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    service = (
        local_service(arguments.port, arguments.out / "service.log")
        if arguments.serve
        else nullcontext(f"http://127.0.0.1:{arguments.port}")
    )
    with service as url:
        make(url, arguments)


def make(url: str, arguments: Arguments) -> None:
    """Writes the files.

    Raises:
        SystemExit: The service refused, rejected or is not there.
    """
    stem = arguments.out / slug(arguments.prompt)
    with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS) as client:
        files = unpack(ask_often(client, arguments), arguments.formats)
    for name, data in files.items():
        write(stem.with_suffix(f".{name}"), data)
    if "ply" in files:
        write(stem.with_suffix(".png"), contact_sheet(files["ply"]))


def unpack(body: bytes, formats: str) -> dict[str, bytes]:
    """The files of an answer: one as it is, several in a ZIP."""
    names = list(dict.fromkeys(name.strip().lower() for name in formats.split(",")))
    if len(names) == 1:
        return {names[0]: body}
    with zipfile.ZipFile(io.BytesIO(body)) as bundle:
        return {name: bundle.read(f"object.{name}") for name in names}


def ask_often(client: httpx.Client, arguments: Arguments) -> bytes:
    """The body of the first of several requests that is not rejected.

    Raises:
        SystemExit: All were rejected, or the service failed.
    """
    fields = {"prompt": arguments.prompt, "seed": str(arguments.seed), "format": arguments.formats}
    for _ in range(arguments.attempts):
        result = ask(client, "/generate/", fields)
        if result is not None:
            return result
    sys.exit(REJECTED)


def ask(client: httpx.Client, path: str, fields: dict[str, str]) -> bytes | None:
    """The body of a 200; None for a 204.

    Raises:
        SystemExit: Any other answer.
    """
    started = time.monotonic()
    try:
        reply = client.post(path, data=fields)
    except httpx.TransportError as error:
        sys.exit(f"no service at {client.base_url}: {error}. Start one with `make serve`.")
    seconds = time.monotonic() - started
    if reply.status_code == httpx.codes.NO_CONTENT:
        print(f"{path} {seconds:.1f} s: rejected ({reply.headers['x-reject-reason']})")
        return None
    if reply.status_code != httpx.codes.OK:
        sys.exit(f"{path} answered {reply.status_code}: {reply.text}")
    print(f"{path} {seconds:.1f} s, seed {reply.headers['x-seed']}: {reply.headers['server-timing']}")
    if "x-mesh-watertight" in reply.headers:
        print(f"the mesh is watertight: {reply.headers['x-mesh-watertight']}")
    return reply.content


def contact_sheet(ply: bytes) -> bytes:
    """Eight views as a PNG."""
    from export.ply import read_ply
    from rendering.contact_sheet import contact_sheet_png
    from rendering.renderer import create_renderer

    return contact_sheet_png(read_ply(ply), create_renderer("cpu"))


def write(path: Path, data: bytes) -> None:
    """Writes a file and says so."""
    path.write_bytes(data)
    print(f"{path} {len(data):,} bytes")


def slug(prompt: str) -> str:
    """A file name for a prompt."""
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:80] or "object"


def parse_arguments() -> Arguments:
    """Reads `sys.argv`."""
    parser = argparse.ArgumentParser(prog="python -m scripts.generate", description=__doc__)
    parser.add_argument("prompt")
    parser.add_argument("--port", type=int, default=8093)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--seed", type=int, default=-1, help="-1 picks one")
    parser.add_argument("--attempts", type=int, default=1, help="requests to make until one is not rejected")
    parser.add_argument("--formats", default="ply,mp4", help="some of ply, glb, spz, mp4")
    parser.add_argument("--serve", action="store_true", help="start the service for this, and stop it")
    parsed = parser.parse_args()
    return Arguments(**vars(parsed))


if __name__ == "__main__":
    main()
