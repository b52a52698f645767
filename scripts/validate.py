"""Judges files of splats as the service judges its own: gates, views, scores, thresholds.

fast3d-validate FILE... [--prompt "pink bicycle" | --image PICTURE] [--frame standard] [--out out] [--replace]
    (in a checkout: python -m scripts.validate)

FILE is a PLY, an SPZ (2 to 4) or a GLB with splats; of a folder, all such files in it. Without a prompt the
one in NAME.txt beside NAME.ply counts; without any, only gates and looks do. One file's verdict is printed as
JSON; of several a table is printed, and verdicts.csv written. Beside that, a contact sheet of each is written
to --out as FILE.sheet.png. Scorer, views and thresholds are those of configuration.yaml (validation). The
exit status is 0 if all passed, 3 if one did not.
"""

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line.arguments import out_folder, user_path
from command_line.names import set_aside, write_new
from command_line.places import command
from command_line.running import run_program
from configuration import Configuration
from configuration.leaves import ConfigurationError
from configuration.reader import configuration_file, read_configuration
from gateway.errors import HttpError
from gateway.parameters import FRAME, MAX_PROMPT_LENGTH
from gateway.pictures.decoding import Pixels, decode_picture
from gateway.pictures.limits import PictureLimits
from models.errors import EmptyMatteError, WeightsError
from runners.formats import Frame
from runners.messages import JudgeResult
from runners.models import MAKERS, view_set
from runners.uploads import Sound, look_at
from runners.verdicts import rejected, result_of, verdict_content
from scripts.generate import REJECTED, parse_prompt

if TYPE_CHECKING:
    pass

SUFFIXES = (".ply", ".spz", ".glb")
TABLE = "verdicts.csv"
COLUMNS = ("file", "passed", "gate", "total", "alignment", "similarity", "aesthetics", "num_splats", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The command line."""

    files: list[Path]
    prompt: str | None
    image: Path | None
    frame: Frame | None
    out: Path
    replace: bool


class Validator:
    """What judges one file after the other."""

    def __init__(self, configuration: Configuration) -> None:
        """Loads the scorer that the configuration names.

        Raises:
            WeightsError: Its weights are not there.
        """
        from rendering.renderer import create_renderer
        from validation.judging import ViewJudge
        from validation.verdict import Thresholds

        settings = configuration.validation
        self._configuration = configuration
        self._renderer = create_renderer(configuration.device)
        scorer = MAKERS["validation"](configuration, configuration.device)
        self._judge: ViewJudge = ViewJudge(
            self._renderer, scorer, view_set(settings), Thresholds.of(settings)
        )

    def judged(
        self,
        data: bytes,
        *,
        frame: Frame | None,
        prompt: str | None,
        picture: Pixels | None,
        sheet: bool = True,
    ) -> tuple[JudgeResult, bytes | None]:
        """The verdict, and a contact sheet if one is wanted and there is anything to show."""
        from validation.judging import Candidate

        look = look_at(
            data,
            frame=frame or self._configuration.frame,
            device=self._configuration.device,
            min_splats=self._configuration.validation.min_splats,
        )
        if not isinstance(look, Sound):
            return rejected(look), None
        candidate = Candidate(splats=look.splats, geometry=look.geometry, prompt=prompt, picture=picture)
        (verdict,) = self._judge.verdicts([candidate])
        return result_of(look, verdict), self._sheet(look) if sheet else None

    def cut_out(self, picture: Pixels) -> Pixels:
        """The picture's object, as the service cuts it out.

        Raises:
            EmptyMatteError: There is none.
        """
        if picture.shape[2] == 4:
            return picture
        (found,) = MAKERS["matting"](self._configuration, self._configuration.device).cut_out([picture])
        if isinstance(found, EmptyMatteError):
            raise found
        pixels: Pixels = found
        return pixels

    def _sheet(self, look: Sound) -> bytes:
        from rendering.contact_sheet import contact_sheet_png
        from rendering.view_sets import at_usual_size

        return contact_sheet_png(at_usual_size(look.splats), self._renderer)


def main() -> int:
    """Runs the command line; the exit status."""
    arguments = parse_arguments()
    files = found_in(arguments.files)
    try:
        configuration = read_configuration(configuration_file(os.environ), os.environ)
        validator = Validator(configuration)
        picture = None if arguments.image is None else validator.cut_out(read_picture(arguments.image))
    except (ConfigurationError, WeightsError, EmptyMatteError, HttpError, OSError) as error:
        sys.exit(f"error: {error.detail if isinstance(error, HttpError) else error}")
    results = {file: judge_file(file, arguments, validator, picture) for file in files}
    if len(files) == 1:
        print(json.dumps({"file": str(files[0]), **verdict_content(results[files[0]])}, indent=2))
    else:
        rows = [row_of(file, result) for file, result in results.items()]
        print("\n".join(table(rows)))
        write_csv(arguments.out / TABLE, rows, replace=arguments.replace)
    return 0 if all(result.passed for result in results.values()) else REJECTED


def judge_file(file: Path, arguments: Arguments, validator: Validator, picture: Pixels | None) -> JudgeResult:
    """One file's verdict; its contact sheet is written."""
    try:
        data = file.read_bytes()
    except OSError as error:
        sys.exit(f"error: {file} cannot be read: {error.strerror}")
    prompt = arguments.prompt or prompt_beside(file)
    result, sheet = validator.judged(data, frame=arguments.frame, prompt=prompt, picture=picture)
    if sheet is not None:
        name = f"{file.name}.sheet.png"
        if arguments.replace:
            (arguments.out / name).write_bytes(sheet)
        else:
            write_new(arguments.out, file.name, {"sheet.png": sheet})
    return result


def found_in(paths: Sequence[Path]) -> list[Path]:
    """The files that are named, and those in the folders that are.

    Raises:
        SystemExit: There is none.
    """
    found = list(dict.fromkeys(_files(paths)))
    if not found:
        sys.exit(f"error: no {', '.join(SUFFIXES)} in {', '.join(map(str, paths))}")
    return found


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
        elif path.is_file():
            yield path
        else:
            sys.exit(f"error: {path} is not there")


def prompt_beside(file: Path) -> str | None:
    """What NAME.txt says; None where there is no such file, or nothing in it."""
    beside = file.with_suffix(".txt")
    if not beside.is_file():
        return None
    text = beside.read_text(encoding="utf-8", errors="replace").strip()
    return text[:MAX_PROMPT_LENGTH] or None


def read_picture(file: Path) -> Pixels:
    """A picture as the service reads one.

    Raises:
        HttpError: It is none, or too large.
        OSError: It cannot be read.
    """
    return decode_picture(file.read_bytes(), PictureLimits())


def row_of(file: Path, result: JudgeResult) -> dict[str, Any]:
    """One line of the table."""
    content = verdict_content(result)
    score = content["score"] or {"parts": {}}
    return {
        "file": str(file),
        **{name: content[name] for name in ("passed", "gate", "num_splats", "reason")},
        **{name: score.get(name) for name in ("total", "alignment", "aesthetics")},
        "similarity": score["parts"].get("similarity"),
    }


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Columns as wide as their longest value."""
    cells = [[str("" if row[name] is None else row[name]) for name in COLUMNS] for row in rows]
    lines = [list(COLUMNS), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def write_csv(path: Path, rows: Sequence[dict[str, Any]], *, replace: bool) -> None:
    """The table as a file; an earlier one is set aside unless it is to be replaced."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    if not replace:
        set_aside(path)
    path.write_text(text.getvalue(), encoding="utf-8")


def parse_arguments() -> Arguments:
    """Reads `sys.argv`."""
    parser = argparse.ArgumentParser(
        prog=command("fast3d-validate", "python -m scripts.validate"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="+", type=user_path, metavar="FILE", help="a file of splats, or a folder"
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--prompt", type=parse_prompt, help="what they shall show")
    asked.add_argument("--image", type=user_path, help="a picture of what they shall show")
    parser.add_argument(
        "--frame", choices=FRAME.values, help="axes of PLY and SPZ; the configuration's otherwise"
    )
    parser.add_argument("--out", type=out_folder, default="out", help="folder for contact sheets and table")
    parser.add_argument("--replace", action="store_true", help="write over files of the same name")
    return Arguments(**vars(parser.parse_args()))


if __name__ == "__main__":
    run_program(main)
