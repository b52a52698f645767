"""Lets a published profile run without a GPU: chosen as on a GPU of 24 GiB, then put on the CPU."""

from dataclasses import replace
from typing import Any

from configuration import reader
from configuration.profiles import GIB, Choice, choose_profile

GPU_BYTES = 24 * GIB


def install() -> None:
    """Takes the place of the choice; before anything loads the configuration."""
    reader.choose_profile = _choose  # type: ignore[attr-defined]


def install_fast_paths() -> None:
    """What a GPU would switch on is switched on here too (if the configuration asks for it), uncompiled."""
    from models.fast.flux.acceleration import ImageSwitches
    from models.fast.plan import Switches

    def all_on(_: object, **chosen: Any) -> Switches:
        return replace(Switches.all_on(), **chosen)

    images = ImageSwitches(blocks=True, autoencoder=True, graphs=True, prompts=1, compiler="eager")
    ImageSwitches.for_device = lambda _: images  # type: ignore[method-assign,assignment]
    Switches.for_device = all_on  # type: ignore[method-assign,assignment]


def _choose(**asked: Any) -> Choice:
    return replace(choose_profile(**{**asked, "gpu_bytes": GPU_BYTES}), device="cpu")
