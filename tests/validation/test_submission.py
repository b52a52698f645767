"""The gates on a PLY's bytes: each file below differs from a sound one in one thing, written here by hand."""

import time

import numpy as np
import pytest

from export.ply import write_ply
from tests.stand_ins.fakes import ball
from validation.gates import Rejection, failed_gate
from validation.geometry import Geometry, measure
from validation.submission import inspect

NAMES = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"]
NAMES += ["scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
COUNT = 50


def rows() -> np.ndarray:
    """Splats in a box of 1.5 x 1 x 0.5 around the origin, half opaque and turned."""
    table = np.zeros((COUNT, len(NAMES)), "<f4")
    table[:, :3] = np.random.default_rng(0).uniform(-0.5, 0.5, (COUNT, 3)) * (1.4, 1.0, 0.5)
    table[0, :3], table[1, :3] = (-0.75, 0, 0), (0.75, 0, 0)
    table[:, NAMES.index("scale_0") : NAMES.index("rot_0")] = -4.0
    table[:, NAMES.index("rot_0") :] = (0.6, 0.8, 0, 0)
    return table


def header(count: object = COUNT, names: list[str] = NAMES) -> list[str]:
    return [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {count}",
        *(f"property float {name}" for name in names),
        "end_header",
    ]


def file_of(lines: list[str] | None = None, table: np.ndarray | None = None, newline: str = "\n") -> bytes:
    text = newline.join([*(header() if lines is None else lines), ""])
    return text.encode() + (rows() if table is None else table).tobytes()


def changed(name: str, value: float, which: slice = slice(7, 8)) -> np.ndarray:
    table = rows()
    table[which, NAMES.index(name)] = value
    return table


def gate_of(data: bytes, min_splats: int = 1) -> str | None:
    look = inspect(data)
    rejection = look if isinstance(look, Rejection) else failed_gate(look, min_splats=min_splats)
    return None if rejection is None else rejection.gate


def test_a_sound_file_passes_with_its_measures() -> None:
    assert inspect(file_of()) == Geometry(
        num_splats=COUNT,
        faint_share=0.0,
        all_rotations_identity=False,
        all_finite=True,
        extent=1.5,
        farthest=0.75,
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["ply", "comment made by hand", *header()[1:]],
        ["ply", "format ascii 1.0", *header()[2:]],
        ["ply", "format binary_big_endian 1.0", *header()[2:]],
        ["PLY", *header()[1:]],
        [" ply", *header()[1:]],
        [*header()[:2], "obj_info nothing", *header()[2:]],
        [*header()[:-1], "element face 0", "property list uchar int vertex_indices", "end_header"],
        header("fifty"),
        header(-50),
        header("5e1"),
        header("9" * 5000),
        header(" 50"),
        [*header()[:2], "element  vertex 50", *header()[3:]],
        [line.replace("float opacity", "float32 opacity") for line in header()],
        [line.replace("float opacity", "double opacity") for line in header()],
        header(names=[name if name != "opacity" else "opacity " for name in NAMES]),
        header(names=[name if name != "nx" else "x" for name in NAMES]),
        *(
            header(names=[one if one != name else "other" for one in NAMES])
            for name in NAMES
            if name[0] != "n"
        ),
        ["ply", "format binary_little_endian 1.0"],
        [],
        ["ply", "end_header"],
    ],
)
def test_a_header_that_the_strict_parser_does_not_take_is_named(lines: list[str]) -> None:
    assert gate_of(file_of(lines)) == "header"


def test_windows_line_ends_and_a_header_without_end_are_no_header() -> None:
    assert gate_of(file_of(newline="\r\n")) == "header"
    assert gate_of(b"ply\n" + b"property float x\n" * 100_000) == "header"
    assert gate_of(file_of()[:100]) == "header"
    assert gate_of(b"") == "header"


@pytest.mark.parametrize("count", [COUNT + 1, COUNT - 1, 9_999_999])
def test_a_count_that_the_bytes_do_not_bear_out_is_not_believed(count: int) -> None:
    started = time.perf_counter()
    assert gate_of(file_of(header(count))) == "length"
    assert time.perf_counter() - started < 1


def test_more_splats_than_the_compressor_reads_and_files_too_large_are_refused() -> None:
    assert gate_of(file_of(header(10_000_001))) == "count"
    assert gate_of(bytes(100 * 2**20 + 1)) == "size"
    assert gate_of(file_of(), min_splats=COUNT + 1) == "count"
    assert gate_of(file_of(header(0), rows()[:0])) == "count"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [name for name in NAMES if name[0] != "n"])
def test_a_value_that_is_no_number_is_seen_in_every_column(name: str, value: float) -> None:
    assert gate_of(file_of(table=changed(name, value))) == "finite"


def test_columns_that_nobody_reads_may_hold_anything() -> None:
    assert gate_of(file_of(table=changed("nx", np.nan))) is None


def test_opacities_count_as_the_validator_counts_them() -> None:
    """A logit of -6.91 is 0.000997, one of -6.90 is 0.001007."""
    most, more = slice(0, 40), slice(0, 41)
    assert gate_of(file_of(table=changed("opacity", -6.91, most))) is None  # 80 % is not more than 80 %
    assert gate_of(file_of(table=changed("opacity", -6.91, more))) == "opacity"
    assert gate_of(file_of(table=changed("opacity", -6.90, slice(None)))) is None


def test_rotations_must_be_some() -> None:
    turned = rows()
    turned[:, NAMES.index("rot_0") :] = (1, 0, 0, 0)
    assert gate_of(file_of(table=turned)) == "rotations"
    turned[3, NAMES.index("rot_1")] = 0.1
    assert gate_of(file_of(table=turned)) is None
    turned[4, NAMES.index("rot_0") :] = 0
    assert gate_of(file_of(table=turned)) == "rotations"


@pytest.mark.parametrize(("factor", "gate"), [(0.0, "extent"), (0.05, "extent"), (0.07, None), (60.0, None)])
def test_what_spz_steps_would_ruin_is_no_object(factor: float, gate: str | None) -> None:
    table = rows()
    table[:, :3] *= factor
    assert gate_of(file_of(table=table)) == gate


def test_positions_that_wrap_around_in_an_spz_are_refused() -> None:
    assert gate_of(file_of(table=changed("y", 2047.9))) is None
    assert gate_of(file_of(table=changed("y", -2048.0))) == "extent"


def test_our_own_files_pass_and_measure_as_their_splats_do() -> None:
    splats = ball((0.1, 0.5, 0.9), seed=3)
    seen, known = inspect(write_ply(splats)), measure(splats)
    assert isinstance(seen, Geometry)
    assert seen.extent == pytest.approx(known.extent)
    assert seen.farthest == pytest.approx(known.farthest)
    assert failed_gate(seen, min_splats=7000) is None


def test_higher_harmonics_are_nobodys_concern() -> None:
    names = [*NAMES, *(f"f_rest_{i}" for i in range(45))]
    table = np.concatenate([rows(), np.full((COUNT, 45), np.nan, "<f4")], axis=1)
    assert gate_of(file_of(header(names=names), table)) is None
