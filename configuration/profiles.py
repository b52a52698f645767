"""Which model family runs, where its weights lie, and on which device."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from command_line.places import ROOT, command, weights_home
from configuration import lock
from configuration.driver import torch_cuda
from configuration.leaves import ConfigurationError
from configuration.schema import RANDOM, Profile
from configuration.stages import required_files

GIB = 2**30

REQUIRED_FILES = tuple(group[0] for group in required_files() if len(group) == 1)
ONE_OF_THESE = tuple(group for group in required_files() if len(group) > 1)
MAX_SHELL_VOXELS = 102_208  # grid points of 64^3 within 29.0 of its centre
NOTHING_PUBLISHED = "has no published shapes"
DOWNLOAD = command("fast3d-weights", "python scripts/download_weights.py")
SERVE = command("fast3d-serve", "bentoml serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One profile's needs: its weights' folder, whether they must be fetched, and the GPU's memory."""

    name: Profile
    folder: str
    downloaded: bool
    min_gpu_gib: float


FAMILIES = (
    Family(name="80gb", folder="weights/80gb", downloaded=True, min_gpu_gib=48.0),
    Family(name="24gb", folder="weights/24gb", downloaded=True, min_gpu_gib=22.0),
    Family(name="embedded", folder="models/embedded", downloaded=False, min_gpu_gib=0.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The profile that runs, and why."""

    profile: Profile
    reason: str
    weights: Path
    device: Literal["cpu", "cuda"]


def choose_profile(
    *, profile: str, weights: str, device: str, base: Path, gpu_bytes: int, spread: bool = False
) -> Choice:
    """Picks the profile.

    Args:
        profile: `auto` or a profile's name.
        weights: `auto` or the folder of the weights; a relative one starts at `base`.
        device: `auto`, `cpu` or `cuda`.
        base: Folder of the configuration file.
        gpu_bytes: Memory of the largest GPU, 0 without one.
        spread: Other hosts run the models, so that weights and GPU need not be here: a profile that is asked
            for by name is taken at its word.

    Raises:
        ConfigurationError: Unknown names, or a profile whose weights or GPU are missing.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigurationError(f"device: must be auto, cpu or cuda, not {device!r}")
    if device == "cpu":
        gpu_bytes = 0
    if device == "cuda" and not gpu_bytes:
        reason = "the driver shows no GPU" if torch_cuda() is not None else "torch was built without CUDA"
        raise ConfigurationError(f"device: cuda was asked for, but {reason}")
    families = [family for family in FAMILIES if profile in ("auto", family.name)]
    if not families:
        names = ", ".join(family.name for family in FAMILIES)
        raise ConfigurationError(f"profile: must be auto or one of {names}, not {profile!r}")
    if weights.partition(":")[0] == RANDOM:
        return _random_choice(families, weights, gpu_bytes)
    refusals: list[str] = []
    for family in families:
        folder = _own_folder(family, base) if weights == "auto" else base / weights
        try:
            refusal = _lack_of_weights(family, folder, base, advise=profile != "auto")
        except PermissionError as error:
            refusal = f"uid {os.getuid()} may not read {error.filename}"
        refusal = refusal or _lack_of_gpu(family, gpu_bytes, advise=profile != "auto")
        if refusal is None or (spread and profile != "auto"):
            reason = "asked for" if profile != "auto" else "; ".join([*refusals, "weights present"])
            return Choice(
                profile=family.name, reason=reason, weights=folder, device="cuda" if gpu_bytes else "cpu"
            )
        refusals.append(f"{family.name}: {refusal}")
    raise ConfigurationError("no profile can run. " + "; ".join(refusals))


def largest_gpu_bytes() -> int:
    """Memory of the largest GPU the driver shows, 0 where there is none, or none that torch can use."""
    import pynvml

    if torch_cuda() is None:
        return 0
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return 0
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return max((int(pynvml.nvmlDeviceGetMemoryInfo(handle).total) for handle in handles), default=0)
    finally:
        pynvml.nvmlShutdown()


def _own_folder(family: Family, base: Path) -> Path:
    """Where `auto` finds a family: beside the configuration file, else where the project keeps it.

    An operator's copy of the file may lie anywhere.
    """
    beside = base / family.folder
    kept = weights_home() / family.name if family.downloaded else ROOT / family.folder
    return beside if beside.is_dir() else kept


def _lack_of_weights(family: Family, folder: Path, base: Path, *, advise: bool) -> str | None:
    inside = (place for place in (base, ROOT, weights_home().parent) if folder.is_relative_to(place))
    place = next(inside, None)
    shown = folder if place is None else folder.relative_to(place)
    advice = f" (run: {DOWNLOAD} --profile {family.name})" if advise and family.downloaded else ""
    if not folder.is_dir():
        return f"no weights in {shown}{advice}"
    if (folder / lock.LOCK_NAME).is_file():
        if not family.downloaded:  # published networks would run with its few steps and small sizes
            return f"weights in {shown} are downloaded ones, which need a GPU"
        half = lock.refusal(folder)
        return None if half is None else f"weights in {shown}: {half}{advice}"
    missing = [name for name in REQUIRED_FILES if not (folder / name).exists()]
    missing += [
        " or ".join(group) for group in ONE_OF_THESE if not any(any(folder.glob(one)) for one in group)
    ]
    return f"weights in {shown} lack {', '.join(missing)}{advice}" if missing else None


def _lack_of_gpu(family: Family, gpu_bytes: int, *, advise: bool) -> str | None:
    if gpu_bytes >= family.min_gpu_gib * GIB:
        return None
    advice = f" (run without a GPU: MINER__PROFILE=embedded {SERVE})" if advise else ""
    return f"needs a GPU with {family.min_gpu_gib:g} GiB, found {gpu_bytes / GIB:.1f} GiB{advice}"


def _random_choice(families: list[Family], weights: str, gpu_bytes: int) -> Choice:
    """The largest published family that the GPU holds; `random:32768` sets the voxels of the fixed shell."""
    voxels = weights.partition(":")[2]
    if voxels and not (voxels.isdecimal() and 0 < int(voxels) <= MAX_SHELL_VOXELS):
        raise ConfigurationError(f"weights: random:{voxels} must name 1 to {MAX_SHELL_VOXELS} voxels")
    refusals = []
    for family in families:
        refusal = _lack_of_gpu(family, gpu_bytes, advise=False) if family.downloaded else NOTHING_PUBLISHED
        if refusal is None:
            reason = "RANDOM WEIGHTS, for benchmarks only"
            return Choice(profile=family.name, reason=reason, weights=Path(weights), device="cuda")
        refusals.append(f"{family.name}: {refusal}")
    raise ConfigurationError("weights: random cannot run. " + "; ".join(refusals))
