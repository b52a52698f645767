"""The GPU's memory as one process sees it, and what oneDNN and glibc keep of the host's."""

import ctypes
import gc
import os
import platform
import sys

from runners.status import GpuMemory

GIB = 2**30
M_ARENA_MAX = -8  # glibc's number for it
MAX_ARENAS = 2
KERNEL_CACHES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")  # of torch's binding, of oneDNN
KEPT_KERNELS = 128  # an object has about 100 shapes
ALLOCATOR_VARIABLES = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")


def prepare_allocator() -> None:
    """Lets torch's allocator grow its blocks instead of scattering them; before torch is imported.

    A choice of the operator's stays.
    """
    if not any(variable in os.environ for variable in ALLOCATOR_VARIABLES):
        os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"


def bound_kernel_caches() -> None:
    """Lets oneDNN keep few kernels; before torch is imported. A choice of the operator's stays.

    On a CPU each number of rows has a kernel of its own, and every object other numbers: the 2,048 that are
    kept by default take a gigabyte, half of it in the gaps that they leave between tensors.
    """
    for variable in KERNEL_CACHES:
        os.environ.setdefault(variable, str(KEPT_KERNELS))


def bound_arenas() -> None:
    """Lets all threads of this process share two heaps; before they start.

    Else each thread that ever made a batch keeps its largest one's memory: in finishing's process 2.4 instead
    of 1.3 GB after eight meshes.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, MAX_ARENAS)


def trim_heaps() -> None:
    """Gives freed memory of the heaps back to the host; some 50 ms, for after large work."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def limit_memory(limit_gib: float) -> None:
    """Caps torch's allocator: at the limit it first gives back what it caches, then raises; 0 is no limit."""
    import torch

    if limit_gib:
        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit_gib * GIB / total))


def allocated_bytes(device: str) -> int:
    """What tensors of this process take of the GPU."""
    import torch

    return int(torch.cuda.memory_allocated()) if device == "cuda" else 0


def drop_cache(device: str) -> None:
    """Gives what the allocator only caches back to the GPU."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()


def free_memory() -> None:
    """Gives back what this process only caches, on GPU and host; for after work that lacked memory."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        drop_cache("cuda")
    trim_heaps()


def gpu_memory(device: str) -> GpuMemory | None:
    """This process's part of the GPU; None without one."""
    import torch

    if device != "cuda":
        return None
    return GpuMemory(
        allocated=int(torch.cuda.memory_allocated()),
        reserved=int(torch.cuda.memory_reserved()),
        peak_allocated=int(torch.cuda.max_memory_allocated()),
        peak_reserved=int(torch.cuda.max_memory_reserved()),
    )
