"""`configuration.yaml`: read once, checked against typed frozen dataclasses, overridden by the environment."""

from runners.configuration.reader import ConfigurationError, load_configuration, read_configuration
from runners.configuration.schema import Configuration, RunnerOptions, SamplerOptions

__all__ = [
    "Configuration",
    "ConfigurationError",
    "RunnerOptions",
    "SamplerOptions",
    "load_configuration",
    "read_configuration",
]
