"""Around whatever loads weights: one kind of error for files that cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from models.errors import MinerError, WeightsError


@contextmanager
def weights_in(place: Path) -> Iterator[None]:
    """Turns what a loader raises over its files (libraries raise anything) into an error that names them.

    Lack of memory is no fault of the files and passes as it is.

    Raises:
        WeightsError: It names `place`, a file or a folder, unless the loader's own error does so already.
    """
    try:
        yield
    except (MinerError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # from json, safetensors, transformers, diffusers, open_clip and torch
        said = " ".join(str(error).split())
        raise WeightsError(f"cannot load {place}: {type(error).__name__}: {said}") from error
