"""Which module of the project imports which, read from the sources: wherever in a file the import stands."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from command_line.places import ROOT

RESULTS = {"out", "build", "weights"}  # of the project's root, ignored by git too


def top_level() -> Iterator[str]:
    """Folders with Python files, and single modules."""
    for path in sorted(ROOT.iterdir()):
        if path.suffix == ".py":
            yield path.stem
        elif path.is_dir() and not path.name.startswith(".") and path.name not in RESULTS:
            yield from {path.name for _ in path.rglob("*.py")}


@cache
def modules() -> dict[str, Path]:
    """Every module's file, by its dotted name; a package is its `__init__`."""
    found = {}
    for name in top_level():
        file = ROOT / f"{name}.py"
        for path in [file] if file.exists() else sorted((ROOT / name).rglob("*.py")):
            found[dotted(path.relative_to(ROOT))] = path
    return found


def dotted(path: Path) -> str:
    """A file's module."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def names_imported(text: str) -> Iterator[str]:
    """All that a source imports; `from a import b` is a.b, whether b is a module or something inside of a.

    Raises:
        ValueError: An import is relative.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: relative imports are not used here")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def named_modules(text: str) -> Iterator[str]:
    """Modules of the project that a source imports, or imports something of."""
    for name in names_imported(text):
        yield from [part for part in lineage(name) if part in modules()][-1:]


@cache
def graph() -> dict[str, frozenset[str]]:
    """What each module of the project loads of it: what it names, and the packages which that lies in."""
    return {
        name: frozenset(loaded(name, path.read_text(encoding="utf-8"))) for name, path in modules().items()
    }


def lineage(module: str) -> list[str]:
    """a.b.c: a, a.b and a.b.c."""
    parts = module.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def loaded(module: str, text: str) -> Iterator[str]:
    """What a module with this source loads.

    Its own packages count only where they are named: Python has begun them before it.
    """
    begun = set(lineage(module))
    for name in named_modules(text):
        yield name
        yield from (part for part in lineage(name)[:-1] if part in modules() and part not in begun)
