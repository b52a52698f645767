"""From `configuration.yaml`, the environment and the machine to one `Configuration`."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from command_line.arguments import expanded
from configuration.fitting import check_fit
from configuration.leaves import (
    ConfigurationError,
    Leaf,
    Leaves,
    nest,
    parse_overrides,
    parse_yaml,
    place_of,
)
from configuration.profiles import choose_profile, largest_gpu_bytes
from configuration.renamed import renamed_key, renamed_stage
from configuration.schema import RANDOM, Configuration, Profile
from configuration.stages import NAMES

PREFIX = "MINER__"
FILE_VARIABLE = "MINER_CONFIGURATION"
WEIGHTS_VARIABLES = ("WEIGHTS_DIR", "WEIGHTS")  # the second is for WEIGHTS=random
PATH_VARIABLES = (
    FILE_VARIABLE,
    *WEIGHTS_VARIABLES,
    "MINER__WEIGHTS",
    "MINER__SERVICES__GATEWAY__HANDOVER_FOLDER",
)
PATHS = {("weights",), ("services", "gateway", "handover_folder")}
DEFAULT_FILE = Path(__file__).parents[1] / "configuration.yaml"


@cache
def load_configuration() -> Configuration:
    """This process's configuration: the file beside `service.py` (or `MINER_CONFIGURATION`), overridden.

    Raises:
        BentoMLConfigException: See `read_configuration`; `bentoml serve` shows no traceback for it.
    """
    try:
        os.environ.update(absolute_paths(os.environ))  # the service's other processes stand in another folder
        path = configuration_file(os.environ)
        return read_configuration(path, os.environ, largest_gpu_bytes)
    except ConfigurationError as error:
        from bentoml.exceptions import BentoMLConfigException  # a RunPod worker has none

        raise BentoMLConfigException(str(error)) from None


def configuration_file(environment: Mapping[str, str]) -> Path:
    """The file that `MINER_CONFIGURATION` names, else the project's.

    Raises:
        ConfigurationError: It names no path.
    """
    named = environment.get(FILE_VARIABLE, "").strip()
    return _expanded(named, f"environment variable {FILE_VARIABLE}") if named else DEFAULT_FILE


def absolute_paths(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that name paths, as absolute ones: from a shell, a path starts where one stands.

    Raises:
        ConfigurationError: One names another user's home, and there is none.
    """
    found = {}
    for variable in PATH_VARIABLES:
        text = environment.get(variable, "").strip()
        if text and text != "auto" and text.partition(":")[0] != RANDOM:
            found[variable] = str(_expanded(text, f"environment variable {variable}").absolute())
    return found


def read_configuration(
    path: Path, environment: Mapping[str, str], gpu_bytes: Callable[[], int] = largest_gpu_bytes
) -> Configuration:
    """Reads, overrides, fills in the profile's presets and checks.

    Args:
        path: The YAML file.
        environment: Where overrides are looked up.
        gpu_bytes: Gives the memory of the largest GPU, 0 without one.

    Raises:
        ConfigurationError: The file cannot be read, a key is unknown, missing or out of range, or the profile
            cannot run here, or its models do not fit as they are arranged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    leaves = parse_yaml(text, name=path.name)
    _refuse_renamed(leaves)
    presets = {where: leaves.pop(where) for where in [p for p in leaves if p[0] == "presets"]}
    _check_presets(presets, known=leaves)
    leaves |= _environment({**environment, **absolute_paths(environment)}, known=leaves)
    _expand_homes(leaves)
    memory = gpu_bytes()
    choice = choose_profile(
        profile=_text(leaves, "profile"),
        weights=_text(leaves, "weights"),
        device=_text(leaves, "device"),
        base=path.parent,
        gpu_bytes=memory,
        spread=_is_spread(leaves),
    )
    _fill_in(leaves, presets, choice.profile)
    decided = {
        "profile": choice.profile,
        "profile_reason": choice.reason,
        "weights": str(choice.weights),
        "device": choice.device,
    }
    leaves |= {(key,): Leaf(value=value, where=path.name) for key, value in decided.items()}
    configuration = _validate(leaves)
    check_fit(configuration, memory)
    return configuration


def _is_spread(leaves: Leaves) -> bool:
    """Whether the models may run on other hosts than this one."""
    leaf = leaves.get(("services", "gateway", "handover"))
    return leaf is not None and leaf.value == "inline"


def _environment(environment: Mapping[str, str], *, known: Leaves) -> Leaves:
    overrides = parse_overrides(environment, prefix=PREFIX, known=known)
    for variable in WEIGHTS_VARIABLES:
        if folder := environment.get(variable, "").strip():
            overrides.setdefault(("weights",), Leaf(value=folder, where=f"environment variable {variable}"))
    return overrides


def _expand_homes(leaves: Leaves) -> None:
    """Replaces `~` where the configuration names files and folders."""
    for path, leaf in leaves.items():
        is_path = path in PATHS or path[:2] == ("image_to_3d", "weights")
        if is_path and isinstance(leaf.value, str) and leaf.value.startswith("~"):
            leaves[path] = Leaf(value=str(_expanded(leaf.value, leaf.where)), where=leaf.where)


def _expanded(text: str, where: str) -> Path:
    try:
        return expanded(text)
    except ValueError as error:
        raise ConfigurationError(f"{error} ({where})") from error


def _refuse_renamed(leaves: Leaves) -> None:
    for path, leaf in leaves.items():
        if (told := renamed_key(path)) is not None:
            raise ConfigurationError(f"{'.'.join(path)}: {told} ({leaf.where})")


def _check_presets(presets: Leaves, *, known: Leaves) -> None:
    for path, leaf in presets.items():
        if len(path) < 2:
            raise ConfigurationError(f"presets: must hold one section per profile ({leaf.where})")
        if path[1] not in get_args(Profile):
            raise ConfigurationError(f"{'.'.join(path[:2])}: no such profile ({leaf.where})")
        if path[2:] not in known:
            raise ConfigurationError(f"{'.'.join(path)}: no such key ({leaf.where})")


def _fill_in(leaves: Leaves, presets: Leaves, profile: str) -> None:
    for (_, name, *rest), leaf in presets.items():
        path = tuple(rest)
        if name == profile and leaves[path].value == "auto":
            leaves[path] = leaf


def _text(leaves: Leaves, key: str) -> str:
    leaf = leaves.get((key,))
    if leaf is None:
        raise ConfigurationError(f"{key}: the key is missing (whole file)")
    if not isinstance(leaf.value, str):
        raise ConfigurationError(f"{key}: must be a text ({leaf.where})")
    return leaf.value


def _validate(leaves: Leaves) -> Configuration:
    try:
        configuration = TypeAdapter(Configuration).validate_python(nest(leaves))
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(leaves, item) for item in error.errors())) from error
    settings = configuration.validation
    if settings.scorer == "subnet" and settings.view_set != "validator":
        where = place_of(leaves, ("validation", "view_set"))
        raise ConfigurationError(f"validation.view_set: must be validator with scorer: subnet ({where})")
    for name in NAMES:
        runner = configuration.services.of(name)
        if runner.concurrency > runner.most_in_flight:
            where = place_of(leaves, ("services", name, "concurrency"))
            raise ConfigurationError(
                f"services.{name}.concurrency: must be at most 2 x max_batch_size x workers ({where})"
            )
        if runner.workers > 1 and name in configuration.services.shared:
            where = place_of(leaves, ("services", name, "workers"))
            raise ConfigurationError(f"services.{name}.workers: must be 1 for a shared stage ({where})")
    return configuration


def _explain(leaves: Leaves, item: Any) -> str:
    path = tuple(str(part) for part in item["loc"] if not str(part).startswith(("constrained-", "literal")))
    where = place_of(leaves, path)
    message = renamed_stage(item["input"]) or {
        "unexpected_keyword_argument": "no such key",
        "missing": "the key is missing",
        "missing_argument": "the key is missing",
        "missing_keyword_only_argument": "the key is missing",
    }.get(item["type"], item["msg"])
    return f"{'.'.join(path)}: {message} ({where})"
