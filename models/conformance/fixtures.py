"""Finding fixtures by what their folders hold, and reading them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from models.fast.plan import Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """A folder of recorded inputs and outputs.

    Attributes:
        folder: Where it is.
        files: Names of its files.
        device: Where tensors are read to.
        half: Whether only modules are run, in half precision.
        switches: Fast paths of what is run.
    """

    folder: Path
    files: frozenset[str] = field(repr=False)
    device: str = "cpu"
    half: bool = False
    switches: Switches = field(default_factory=Switches)

    def tensors(self, name: str = "io.safetensors") -> dict[str, Tensor]:
        """All tensors of one of its files."""
        return load_file(self.folder / name, device=self.device)

    def json(self, name: str) -> Mapping[str, Any]:
        """One of its JSON files; an absent one is empty."""
        if name not in self.files:
            return {}
        content: Mapping[str, Any] = json.loads((self.folder / name).read_text())
        return content


def find_fixtures(root: Path, device: str) -> Iterator[Fixture]:
    """Every folder at or below `root` that holds recordings, in order of their paths."""
    for folder in sorted({root, *(path for path in root.rglob("*") if path.is_dir())}):
        files = frozenset(path.name for path in folder.iterdir() if path.is_file())
        if _is_fixture(files):
            yield Fixture(folder=folder, files=files, device=device)


def _is_fixture(files: frozenset[str]) -> bool:
    images = {name for name in files if name.endswith("_in.png")}
    return not files.isdisjoint({"io.safetensors", "golden.safetensors"}) or bool(images)
