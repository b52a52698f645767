"""The card's memory as one process sees it."""

import os

from runners.messages import CardMemory

GIB = 2**30
ALLOCATOR_VARIABLES = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")


def prepare_allocator() -> None:
    """Lets torch's allocator grow its blocks instead of scattering them; before torch is imported.

    A choice of the operator's stays.
    """
    if not any(variable in os.environ for variable in ALLOCATOR_VARIABLES):
        os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"


def limit_memory(limit_gib: float) -> None:
    """Caps torch's allocator: at the limit it first gives back what it caches, then raises; 0 is no limit."""
    import torch

    if limit_gib:
        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit_gib * GIB / total))


def allocated_bytes(device: str) -> int:
    """What tensors of this process take of the card."""
    import torch

    return int(torch.cuda.memory_allocated()) if device == "cuda" else 0


def drop_cache(device: str) -> None:
    """Gives what the allocator only caches back to the card."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()


def card_memory(device: str) -> CardMemory | None:
    """This process's part of the card; None without one."""
    import torch

    if device != "cuda":
        return None
    return CardMemory(
        allocated=int(torch.cuda.memory_allocated()),
        reserved=int(torch.cuda.memory_reserved()),
        peak_allocated=int(torch.cuda.max_memory_allocated()),
        peak_reserved=int(torch.cuda.max_memory_reserved()),
    )
