"""What the service says of its stages: `Server-Timing`, in milliseconds.

image_to_3d;dur=512.3       from the gateway's call to its answer: waiting, hop and work
image_to_3d.structure;...   a step inside the process, measured there
total;dur=870.1             from admission to response
"""

import re
import statistics
from collections.abc import Mapping, Sequence

ENTRY = re.compile(r"([\w.]+)\s*;\s*dur=([\d.]+)")
WORK = ".work"

Stages = Mapping[str, float]


def parse_server_timing(header: str) -> dict[str, float]:
    """Milliseconds by name; a metric without a duration is left out."""
    return {name: float(milliseconds) for name, milliseconds in ENTRY.findall(header)}


def derived(stages: Stages) -> dict[str, float]:
    """What follows from one response's stages.

    Returns:
        image_to_ply_ms: From the cut-out image in the gateway to the PLY's bytes in the gateway: the 3D stage
            with its hops, and reading the file. Validation does not lie on this way.
        hops_ms: Of all stages, what is not work in their processes: waiting for a place and a batch, both
            ways between the processes.
        gateway_ms: Of the total, what belongs to no stage.
    """
    found: dict[str, float] = {}
    if "image_to_3d" in stages:
        found["image_to_ply_ms"] = stages["image_to_3d"] + stages.get("read", 0.0)
    if worked := {name.removesuffix(WORK): ms for name, ms in stages.items() if name.endswith(WORK)}:
        found["hops_ms"] = sum(stages[name] - ms for name, ms in worked.items())
    if "total" in stages:
        known = sum(value for name, value in stages.items() if "." not in name and name != "total")
        found["gateway_ms"] = stages["total"] - known
    return {name: round(value, 1) for name, value in found.items()}


def stage_medians(responses: Sequence[Stages]) -> dict[str, float]:
    """Median of every stage over the responses that have it."""
    names = dict.fromkeys(name for stages in responses for name in stages)
    return {
        name: round(statistics.median([stages[name] for stages in responses if name in stages]), 1)
        for name in names
    }
