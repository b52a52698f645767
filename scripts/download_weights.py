"""Fetches a profile's published weights, goes on where an earlier run stopped, and keeps a lock of them.

fast3d-weights (in a checkout python scripts/download_weights.py)
    [--profile 24gb|80gb] [--dry-run | --verify] [--folder DIR] [--jobs 4]

Files land in --folder, else WEIGHTS_DIR, else weights/<profile> in the project, or for an installed one in
~/.local/share/fast-3d-miner; relative folders start where one stands. Copies in the hub's cache are linked,
not fetched again; with all of them there no network is needed. Several downloads of one folder, from one
machine or many, share the work. Which models are fetched follows from text_to_image.backend and
validation.scorer (configuration.yaml, or MINER__TEXT_TO_IMAGE__BACKEND and MINER__VALIDATION__SCORER).
HF_TOKEN opens gated repositories, HF_ENDPOINT names another hub; HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and
NO_PROXY hold.
"""

import argparse
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to run as a file

from command_line.arguments import at_least_one, expanded, user_path
from command_line.places import command, weights_home
from command_line.running import STOPPED, end_now, run_program, sentence
from configuration.leaves import ConfigurationError
from configuration.lock import LOCK_NAME, LockError, read_lock
from models.weights.manifest import MANIFEST, PROFILES, WeightSource, sources_of
from scripts.weights.chosen import configured_models
from scripts.weights.download import check_sources, download, is_complete, verify
from scripts.weights.errors import DownloadError
from scripts.weights.hub import configured_hub, create_client
from scripts.weights.listing import listing
from scripts.weights.progress import create_progress
from scripts.weights.transfer import RETRY_PAUSE_SECONDS, Transfer

DEFAULT_JOBS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The command line."""

    profile: str
    folder: Path
    dry_run: bool
    verify: bool
    jobs: int


def main(
    argv: Sequence[str] | None = None,
    *,
    manifest: tuple[WeightSource, ...] = MANIFEST,
    pause_seconds: float = RETRY_PAUSE_SECONDS,
) -> int:
    """Runs the command line; the exit status."""
    arguments = parse_arguments(argv)
    try:
        if arguments.verify:
            return report(arguments.folder)
        chosen = configured_models(os.environ)
        sources = sources_of(arguments.profile, manifest, chosen.backend, chosen.scorer)
        return list_or_fetch(arguments, sources, pause_seconds)
    except (DownloadError, LockError, ConfigurationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run again to go on from there", file=sys.stderr)
        return STOPPED


def list_or_fetch(arguments: Arguments, sources: Sequence[WeightSource], pause_seconds: float) -> int:
    """Does what the command line asks for."""
    hub, client = configured_hub(os.environ), create_client(os.environ)
    if arguments.dry_run:
        print("\n".join(listing(sources, hub, read_lock(arguments.folder), arguments.folder)))
        return 0
    check_sources(sources, arguments.folder)
    if is_complete(sources, arguments.folder):
        print(f"{arguments.folder} is complete; --verify checks the content")
        return 0
    for source in sources:
        if source.note:
            print(f"{source.name}, licence {source.licence}: {source.note}")
    with (
        create_progress() as progress,
        client,
    ):
        transfer = Transfer(
            client=client, endpoint=hub.endpoint, stop=threading.Event(), pause_seconds=pause_seconds
        )
        download(
            arguments.profile,
            sources,
            arguments.folder,
            hub=hub,
            transfer=transfer,
            jobs=arguments.jobs,
            progress=progress,
        )
    print(f"{arguments.folder} is complete; commits and hashes are in {LOCK_NAME}")
    return 0


def report(folder: Path) -> int:
    """Verifies and says what differs."""
    wrong = verify(folder)
    for name in wrong:
        print(f"hash mismatch or absent: {name}", file=sys.stderr)
    if wrong:
        print(f"{len(wrong)} files differ; run without --verify to fetch them again", file=sys.stderr)
        return 1
    print(f"{folder}: every file has the locked hash")
    return 0


def parse_arguments(argv: Sequence[str] | None) -> Arguments:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=command("fast3d-weights", "download_weights.py"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--profile", choices=PROFILES, default=PROFILES[0], help="default: %(default)s")
    parser.add_argument("--folder", type=user_path, help="where the files land")
    parser.add_argument(
        "--jobs", type=at_least_one, default=DEFAULT_JOBS, help="files at once (default: %(default)s)"
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--dry-run", action="store_true", help="list files, sizes and licences, fetch nothing")
    mode.add_argument("--verify", action="store_true", help="hash what is there against the lock")
    given = parser.parse_args(argv)
    try:
        folder = given.folder or weights_folder(os.environ, given.profile)
    except ValueError as error:
        parser.error(f"WEIGHTS_DIR: {error}")
    return Arguments(
        profile=given.profile,
        folder=folder.absolute(),
        dry_run=given.dry_run,
        verify=given.verify,
        jobs=given.jobs,
    )


def weights_folder(environment: Mapping[str, str], profile: str) -> Path:
    """Where the service looks for a profile's weights.

    Raises:
        ValueError: WEIGHTS_DIR is no path.
    """
    named = environment.get("WEIGHTS_DIR", "").strip()
    return expanded(named) if named else weights_home(environment) / profile


def program() -> int:
    """Runs the command line as a process: after Ctrl-C no thread that reads from a slow server holds it."""
    status = main()
    if status == STOPPED:
        end_now()
    return status


if __name__ == "__main__":
    run_program(program)
