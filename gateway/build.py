"""Which build answers: the commit, the image and the Bento, as far as they are known.

An image says so in its environment (MINER_COMMIT, MINER_IMAGE), a Bento in the `bento.yaml` beside its
sources, a checkout in git. What nobody says is "unknown", never a guess.
"""

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
UNKNOWN = "unknown"
GIT_SECONDS = 5.0


@cache
def build_of_this() -> dict[str, str]:
    """The build of this process, for /version."""
    return describe_build(ROOT, os.environ)


def describe_build(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The build whose sources lie in `root`: `commit`, `image` and `bento`."""
    manifest = _manifest(root.parent / "bento.yaml")
    labels = manifest.get("labels")
    labelled = labels.get("commit") if isinstance(labels, dict) else None
    tag = ":".join(str(manifest[key]) for key in ("name", "version") if manifest.get(key))
    return {
        "commit": environment.get("MINER_COMMIT") or str(labelled or "") or _git_commit(root) or UNKNOWN,
        "image": environment.get("MINER_IMAGE") or UNKNOWN,
        "bento": tag or UNKNOWN,
    }


def _manifest(file: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):  # no Bento, which is the usual case
        return {}
    return content if isinstance(content, dict) else {}


def _git_commit(root: Path) -> str | None:
    """The commit of a checkout, with `-dirty` where tracked files were changed; None elsewhere."""
    if not (root / ".git").exists():  # a checkout further up is another project's
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_SECONDS)
    except (OSError, subprocess.SubprocessError):  # no git, or a repository of another user
        return None
    return done.stdout.strip() or None
