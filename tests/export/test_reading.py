"""Files of splats read back: our own, another program's, hand-made ones, and damaged ones."""

import gzip
import json
import struct
import time
from collections.abc import Callable

import gaussforge
import numpy as np
import pytest
import torch
import zstandard

from export.ply import read_ply, write_ply
from export.splat_glb import write_splat_glb
from export.splat_glb_reading import read_splat_glb
from export.spz import write_spz
from export.spz_reading import read_spz
from models.errors import SplatFileError
from models.gaussians.gaussians import Gaussians
from tests.export.test_ply import random_splats

COUNT = 500


@pytest.fixture(scope="module")
def tool() -> gaussforge.GaussForge:
    return gaussforge.GaussForge()


def assert_alike(found: Gaussians, wanted: Gaussians, tolerance: float = 1e-5) -> None:
    for name in ("means", "opacities", "colors"):
        torch.testing.assert_close(getattr(found, name), getattr(wanted, name), rtol=0, atol=tolerance)
    torch.testing.assert_close(found.scales.log(), wanted.scales.log(), rtol=0, atol=1e-4)
    assert float((found.quats_wxyz * wanted.quats_wxyz).sum(-1).abs().min()) > 1 - 1e-5


def read_by_another(tool: gaussforge.GaussForge, data: bytes) -> Gaussians:
    return read_ply(bytes(tool.convert(data, "spz", "ply")["data"]))


@pytest.mark.parametrize("version", [3, 4])
def test_our_spz_is_read_as_another_program_reads_it(tool: gaussforge.GaussForge, version: int) -> None:
    data = write_spz(random_splats(COUNT), version=version)  # type: ignore[arg-type]
    assert_alike(read_spz(data), read_by_another(tool, data))


def test_another_programs_spz_is_read(tool: gaussforge.GaussForge) -> None:
    data = bytes(tool.convert(write_ply(random_splats(COUNT)), "ply", "spz")["data"])
    assert_alike(read_spz(data), read_by_another(tool, data))


def second_version(count: int, *, announced: int | None = None, degree: int = 0) -> bytes:
    """A file of version 2, any bytes but opacities that another program turns into infinite logits."""
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 256, (count, width), np.uint8) for width in (9, 1, 3, 3)]
    arrays[1] = arrays[1].clip(1, 254)
    xyz = random.normal(size=(count, 4))
    xyz = (xyz / np.linalg.norm(xyz, axis=1, keepdims=True))[:, :3]
    arrays.append(np.rint(xyz * 127.5 + 127.5).clip(0, 255).astype(np.uint8))
    arrays.append(np.zeros((count, (0, 9, 24, 45)[degree]), np.uint8))
    header = struct.pack(
        "<IIIBBBB", 0x5053474E, 2, count if announced is None else announced, degree, 12, 0, 0
    )
    return gzip.compress(header + b"".join(array.tobytes() for array in arrays))


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_version_2_is_read_as_another_program_reads_it(tool: gaussforge.GaussForge, degree: int) -> None:
    data = second_version(COUNT, degree=degree)
    found, wanted = read_spz(data), read_by_another(tool, data)
    torch.testing.assert_close(found.means, wanted.means, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.opacities, wanted.opacities, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.colors, wanted.colors, rtol=0, atol=1e-5)
    assert float((found.quats_wxyz * wanted.quats_wxyz).sum(-1).abs().min()) > 1 - 1e-4


def test_a_splat_glb_comes_back_whole() -> None:
    splats = random_splats(COUNT)
    assert_alike(read_splat_glb(write_splat_glb(splats)), splats)


def changed_glb(change: Callable[[dict], None]) -> bytes:  # type: ignore[type-arg]
    data = write_splat_glb(random_splats(20))
    length = int.from_bytes(data[12:16], "little")
    document = json.loads(data[20 : 20 + length])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + data[20 + length :]
    return struct.pack("<III", 0x46546C67, 2, 12 + len(body)) + body


def without_extension(document: dict) -> None:  # type: ignore[type-arg]
    del document["meshes"][0]["primitives"][0]["extensions"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_extension, "no splats"),
        (lambda d: d["accessors"][0].update(count=10**12), "accessor wants"),
        (lambda d: d["accessors"][0].update(count=-3), "accessor wants"),
        (lambda d: d["accessors"][0].update(count=19), "differ in length"),
        (lambda d: d["accessors"][0].update(count="many"), "damaged"),
        (lambda d: d["accessors"][0].update(bufferView=99), "damaged"),
        (lambda d: d["bufferViews"][0].update(byteOffset=-4), "accessor wants"),
        (lambda d: d["bufferViews"][0].update(byteStride=0), "accessor wants"),
        (lambda d: d["nodes"][0].update(scale=[2, 2, 2]), "moves its splats"),
        (lambda d: d["meshes"][0]["primitives"][0]["attributes"].pop("KHR_gaussian_splatting:SCALE"), "lack"),
        (lambda d: d.update(meshes=[1]), "damaged"),
        (lambda d: d.update(meshes=None), "damaged"),
    ],
)
def test_a_glb_that_promises_what_it_does_not_hold_is_refused(
    change: Callable[..., None], words: str
) -> None:
    with pytest.raises(SplatFileError, match=words):
        read_splat_glb(changed_glb(change))


def test_normalised_integers_are_fractions() -> None:
    def change(document: dict) -> None:  # type: ignore[type-arg]
        number = document["meshes"][0]["primitives"][0]["attributes"]["KHR_gaussian_splatting:OPACITY"]
        document["accessors"][number] |= {"componentType": 5121, "normalized": True}

    found = read_splat_glb(changed_glb(change))
    assert bool(((found.opacities >= 0) & (found.opacities <= 1)).all())


@pytest.mark.parametrize("count", [21, 2**32 - 1, 5_000_000])
def test_an_spz_that_announces_more_than_it_holds_is_refused_at_once(count: int) -> None:
    started = time.perf_counter()
    with pytest.raises(SplatFileError, match=r"of the|more than"):
        read_spz(second_version(20, announced=count))
    fourth = bytearray(write_spz(random_splats(20), version=4))
    fourth[8:12] = struct.pack("<I", count)
    with pytest.raises(SplatFileError, match=r"belong|more than"):
        read_spz(bytes(fourth))
    assert time.perf_counter() - started < 2


def test_no_more_is_unpacked_than_the_splats_take() -> None:
    """Megabytes of zeros behind few splats."""
    header = struct.pack("<IIIBBBB", 0x5053474E, 3, 20, 0, 12, 0, 0)
    assert read_spz(gzip.compress(header + bytes(2**26), 9)).num_splats == 20
    streams = [zstandard.compress(bytes(2**24)) for _ in range(5)]
    sizes = [180, 20, 60, 60, 80]
    head = struct.pack("<IIIBBBBI", 0x5053474E, 4, 20, 0, 12, 0, 5, 32).ljust(32, b"\0")
    table = b"".join(struct.pack("<QQ", len(one), size) for one, size in zip(streams, sizes, strict=True))
    assert read_spz(head + table + b"".join(streams)).num_splats == 20


@pytest.mark.parametrize("kind", ["spz", "spz4", "glb"])
def test_a_file_cut_anywhere_or_with_a_byte_changed_never_raises_anything_else(kind: str) -> None:
    splats = random_splats(20)
    read: Callable[[bytes], Gaussians] = read_splat_glb if kind == "glb" else read_spz
    data = {
        "spz": write_spz(splats),
        "spz4": write_spz(splats, version=4),
        "glb": write_splat_glb(splats),
    }[kind]
    random = np.random.default_rng(1)
    for length in [*range(40), *random.integers(0, len(data), 100).tolist()]:
        with pytest.raises(SplatFileError):
            read(data[:length])
    for place in random.integers(0, len(data), 200).tolist():
        broken = bytearray(data)
        broken[place] ^= int(random.integers(1, 256))
        try:
            read(bytes(broken))
        except SplatFileError:
            continue


@pytest.mark.parametrize("version", [1, 5])
def test_another_version_is_named(version: int) -> None:
    content = bytearray(gzip.decompress(write_spz(random_splats(3))))
    content[4] = version
    with pytest.raises(SplatFileError, match=f"version {version}"):
        read_spz(gzip.compress(bytes(content)))
