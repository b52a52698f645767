"""What the machine lets one process have: processor cores and open descriptors.

A container is often allowed less than the cores that it sees (`docker run --cpus 2`, a pod's limit): its
cgroup has a quota of processor time. Threads beyond it only make the kernel stop all of them until the next
period.
"""

import logging
import math
import os
import resource
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
CPU_FOLDERS = ("cpu,cpuacct", "cpuacct,cpu", "cpu")  # where version 1 mounts its controller
MOST_WITHOUT_LIMIT = 10_240  # what macOS takes where it names no hard limit

logger = logging.getLogger(__name__)


def usable_cores(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Cores that this process may use: the least of its affinity and its cgroups' quotas, at least 1.

    Args:
        proc: Where the kernel shows processes; absent on systems other than Linux.
        cgroups: Where control groups are mounted.
    """
    quotas = [math.ceil(quota) for quota in _quotas(proc, cgroups)]
    return max(1, min([_visible_cores(), *quotas]))


def raise_descriptor_limit() -> None:
    """Lets this process, and those it starts, open as many files and connections as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_WITHOUT_LIMIT if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError) as error:  # a sandbox may forbid it
        logger.warning("the limit of open descriptors stays at %d: %s", soft, error)


def _visible_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS, where processes are not bound to cores


def _quotas(proc: Path, cgroups: Path) -> Iterator[float]:
    """Cores by each quota that holds for this process, its own group's and those above."""
    for controllers, path in _own_groups(proc):
        if not controllers:
            yield from _along(cgroups, path, _quota_v2)
            yield from _along(cgroups / "unified", path, _quota_v2)
        elif "cpu" in controllers:
            for name in CPU_FOLDERS:
                yield from _along(cgroups / name, path, _quota_v1)


def _own_groups(proc: Path) -> Iterator[tuple[list[str], str]]:
    """The groups that this process is in: the controllers (none for version 2) and the path."""
    for line in _lines(proc / "self" / "cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers or number == "0":
            yield [name for name in controllers.split(",") if name], path


def _along(root: Path, path: str, quota: Callable[[Path], float | None]) -> Iterator[float]:
    """The quotas from the group at `path` up to the root.

    Inside a container the path may be the host's: what is mounted then begins at the container's own group.
    """
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    for length in range(len(parts), -1, -1):
        found = quota(root.joinpath(*parts[:length]))
        if found is not None:
            yield found


def _quota_v2(folder: Path) -> float | None:
    """Of `cpu.max`, "200000 100000" or "max 100000": microseconds of each period."""
    words = " ".join(_lines(folder / "cpu.max")).split()
    return _ratio(words[0], words[1]) if len(words) == 2 else None


def _quota_v1(folder: Path) -> float | None:
    quota, period = (_lines(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return _ratio(quota[0], period[0]) if quota and period else None


def _ratio(quota: str, period: str) -> float | None:
    """None where there is no quota: "max", or -1."""
    if not (quota.isdecimal() and period.isdecimal() and int(quota) and int(period)):
        return None
    return int(quota) / int(period)


def _lines(file: Path) -> list[str]:
    """Empty where the kernel shows no such file, or not to us."""
    try:
        return file.read_text("utf-8").splitlines()
    except OSError:
        return []


def killed_for_memory(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """How many processes the kernel killed for memory in this one's control group; 0 where it does not say.

    Version 2 counts in `memory.events`, version 1 in `memory.oom_control`.
    """
    kills = [0.0]
    for controllers, path in _own_groups(proc):
        if not controllers:
            kills += _along(cgroups, path, partial(_counted, "memory.events"))
        elif "memory" in controllers:
            kills += _along(cgroups / "memory", path, partial(_counted, "memory.oom_control"))
    return int(max(kills))


def _counted(name: str, folder: Path) -> float | None:
    fields = (line.split() for line in _lines(folder / name))
    return next((float(words[1]) for words in fields if words[0] == "oom_kill" and len(words) == 2), None)
