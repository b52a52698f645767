"""What the table of stages names, looked up: the services, and the types that travel to and from them."""

from pkgutil import resolve_name
from typing import Any

from configuration.stages import Operation, StageName, entry_of
from runners.jobs import Job, Result


def service_of(stage: StageName) -> Any:
    """The BentoML service that runs one stage in a process of its own."""
    return resolve_name(entry_of(stage).runner)


def job_of(operation: Operation) -> type[Job]:
    """The type of what travels to a stage for it."""
    job: type[Job] = resolve_name(operation.job)
    return job


def result_of(operation: Operation) -> type[Result]:
    """The type of what comes back."""
    result: type[Result] = resolve_name(operation.result)
    return result
