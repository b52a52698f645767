"""Which text-to-image back end the configuration asks for; the rest of it needs the weights to be there."""

from collections.abc import Mapping

from configuration.leaves import ConfigurationError, parse_overrides, parse_yaml
from configuration.reader import PREFIX, configuration_file
from models.weights.manifest import BACKENDS

KEY = ("text_to_image", "backend")


def configured_backend(environment: Mapping[str, str]) -> str:
    """The value of `text_to_image.backend`, from the file or the environment.

    Raises:
        ConfigurationError: The file cannot be read, or the value is none of the back ends.
    """
    path = configuration_file(environment)
    try:
        leaves = parse_yaml(path.read_text(encoding="utf-8"), name=path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    leaves |= parse_overrides(environment, prefix=PREFIX, known=leaves)
    backend = leaves[KEY].value if KEY in leaves else None
    if backend not in BACKENDS:
        raise ConfigurationError(f"{'.'.join(KEY)}: must be one of {', '.join(BACKENDS)}, not {backend!r}")
    return str(backend)
