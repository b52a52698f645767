"""PlayCanvas's converter of splat files, the reference for the formats that it defined."""

import subprocess
from pathlib import Path

from tests.export.node_tools import node_package, program


def as_ply(data: bytes, name: str, folder: Path) -> bytes:
    """A splat file as an ordinary PLY; skips the test where the program is not installed.

    Args:
        data: The file.
        name: Which suffix tells the program its format.
        folder: For both files.
    """
    modules = node_package("@playcanvas/splat-transform")
    source, target = folder / name, folder / "converted.ply"
    source.write_bytes(data)
    script = modules / "@playcanvas/splat-transform/bin/cli.mjs"
    command = [program("node"), str(script), "-w", "-q", str(source), str(target)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return target.read_bytes()
