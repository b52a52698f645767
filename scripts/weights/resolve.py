"""From the manifest to exact files: commit, size, expected hash, address, and a copy in the hub's cache."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2  # what huggingface_hub raises when it finds no network
from huggingface_hub import HfApi, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling

from configuration.lock import Lock
from models.weights.manifest import HubRepository, Url, WeightFile, WeightSource
from scripts.weights.errors import DownloadError, NoNetworkError

SHA256_DIGITS = 64
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Where repositories are asked for.

    Attributes:
        endpoint: Address of the hub or of a stand-in.
        token: The operator's, sent to the hub only.
        cache: Folder of the hub's own cache on this machine.
    """

    endpoint: str
    token: str | None
    cache: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One exact file.

    Attributes:
        lands: Path in the weights folder. source: Repository or address. commit: Of the repository, none
        for an address. url: Where its bytes are. size: Bytes. digest: Expected content: sha256, or the git
        blob's sha1 for small files of a repository. None where nobody says: in a cache without links and
        without a network. gated: The licence must be accepted first. token: Sent with the request. cached:
        A copy in the hub's cache.
    """

    lands: str
    source: str
    commit: str | None
    url: str
    size: int
    digest: str | None
    gated: bool
    token: str | None
    cached: Path | None


def resolve(source: WeightSource, hub: Hub, lock: Lock | None) -> list[Wanted]:
    """The exact files of a source, at the lock's commit if it has one.

    Without a network they come from the hub's cache if all of them are there.

    Raises:
        DownloadError: The hub refuses, lacks a file, or has one of another size than the manifest's.
        NoNetworkError: It cannot be reached, and the cache does not have them all.
    """
    if isinstance(source.origin, Url):
        return [_at_address(source, source.origin, file) for file in source.files]
    revision = _locked_commit(source, lock) or source.origin.revision
    try:
        return list(_on_hub(source, source.origin, hub, revision))
    except (httpx2.RequestError, OfflineModeIsEnabled) as error:
        cached = _in_cache(source, source.origin, hub, revision, lock)
        if cached is None:
            raise NoNetworkError(
                f"no network: {hub.endpoint} cannot be reached ({error}), and the hub's cache"
                f" {hub.cache} does not"
                f" hold all of {source.name}. Run again with a network, or set HF_HOME or WEIGHTS_DIR"
                " to a copy."
            ) from error
        return cached
    except GatedRepoError as error:
        raise DownloadError(gated_message(source.name, hub.endpoint, hub.token)) from error
    except RevisionNotFoundError as error:
        raise DownloadError(f"{source.name} has no revision {revision}") from error
    except RepositoryNotFoundError as error:
        raise DownloadError(
            f"{hub.endpoint} has no repository {source.name}, or HF_TOKEN may not see it"
        ) from error
    except (HfHubHTTPError, httpx2.InvalidURL) as error:
        raise DownloadError(f"{hub.endpoint} does not describe {source.name}: {error}") from error
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:  # such as a page to log in to a network
        raise DownloadError(
            f"{hub.endpoint} does not answer as a hub when asked for {source.name}"
            f" ({type(error).__name__}: {error})"
        ) from error


def gated_message(name: str, endpoint: str, token: str | None) -> str:
    """What to do about a gated repository."""
    page = f"{endpoint}/{name}"
    if token is None:
        return (
            f"{name} is gated and HF_TOKEN is not set: accept its licence at {page}, then set HF_TOKEN to a"
            " read token"
        )
    return (
        f"{name} is gated and HF_TOKEN may not read it: accept its licence at {page} with the token's account"
    )


def _on_hub(source: WeightSource, origin: HubRepository, hub: Hub, revision: str) -> Iterator[Wanted]:
    api = HfApi(endpoint=hub.endpoint, token=hub.token or False)
    info = api.model_info(origin.name, revision=revision, files_metadata=True)
    if info.sha is None:
        raise DownloadError(f"{hub.endpoint} names no commit of {origin.name}")
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or []}
    for file in source.files:
        if file.optional and file.path not in siblings:
            continue
        size, digest = _described(source, file, siblings.get(file.path), info.sha)
        yield Wanted(
            lands=source.lands(file),
            source=source.name,
            commit=info.sha,
            url=hf_hub_url(origin.name, file.path, revision=info.sha, endpoint=hub.endpoint),
            size=size,
            digest=digest,
            gated=source.gated,
            token=hub.token,
            cached=_cached(origin, file, hub, info.sha),
        )


def _described(
    source: WeightSource, file: WeightFile, sibling: RepoSibling | None, commit: str
) -> tuple[int, str]:
    if sibling is None:
        raise DownloadError(f"{source.name} has no file {file.path} at commit {commit}")
    digest = sibling.lfs.sha256 if sibling.lfs is not None else sibling.blob_id
    if sibling.size is None or digest is None:
        raise DownloadError(f"{source.name} tells neither size nor hash of {file.path}")
    if file.size is not None and file.size != sibling.size:
        raise DownloadError(
            f"{source.name}: {file.path} has {sibling.size} bytes at commit {commit},"
            f" the manifest expects {file.size}:"
            " the published file changed. Name the earlier commit in models/weights/manifest.py."
        )
    return sibling.size, digest


def _in_cache(
    source: WeightSource, origin: HubRepository, hub: Hub, revision: str, lock: Lock | None
) -> list[Wanted] | None:
    found: list[Wanted] = []
    for file in source.files:
        cached = _cached(origin, file, hub, revision)
        if cached is None and file.optional:
            continue
        if cached is None:
            return None
        commit = _commit_of(cached, file)
        entry = lock.files.get(source.lands(file)) if lock is not None else None
        known = entry.sha256 if entry is not None and entry.commit == commit else None
        found.append(
            Wanted(
                lands=source.lands(file),
                source=source.name,
                commit=commit,
                url="",
                size=cached.stat().st_size,
                digest=known or file.sha256 or _blob_hash(cached),
                gated=source.gated,
                token=None,
                cached=cached,
            )
        )
    return found


def _cached(origin: HubRepository, file: WeightFile, hub: Hub, revision: str) -> Path | None:
    path = try_to_load_from_cache(origin.name, file.path, cache_dir=hub.cache, revision=revision)
    return Path(path) if isinstance(path, str) else None


def _blob_hash(cached: Path) -> str | None:
    """The content's hash, which names the blob that a file of the cache links to.

    Copies, and caches on systems without links, hold the file itself, whose name says nothing.
    """
    if not cached.is_symlink():
        return None
    blob = cached.readlink()
    return blob.name if blob.parent.name == "blobs" and HASH.fullmatch(blob.name) else None


def _commit_of(cached: Path, file: WeightFile) -> str:
    return cached.parents[file.path.count("/")].name


def _at_address(source: WeightSource, origin: Url, file: WeightFile) -> Wanted:
    assert file.size is not None, f"{file.path}: no hub tells its size, the manifest must"
    assert file.sha256 is not None, f"{file.path}: no hub tells its hash, the manifest must"
    return Wanted(
        lands=source.lands(file),
        source=source.name,
        commit=None,
        url=origin.address,
        size=file.size,
        digest=file.sha256,
        gated=source.gated,
        token=None,
        cached=None,
    )


def _locked_commit(source: WeightSource, lock: Lock | None) -> str | None:
    entries = (lock.files.get(source.lands(file)) for file in source.files) if lock is not None else ()
    return next(
        (entry.commit for entry in entries if entry is not None and entry.source == source.name), None
    )
