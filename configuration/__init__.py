"""`configuration.yaml`: typed, checked, and overridden by the environment."""

from configuration.leaves import ConfigurationError
from configuration.reader import load_configuration, read_configuration
from configuration.schema import Configuration, RunnerOptions, SamplerOptions

__all__ = [
    "Configuration",
    "ConfigurationError",
    "RunnerOptions",
    "SamplerOptions",
    "load_configuration",
    "read_configuration",
]
