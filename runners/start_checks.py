"""What would let every process fail and be started again for ever is said once, before any of them starts."""

import os
import platform
import tempfile
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLConfigException

from configuration import Configuration
from configuration.driver import lack_of_driver
from configuration.soundness import damage_in
from configuration.stages import WEIGHTS_FOLDERS
from runners.listening import lack_of_port
from validation.subnet.files import lack_of_files

MAX_SOCKET_PATH = 102  # BentoML's own bound, below the 104 bytes of macOS and 108 of Linux
SOCKET_IN_FOLDER = len("/bentoml-uds-12345678/140000000000000.sock")


def refuse_bad_start(configuration: Configuration) -> None:
    """Looks once, in the process that starts the others (or holds all of them).

    Raises:
        BentoMLConfigException: With one line that names the file or folder; `bentoml serve` shows no
            traceback for it and ends with code 1.
    """
    if bentoml.server_context.worker_index is not None:
        return
    folder = tempfile.gettempdir()
    reason = (
        lack_of_port(configuration.services.http)
        or lack_of_socket_room(folder)
        or (lack_of_driver() if configuration.device == "cuda" else None)
        or _damage(configuration)
        or lack_of_scorer(configuration)
    )
    if reason is not None:
        raise BentoMLConfigException(reason)


def lack_of_socket_room(folder: str) -> str | None:
    """Why the sockets between the processes cannot lie in a temporary folder; None if they can."""
    if "BENTOML_NO_UDS" in os.environ or "microsoft-standard" in platform.release():  # ports instead
        return None
    longest = MAX_SOCKET_PATH - SOCKET_IN_FOLDER
    length = len(os.fsencode(folder))
    if length <= longest:
        return None
    return (
        f"the temporary folder {folder} has {length} bytes, too long for the sockets in it:"
        f" set TMPDIR to one of at most {longest}"
    )


def lack_of_scorer(configuration: Configuration) -> str | None:
    """What the scorer that is asked for lacks; None if nothing, or if other hosts hold the weights."""
    if configuration.validation.scorer != "subnet":
        return None
    if configuration.random_weights:
        return "validation.scorer: subnet has no random weights; take clip_laion"
    folder = Path(configuration.weights) / "validation"
    return lack_of_files(folder) if folder.is_dir() else None


def _damage(configuration: Configuration) -> str | None:
    if configuration.random_weights:
        return None
    damage = damage_in(Path(configuration.weights), WEIGHTS_FOLDERS)
    return None if damage is None else f"weights: {damage}"
