"""The configuration as arguments of BentoML's decorators."""

from typing import Any

from bentoml._internal.configuration.containers import BentoMLContainer

from configuration import Configuration, RunnerOptions
from configuration.schema import ServicesOptions
from configuration.stages import entry_of

# BentoML's client closes its shared session after 100 calls or 300 s and kills the calls in flight.
KEEP_CONNECTIONS = {"max_requests": 10**9, "max_age": 1e9}
# BentoML's own probe hangs while a runner loads; the gateway asks for itself.
NO_PROBE = {"enabled": False, "timeout": 1, "period": 10}
# The gateway's own deadline answers first; BentoML's only ends what the gateway could not.
TIMEOUT_MARGIN_SECONDS = 30
# A gateway that leaves waits so long beyond the longest deadline; whoever waits for it waits twice that.
DRAIN_MARGIN_SECONDS = 5.0


def runner_service(options: RunnerOptions, *, threads: int = 1) -> dict[str, Any]:
    """Arguments of `@bentoml.service` for a model process; `threads` batches are in work at once.

    No `resources.gpu`: BentoML would give each runner a GPU of its own, and all of them share one.
    """
    return {
        "workers": options.workers,
        "threads": threads,
        "traffic": {"timeout": options.timeout_seconds, "concurrency": options.concurrency},
        "runner_connection": KEEP_CONNECTIONS,
        "runner_probe": NO_PROBE,
        "logging": {"access": {"enabled": False}},
    }


def shared_service(services: ServicesOptions) -> dict[str, Any]:
    """Arguments of `@bentoml.service` for the process that several stages share.

    One thread per batched method: one that waits for its turn must not keep another's batch from queueing.
    """
    runners = [services.of(name) for name in services.shared]
    operations = [operation for name in services.shared for operation in entry_of(name).operations]
    methods = len(operations) + sum(operation.overlaps for operation in operations)
    options = runner_service(services.of("image_to_3d"), threads=max(1, methods))
    options["traffic"] = {
        "timeout": max((runner.timeout_seconds for runner in runners), default=60),
        "concurrency": max(1, sum(runner.concurrency for runner in runners)),
    }
    return options


def address_of(runner: Any) -> str | None:
    """Where this process reaches a runner: BentoML tells every process; None for one in this process."""
    address: str | None = BentoMLContainer.remote_runner_mapping.get().get(runner.name)
    return address


def drain_seconds(services: ServicesOptions, margins: int = 1) -> float:
    """How long requests in work may take once the service was asked to leave, and some margins beyond it."""
    gateway = services.gateway
    return max(gateway.deadline_seconds, gateway.video_deadline_seconds) + margins * DRAIN_MARGIN_SECONDS


def gateway_service(configuration: Configuration) -> dict[str, Any]:
    """Arguments of `@bentoml.service` for the gateway.

    No `max_concurrency`: BentoML would answer 429 in its own shape, and count health checks.
    """
    options = configuration.services.gateway
    longest = max(options.deadline_seconds, options.video_deadline_seconds)
    return {
        "workers": options.workers,
        "traffic": {"timeout": longest + TIMEOUT_MARGIN_SECONDS, "concurrency": options.concurrency},
        "logging": {"access": {"enabled": False}},  # gateway.access_log has a line of its own
        "http": {"host": configuration.services.http.host, "port": configuration.services.http.port},
        "runner_connection": KEEP_CONNECTIONS,
        "runner_probe": NO_PROBE,
    }
