"""How long the service's probes take while it works."""

import asyncio

from benchmarks.client import Client

PROBES = ("/health", "/livez", "/readyz", "/version", "/metrics")
PERIOD_SECONDS = 0.25  # often enough to meet every stage, too rarely to load it


async def worst_probes(client: Client, done: asyncio.Event) -> dict[str, float]:
    """Slowest answer of each probe in ms until `done`."""
    worst = dict.fromkeys(PROBES, 0.0)
    while not done.is_set():
        for path in PROBES:
            worst[path] = max(worst[path], 1e3 * await client.probe(path))
        await asyncio.sleep(PERIOD_SECONDS)
    return {path: round(milliseconds, 1) for path, milliseconds in worst.items()}
