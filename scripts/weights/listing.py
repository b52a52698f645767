"""What a download would bring: files, sizes, licences, total."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from configuration.lock import Lock
from models.weights.manifest import WeightFile, WeightSource
from scripts.weights.errors import DownloadError
from scripts.weights.resolve import Hub, Wanted, resolve


def listing(sources: Sequence[WeightSource], hub: Hub, lock: Lock | None, folder: Path) -> Iterator[str]:
    """Lines of the list; where the hub does not tell, sizes are the manifest's and marked with `~` or `?`."""
    total = 0
    exact = True
    for source in sources:
        gated = ", gated: needs HF_TOKEN" if source.gated else ""
        yield f"{source.role}: {source.name}, licence {source.licence}{gated}"
        if source.note:
            yield f"  note: {source.note}"
        try:
            found: dict[str, Wanted] = {wanted.lands: wanted for wanted in resolve(source, hub, lock)}
        except DownloadError as error:
            yield f"  sizes from the manifest: {error}"
            found = {}
        for file in source.files:
            if file.optional and found and source.lands(file) not in found:
                continue
            size, shown = _size(file, found.get(source.lands(file)))
            total += size
            exact = exact and shown[0].isdigit()
            there = " (there)" if (folder / source.lands(file)).is_file() else ""
            yield f"  {shown:>15}  {source.lands(file)}{there}"
    yield f"total {'' if exact else 'about '}{total:,} bytes ({total / 1e9:.1f} GB) into {folder}"


def _size(file: WeightFile, wanted: Wanted | None) -> tuple[int, str]:
    if wanted is not None:
        return wanted.size, f"{wanted.size:,}"
    if file.size is not None:
        return file.size, f"{file.size:,}"
    if file.estimate is not None:
        return file.estimate, f"~{file.estimate:,}"
    return 0, "?"
