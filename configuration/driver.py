"""Whether the GPU's driver can run what torch was built for, asked without importing torch."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def torch_cuda() -> str | None:
    """The version of CUDA that the installed torch was built for; None if it was built without."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    told = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    found = re.search(r"^cuda\b[^=\n]*=\s*['\"]([0-9.]+)['\"]", told, re.MULTILINE)
    return found[1] if found else None


def lack_of_driver() -> str | None:
    """Why the driver cannot run torch's CUDA; None if it can, or if there is no driver to ask.

    A driver runs every CUDA of its own major version, and older ones.
    """
    import pynvml

    built = torch_cuda()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        version = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        name = pynvml.nvmlSystemGetDriverVersion()
    finally:
        pynvml.nvmlShutdown()
    if built is None or version // 1000 >= int(built.split(".")[0]):
        return None
    newest = f"{version // 1000}.{version % 1000 // 10}"
    return (
        f"the GPU's driver {name} runs CUDA up to {newest}, but torch was built for {built}:"
        " update the driver, or run without the GPU (MINER__DEVICE=cpu MINER__PROFILE=embedded)"
    )
