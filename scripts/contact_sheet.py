"""A picture of a splat PLY from all around: 2 rows of 4 views, 45 degrees apart, on white.

python -m scripts.contact_sheet FILE.ply OUT.png [--view-size 320]
"""

import argparse
from pathlib import Path

from command_line.arguments import at_least_one, user_path
from command_line.running import run_program
from export.ply import read_ply
from rendering.contact_sheet import contact_sheet_png
from rendering.renderer import create_renderer


def main() -> None:
    """Draws on the CPU, whatever the machine has."""
    ply, png, view_size = _parse_arguments()
    splats = read_ply(ply.read_bytes())
    png.write_bytes(contact_sheet_png(splats, create_renderer("cpu"), view_size=view_size))


def _parse_arguments() -> tuple[Path, Path, int]:
    parser = argparse.ArgumentParser(prog="python -m scripts.contact_sheet", description=__doc__)
    parser.add_argument("ply", type=user_path, help="splat PLY, +Y up, largest extent about 1.5")
    parser.add_argument("png", type=user_path, help="picture to write")
    parser.add_argument("--view-size", type=at_least_one, default=320, help="side of one view in pixels")
    parsed = parser.parse_args()
    return parsed.ply, parsed.png, parsed.view_size


if __name__ == "__main__":
    run_program(main)
