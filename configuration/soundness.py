"""Whether the files of a weights folder are whole, before any process loads them; no weights are read.

A copy that broke off leaves a file whose length is not the one that its own header announces. Whether tensors
fit their architecture only the model processes can tell.
"""

import json
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000  # the library's own limit
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
PICKLES = (".pth", ".pt", ".bin")


class _DamageError(ValueError):
    """What is wrong with one file."""


def damage_in(root: Path, folders: Sequence[str]) -> str | None:
    """The first file that cannot be whole and why, in one line; None if none is.

    Args:
        root: The weights folder.
        folders: Those inside it that are read; hidden folders in them (a download's own) are not.
    """
    for file in (file for folder in folders for file in _visible(root / folder)):
        try:
            _check(file)
        except OSError as error:
            return f"{file} cannot be read: {error.strerror}"
        except _DamageError as error:
            return f"{file} {error}"
    return None


def _visible(folder: Path) -> Iterator[Path]:
    """All files, sorted; links that lead nowhere too."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _visible(path)
        else:
            yield path


def _check(file: Path) -> None:
    if file.suffix == ".json":
        _check_json(file)
    elif file.suffix == ".safetensors":
        _check_safetensors(file)
    elif file.suffix in PICKLES:
        _check_pickle(file)


def _check_json(file: Path) -> None:
    content = _object(file.read_bytes(), "file")
    shards = content.get("weight_map") if file.name.endswith(".index.json") else None
    for name in sorted(set(shards.values())) if isinstance(shards, dict) else []:
        if not (file.parent / str(name)).is_file():
            raise _DamageError(f"names {name}, which is not there")


def _check_safetensors(file: Path) -> None:
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(LENGTH_BYTES)
        length = struct.unpack("<Q", start)[0] if len(start) == LENGTH_BYTES else None
        if length is None or length > MAX_HEADER_BYTES:
            raise _DamageError(f"is no safetensors file: its {size} bytes begin with no length of a header")
        header = stream.read(length)
    if len(header) < length:
        raise _DamageError(f"is cut short: {size} bytes, less than its header of {length}")
    end = _end_of_tensors(_object(header, "header"))
    expected = LENGTH_BYTES + length + end
    if size != expected:
        kind = "is cut short" if size < expected else "is too long"
        raise _DamageError(f"{kind}: {size} bytes, its header announces {expected}")


def _end_of_tensors(header: dict[str, Any]) -> int:
    """How many bytes of tensors follow; checks that they leave no gap and are as large as their shapes."""
    spans = []
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        try:
            begin, end = (int(offset) for offset in tensor["data_offsets"])
            bits = BITS.get(tensor["dtype"], 0)
            for side in tensor["shape"]:
                bits *= int(side)
        except (KeyError, TypeError, ValueError) as error:
            raise _DamageError(f"has a damaged header: tensor {name!r} is not described") from error
        if tensor["dtype"] in BITS and bits != 8 * (end - begin):
            raise _DamageError(f"has a damaged header: tensor {name!r} has another size than its shape")
        spans.append((begin, end))
    last = 0
    for begin, end in sorted(spans):
        if begin != last:
            raise _DamageError(f"has a damaged header: a gap between tensors at byte {last}")
        last = end
    return last


def _check_pickle(file: Path) -> None:
    """PyTorch's format is a ZIP, whose directory stands at its end; the one before 1.6 tells nothing."""
    with file.open("rb") as stream:
        start = stream.read(2)
    if not start:
        raise _DamageError("is empty")
    if start == b"PK" and not zipfile.is_zipfile(file):
        raise _DamageError("is cut short: a PyTorch file without the directory at its end")


def _object(content: bytes, part: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = "is" if part == "file" else f"has a {part} that is"
        raise _DamageError(f"{where} not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise _DamageError(f"holds a JSON {type(value).__name__} where an object belongs")
    return value
