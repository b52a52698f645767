"""Asks the service for a prompt and writes one object as NAME.ply, .glb, .mp4 and so on, as far as asked for.

fast3d-generate "pink bicycle" [--formats ply,mp4] [--frame standard] [--size 1.5] [--video-res 512]
    [--spz-version 3] [--splats 15000] [--max-bytes 1000000] [--serve] [--port 8093]
    [--out out] [--seed -1] [--attempts 1] [--replace]
    (in a checkout: python -m scripts.generate)

Beside a PLY it writes a contact sheet of 8 views as NAME.png, or NAME.views.png where NAME.png is the
thumbnail that was asked for. All files come from one generation. NAME follows from the prompt
(`command_line.names`): other prompts get other names, another object of a prompt is
NAME-seed-N. No file that is there is written over, unless --replace says so.
"""

import argparse
import io
import sys
import time
import zipfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx

from command_line.arguments import at_least_one, number, out_folder, port_number, whole
from command_line.names import stem_of, write_new
from command_line.places import command
from command_line.running import run_program
from gateway.parameters import BYTES, FRAME, SEED, SIZE, SPLATS, SPZ_VERSION, VIDEO_RES
from runners.formats import FORMATS
from scripts.local_service import local_service

TIMEOUT_SECONDS = 300.0
STARTER = command("`fast3d-serve`", "`make serve`")
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
    formats: tuple[str, ...]
    replace: bool
    frame: str | None
    size: float | None
    spz_version: int | None
    video_res: int | None
    splats: int | None
    max_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A 200: the body, and the seed that was used."""

    body: bytes
    seed: str


def main() -> None:
    """Runs the command line."""
    arguments = parse_arguments()
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
        OSError: A file cannot be written.
    """
    with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        answer = ask_often(client, arguments)
    files = unpack(answer.body, arguments.formats)
    try:
        if "ply" in files:
            files["views.png" if "png" in files else "png"] = contact_sheet(files["ply"])
    finally:  # what took so long to make is kept, whatever becomes of its picture
        write(files, arguments, answer.seed)


def write(files: dict[str, bytes], arguments: Arguments, seed: str) -> None:
    """Writes the files and says where."""
    stem = stem_of(arguments.prompt)
    if arguments.replace:
        for name, data in files.items():
            path = arguments.out / f"{stem}.{name}"
            there = path.exists()
            path.write_bytes(data)
            print(f"{path} {len(data):,} bytes{', replaced' if there else ''}")
        return
    for path, is_new in write_new(arguments.out, stem, files, detail=f"seed-{seed}").items():
        print(f"{path} {path.stat().st_size:,} bytes{'' if is_new else ', there already'}")


def unpack(body: bytes, formats: tuple[str, ...]) -> dict[str, bytes]:
    """The files of an answer by their suffix: one as it is, several in a ZIP."""
    suffixes = [FORMATS[name].suffix for name in formats]
    if len(suffixes) == 1:
        return {suffixes[0]: body}
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as bundle:
            return {suffix: bundle.read(f"object.{suffix}") for suffix in suffixes}
    except (zipfile.BadZipFile, KeyError) as error:
        sys.exit(f"the answer is not a ZIP of {', '.join(formats)}: {error}")


def ask_often(client: httpx.Client, arguments: Arguments) -> Answer:
    """The first of several requests that is not rejected.

    Raises:
        SystemExit: All were rejected, or the service failed.
    """
    fields = {
        "prompt": arguments.prompt,
        "seed": str(arguments.seed),
        "format": ",".join(arguments.formats),
    }
    for name in (field.name for field in (FRAME, SIZE, SPZ_VERSION, VIDEO_RES, SPLATS, BYTES)):
        if (value := getattr(arguments, name)) is not None:
            fields[name] = str(value)
    for _ in range(arguments.attempts):
        answer = ask(client, "/generate/", fields)
        if answer is not None:
            return answer
    sys.exit(REJECTED)


def ask(client: httpx.Client, path: str, fields: dict[str, str]) -> Answer | None:
    """What a 200 brought; None for a 204.

    Raises:
        SystemExit: Any other answer.
    """
    started = time.monotonic()
    try:
        reply = client.post(path, data=fields)
    except httpx.ConnectError as error:
        sys.exit(f"no service at {client.base_url}: {error}. Start one with {STARTER}.")
    except httpx.HTTPError as error:
        sys.exit(f"{client.base_url} broke the request off: {type(error).__name__} {error}".rstrip())
    seconds = time.monotonic() - started
    if reply.status_code == httpx.codes.NO_CONTENT:
        print(f"{path} {seconds:.1f} s: rejected ({reply.headers.get('x-reject-reason', 'no reason')})")
        return None
    if reply.status_code != httpx.codes.OK:
        sys.exit(f"{path} answered {reply.status_code}: {reply.text}")
    if "x-seed" not in reply.headers:
        sys.exit(f"{client.base_url} is not this project's service: its answer names no seed")
    print(f"{path} {seconds:.1f} s, seed {reply.headers['x-seed']}: {reply.headers.get('server-timing', '')}")
    if "x-mesh-watertight" in reply.headers:
        report = f" ({reply.headers['x-mesh-report']})" if "x-mesh-report" in reply.headers else ""
        print(f"the mesh is watertight: {reply.headers['x-mesh-watertight']}{report}")
    return Answer(body=reply.content, seed=reply.headers["x-seed"])


def contact_sheet(ply: bytes) -> bytes:
    """Eight views as a PNG."""
    from export.ply import read_ply
    from rendering.contact_sheet import contact_sheet_png
    from rendering.renderer import create_renderer

    return contact_sheet_png(read_ply(ply), create_renderer("cpu"))


def parse_prompt(text: str) -> str:
    """A prompt that can be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("the prompt is not UTF-8") from None
    if not text.strip():
        raise argparse.ArgumentTypeError("the prompt is empty")
    return text


def parse_formats(text: str) -> tuple[str, ...]:
    """Formats between commas, each once."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    if unknown := [name for name in names if name not in FORMATS]:
        raise argparse.ArgumentTypeError(f"{', '.join(map(repr, unknown))}: not one of {', '.join(FORMATS)}")
    return names


def parse_arguments() -> Arguments:
    """Reads `sys.argv`."""
    parser = argparse.ArgumentParser(
        prog=command("fast3d-generate", "python -m scripts.generate"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("prompt", type=parse_prompt)
    parser.add_argument("--port", type=port_number, default=8093)
    parser.add_argument("--out", type=out_folder, default="out", help="folder for the files")
    parser.add_argument("--seed", type=whole(SEED.low, SEED.high), default=-1, help="-1 picks one")
    parser.add_argument("--attempts", type=at_least_one, default=1, help="requests until one is not rejected")
    parser.add_argument(
        "--formats", type=parse_formats, default="ply,mp4", help=f"some of {', '.join(FORMATS)}"
    )
    parser.add_argument(
        "--frame", choices=FRAME.values, help="axes of splat files; the service's own otherwise"
    )
    parser.add_argument("--size", type=number(SIZE.low, SIZE.high), help="largest side; 1.5 otherwise")
    parser.add_argument("--spz-version", type=whole(3, 4), help="3 otherwise")
    parser.add_argument(
        "--video-res", type=whole(VIDEO_RES.low, VIDEO_RES.high), help="side of videos and pictures in pixels"
    )
    parser.add_argument(
        "--splats", type=whole(SPLATS.low, SPLATS.high), help="at most so many; all otherwise"
    )
    parser.add_argument(
        "--max-bytes", type=whole(BYTES.low, BYTES.high), help="of a splat file, which loses splats for it"
    )
    parser.add_argument("--serve", action="store_true", help="start the service for this, and stop it")
    parser.add_argument("--replace", action="store_true", help="write over files of the same name")
    parsed = parser.parse_args()
    return Arguments(**vars(parsed))


if __name__ == "__main__":
    run_program(main)
