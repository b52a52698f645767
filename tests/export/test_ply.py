"""PLY against independent readers, and against itself."""

import io
from collections.abc import Callable
from pathlib import Path

import gaussforge
import meshio
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line.places import ROOT
from export.ply import PROPERTIES, file_bytes, read_ply, write_ply
from models.errors import PlyFormatError
from models.gaussians.gaussians import SH_C0, Gaussians

HAMBURGER = ROOT.parent / "shared" / "data" / "splats" / "hamburger.ply"
HEADER = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 3\n"
    + b"".join(b"property float %s\n" % name.encode() for name in PROPERTIES)
    + b"end_header\n"
)


def random_splats(num_splats: int, seed: int = 0) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)
    quats = torch.randn(num_splats, 4, generator=generator)
    return Gaussians(
        means=torch.rand(num_splats, 3, generator=generator) * 1.5 - 0.75,
        scales=torch.exp(torch.rand(num_splats, 3, generator=generator) * 5 - 8),
        quats_wxyz=torch.nn.functional.normalize(quats, dim=-1),
        opacities=torch.rand(num_splats, generator=generator) * 0.98 + 0.01,
        colors=torch.rand(num_splats, 3, generator=generator) * 1.4 - 0.2,
    )


def test_the_header_is_exactly_the_upstreams_and_a_splat_takes_68_bytes() -> None:
    data = write_ply(random_splats(3))
    assert data.startswith(HEADER)
    assert len(data) == len(HEADER) + 3 * 68 == file_bytes(3)


def test_another_reader_finds_the_fields_as_specified(tmp_path: Path) -> None:
    splats = random_splats(100)
    file = tmp_path / "splats.ply"
    file.write_bytes(write_ply(splats))
    mesh = meshio.read(file)
    fields = {name: torch.from_numpy(np.array(values)) for name, values in mesh.point_data.items()}

    def stacked(*names: str) -> torch.Tensor:
        return torch.stack([fields[name] for name in names], dim=-1)

    assert torch.equal(torch.from_numpy(mesh.points.astype(np.float32)), splats.means)
    assert stacked("nx", "ny", "nz").abs().max() == 0
    colors = 0.5 + SH_C0 * stacked("f_dc_0", "f_dc_1", "f_dc_2")
    torch.testing.assert_close(colors, splats.colors, rtol=0, atol=1e-6)
    torch.testing.assert_close(fields["opacity"].sigmoid(), splats.opacities, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        stacked("scale_0", "scale_1", "scale_2").exp(), splats.scales, rtol=1e-5, atol=0
    )
    assert torch.equal(stacked("rot_0", "rot_1", "rot_2", "rot_3"), splats.quats_wxyz)


def test_the_subnets_compressor_takes_it_within_its_quantisation() -> None:
    """SPZ: positions to 1/4096, log-scales to 1/16, opacity and colour to 8 bits."""
    splats = random_splats(500)
    tool = gaussforge.GaussForge()
    packed = tool.convert(write_ply(splats), "ply", "spz")
    assert "error" not in packed
    unpacked = tool.convert(packed["data"], "spz", "ply")
    result = read_ply(bytes(unpacked["data"]))
    assert result.num_splats == 500
    torch.testing.assert_close(result.means, splats.means, rtol=0, atol=1 / 4096)
    torch.testing.assert_close(result.scales.log(), splats.scales.log(), rtol=0, atol=1 / 16)
    torch.testing.assert_close(result.opacities, splats.opacities, rtol=0, atol=1.5 / 255)
    cosines = (result.quats_wxyz * splats.quats_wxyz).sum(-1).abs()
    assert cosines.min() > 0.999


@given(seed=st.integers(0, 2**32 - 1), num_splats=st.integers(0, 50))
@settings(deadline=None, max_examples=50)
def test_what_is_written_is_read_back(seed: int, num_splats: int) -> None:
    splats = random_splats(num_splats, seed)
    result = read_ply(write_ply(splats))
    assert torch.equal(result.means, splats.means)
    for field in ("scales", "quats_wxyz", "opacities", "colors"):
        torch.testing.assert_close(getattr(result, field), getattr(splats, field), rtol=2e-6, atol=2e-7)


def test_extreme_opacities_and_scales_stay_finite() -> None:
    splats = random_splats(3)
    splats.opacities[:] = torch.tensor([0.0, 1.0, 0.5])
    splats.scales[0] = 0.0
    table = np.frombuffer(write_ply(splats)[len(HEADER) :], "<f4").reshape(3, 17)
    assert np.isfinite(table).all()
    assert table[0, 9] < -13
    assert table[1, 9] > 13
    assert table[2, 9] == 0


def test_the_same_splats_give_the_same_bytes() -> None:
    assert write_ply(random_splats(50)) == write_ply(random_splats(50))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["means", "scales", "quats_wxyz", "opacities", "colors"])
def test_values_that_are_not_finite_are_refused(field: str, value: float) -> None:
    splats = random_splats(3)
    getattr(splats, field)[1] = value
    if field == "opacities" and value == float("inf"):
        assert read_ply(write_ply(splats)).opacities[1] > 0.99999  # clamped like any opacity above 1
    else:
        with pytest.raises(ValueError, match="finite"):
            write_ply(splats)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"PK\x03\x04" + data,
        lambda data: data[:-1],
        lambda data: data + b"\x00",
        lambda data: data.replace(b"binary_little_endian", b"binary_big_endian"),
        lambda data: data.replace(b"property float x\n", b"property double x\n"),
        lambda data: data.replace(b"property float rot_3\n", b"property float rot_4\n"),
        lambda data: data.replace(b"element vertex 3", b"element vertex -3"),
        lambda data: data.replace(b"element vertex 3", b"element face 3"),
        lambda data: data.replace(b"end_header\n", b""),
        lambda data: data.replace(b"format binary_little_endian 1.0\n", b""),
        lambda data: b"ply\nformat binary_little_endian 1.0\nend_header\n",
    ],
)
def test_damaged_files_are_typed_errors(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(PlyFormatError):
        read_ply(damage(write_ply(random_splats(3))))


@pytest.mark.parametrize(
    ("lines", "in_front_of"),
    [
        ("property uchar red\n", "property float f_dc_0"),
        ("property double weight\n", "property float f_dc_0"),
        ("property list uchar int ring\n", "end_header"),
        ("element camera 2\nproperty float fov\n", "element vertex"),
        ("element face 1\n", "end_header"),
    ],
)
def test_layouts_with_other_offsets_are_refused_by_name_not_read_as_other_splats(
    lines: str, in_front_of: str
) -> None:
    data = write_ply(random_splats(3)).replace(in_front_of.encode(), lines.encode() + in_front_of.encode(), 1)
    with pytest.raises(PlyFormatError, match=lines.splitlines()[0] + "|first element"):
        read_ply(data + bytes(64))


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=100)
def test_arbitrary_bytes_never_fail_otherwise(data: bytes) -> None:
    """They may be splats; any other exception ends the test."""
    for candidate in (data, b"ply\n" + data, HEADER + data, HEADER + (data * 204)[:204]):
        try:
            read_ply(candidate)
        except PlyFormatError:
            continue


def test_fields_are_found_by_name_and_further_ones_ignored() -> None:
    splats = random_splats(4)
    table = np.frombuffer(write_ply(splats)[len(HEADER) :], "<f4").reshape(4, 17)
    order = [16, *range(16)]
    names = ["f_rest_0", *(PROPERTIES[column] for column in order)]
    buffer = io.BytesIO(b"ply\nformat binary_little_endian 1.0\ncomment by another tool\nelement vertex 4\n")
    buffer.seek(0, io.SEEK_END)
    buffer.write("".join(f"property float {name}\n" for name in names).encode() + b"end_header\n")
    buffer.write(np.concatenate([np.ones((4, 1), "<f4"), table[:, order]], axis=1).tobytes())
    result = read_ply(buffer.getvalue())
    assert torch.equal(result.means, splats.means)
    torch.testing.assert_close(result.quats_wxyz, splats.quats_wxyz)


@pytest.mark.skipif(not HAMBURGER.is_file(), reason="../shared/data/splats/hamburger.ply is not here")
def test_the_validators_own_fixture_is_read() -> None:
    splats = read_ply(HAMBURGER.read_bytes())
    assert splats.num_splats == 52709
    assert splats.opacities.min() >= 0
    assert splats.opacities.max() <= 1
