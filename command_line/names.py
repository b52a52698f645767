"""File names for results: one for each text, valid on every file system, and never over another result."""

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

STEM_BYTES = 100  # of at most 143 that the strictest common file system (eCryptfs) takes, suffixes included
HASH_DIGITS = 8
RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{name}{i}" for name in ("com", "lpt") for i in range(10))}
)
KEPT_CATEGORIES = frozenset({"Mn", "Mc", "Me", "So", "Sk"})  # marks belong to letters; emoji and their tones
MAX_ALTERNATIVES = 10_000


def stem_of(text: str, *, nothing: str = "object") -> str:
    """A file name without suffix for a text; different texts get different ones.

    Letters, digits and emoji of any script are kept, in lower case, and all else becomes a hyphen. Where that
    loses something, a part of the text's hash follows: texts that differ in case or punctuation only, or
    behind what fits, stay apart, on file systems without case too.

    Args:
        text: A prompt.
        nothing: What to call a text of which nothing is left.
    """
    text = unicodedata.normalize("NFC", text)
    kept = "".join(char if _is_kept(char) else "-" for char in unicodedata.normalize("NFC", text.casefold()))
    stem = "-".join(filter(None, kept.split("-")))
    short = _cut(stem)
    if short and short not in RESERVED and short.replace("-", " ") == text:
        return short
    return f"{short or nothing}-{hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]}"


def write_new(folder: Path, stem: str, files: Mapping[str, bytes], *, detail: str = "") -> dict[Path, bool]:
    """Writes a result's files, all with one stem that is free for all of them.

    Files of that stem with the same content are the same result and are left alone. With other content they
    are another one's, and stay: the new ones get `detail` behind their stem, then numbers.

    Args:
        folder: Where.
        stem: First choice.
        files: Content by suffix, without its dot.
        detail: What tells results of one text apart, such as `seed-7`.

    Returns:
        The files, and whether each was written now.

    Raises:
        OSError: One cannot be written.
    """
    for candidate in _candidates(stem, detail):
        paths = {folder / f"{candidate}.{suffix}": data for suffix, data in files.items()}
        new = {path: data for path, data in paths.items() if not path.exists()}
        if all(path in new or _holds(path, data) for path, data in paths.items()) and _create_all(new):
            return {path: path in new for path in paths}
    raise FileExistsError(f"{folder} holds {MAX_ALTERNATIVES} results named {stem}; name another folder")


def set_aside(path: Path) -> Path | None:
    """Renames an earlier run's file, so that a report of the same name can be written and none is lost.

    Returns:
        Its new name, `NAME-1.json` or the next one that is free; None where there was no file.
    """
    if not path.exists():
        return None
    for number in range(1, MAX_ALTERNATIVES):
        aside = path.with_name(f"{path.stem}-{number}{path.suffix}")
        if not aside.exists():
            path.rename(aside)
            return aside
    raise FileExistsError(
        f"{path.parent} holds {MAX_ALTERNATIVES} files named {path.stem}; name another folder"
    )


def _is_kept(char: str) -> bool:
    return char.isalnum() or (ord(char) > 127 and unicodedata.category(char) in KEPT_CATEGORIES)


def _cut(stem: str) -> str:
    """As many whole characters as fit, with their marks."""
    size, end = 0, len(stem)
    for place, char in enumerate(stem):
        size += len(char.encode())
        if size > STEM_BYTES:
            end = place
            break
    while 0 < end < len(stem) and unicodedata.combining(stem[end]):
        end -= 1
    return stem[:end].strip("-")


def _candidates(stem: str, detail: str) -> Iterator[str]:
    yield stem
    if detail:
        stem = f"{stem}-{detail}"
        yield stem
    yield from (f"{stem}-{number}" for number in range(2, MAX_ALTERNATIVES))


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _create_all(files: Mapping[Path, bytes]) -> bool:
    """Creates all of the files or none; False where another process was first with one."""
    made: list[Path] = []
    try:
        for path, data in files.items():
            with path.open("xb") as file:
                made.append(path)
                file.write(data)
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            return False
        raise
    return True
