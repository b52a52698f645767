"""A YAML document as a flat table of leaves that remember where they were written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from configuration.renamed import renamed_key

Path = tuple[str, ...]


class ConfigurationError(ValueError):
    """`configuration.yaml` or an override of it cannot be used; the message names the key and its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One value and the place an error message names for it."""

    value: Any
    where: str


Leaves = dict[Path, Leaf]


def parse_yaml(text: str, *, name: str) -> Leaves:
    """Flattens a document of nested mappings.

    Args:
        text: The YAML text.
        name: What to call the document in messages.

    Raises:
        ConfigurationError: It is not YAML, not a mapping, or names a key twice.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name} is not valid YAML: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError(f"{name} must be a mapping of keys to values")
    leaves: Leaves = {}
    for path, leaf in _walk(root, (), name):
        if path in leaves:
            raise ConfigurationError(f"{'.'.join(path)} is set twice ({leaves[path].where} and {leaf.where})")
        leaves[path] = leaf
    return leaves


def parse_overrides(environment: Mapping[str, str], *, prefix: str, known: Leaves) -> Leaves:
    """The overrides among environment variables: `MINER__RENDER__FPS=30` for the leaf `render.fps`.

    A variable that is set but empty, as compose files have them, overrides nothing.

    Raises:
        ConfigurationError: A variable with the prefix names no leaf of the file.
    """
    leaves: Leaves = {}
    for variable, text in sorted(environment.items()):
        if not variable.startswith(prefix):
            continue
        path = tuple(variable.removeprefix(prefix).lower().split("__"))
        where = f"environment variable {variable}"
        if path not in known:
            raise ConfigurationError(f"{'.'.join(path)}: {renamed_key(path) or 'no such key'} ({where})")
        if not text.strip():
            continue
        try:
            leaves[path] = Leaf(value=yaml.safe_load(text), where=where)
        except yaml.YAMLError as error:
            raise ConfigurationError(f"{'.'.join(path)}: not a YAML value ({where})") from error
    return leaves


def nest(leaves: Leaves) -> dict[str, Any]:
    """The table as nested dictionaries again."""
    root: dict[str, Any] = {}
    for path, leaf in leaves.items():
        branch = root
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
        branch[path[-1]] = leaf.value
    return root


def place_of(leaves: Leaves, path: Path) -> str:
    """Where a key stands; for a missing one, or a whole section, the first leaf nearby."""
    for length in range(len(path), 0, -1):
        for candidate, leaf in leaves.items():
            if candidate[:length] == path[:length]:
                return leaf.where
    return "whole file"


def _walk(node: yaml.Node, path: Path, name: str) -> Iterator[tuple[Path, Leaf]]:
    where = f"{name} line {node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode) and node.value:
        for key_node, value_node in node.value:
            yield from _walk(value_node, (*path, str(key_node.value)), name)
    else:
        yield path, Leaf(value=_construct(node), where=where)


def _construct(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()
