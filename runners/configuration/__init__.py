"""`configuration.yaml`: typed, checked, and overridden by the environment."""

from runners.configuration.leaves import ConfigurationError
from runners.configuration.reader import load_configuration, read_configuration
from runners.configuration.schema import Configuration, RunnerOptions, SamplerOptions

__all__ = [
    "Configuration",
    "ConfigurationError",
    "RunnerOptions",
    "SamplerOptions",
    "load_configuration",
    "read_configuration",
]
