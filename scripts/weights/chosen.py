"""Which models the configuration chooses among the published ones; the rest needs weights to be there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from configuration.leaves import ConfigurationError, Leaves, parse_overrides, parse_yaml
from configuration.reader import PREFIX, configuration_file
from models.weights.manifest import BACKENDS, SCORERS

BACKEND = ("text_to_image", "backend")
SCORER = ("validation", "scorer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The values of `text_to_image.backend` and `validation.scorer`."""

    backend: str
    scorer: str


def configured_models(environment: Mapping[str, str]) -> Chosen:
    """What the file or the environment says.

    Raises:
        ConfigurationError: The file cannot be read, or a value is none that can be chosen.
    """
    path = configuration_file(environment)
    try:
        leaves = parse_yaml(path.read_text(encoding="utf-8"), name=path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    leaves |= parse_overrides(environment, prefix=PREFIX, known=leaves)
    return Chosen(backend=_choice(leaves, BACKEND, BACKENDS), scorer=_choice(leaves, SCORER, SCORERS))


def _choice(leaves: Leaves, key: tuple[str, ...], values: Sequence[str]) -> str:
    value = leaves[key].value if key in leaves else None
    if value not in values:
        raise ConfigurationError(f"{'.'.join(key)}: must be one of {', '.join(values)}, not {value!r}")
    return str(value)
