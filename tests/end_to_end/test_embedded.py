"""The shipped family, as an operator runs it: default configuration, real server."""

import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import gaussforge
import httpx
import meshio
import psutil
import pytest

from command_line.places import ROOT
from tests.end_to_end.hues import hue_of
from tests.end_to_end.silhouette import gaps_seen_from_the_side
from tests.ply_reader import read_table
from tests.serving import EMBEDDED, free_port, running_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "models/embedded").exists(), reason="models/embedded is missing"),
]

MAX_MEMORY_BYTES = 4 * 2**30
TIMEOUT_SECONDS = 120
MATES = ({"seed": "2"}, {"seed": "3"}, {"seed": "1"})


@pytest.fixture(scope="module")
def embedded() -> Iterator[tuple[str, int]]:
    """Address and main process of the service."""
    with running_server(EMBEDDED, port=free_port(), target="service:Miner") as (url, process):
        yield url, process.pid


@pytest.fixture(scope="module")
def bicycle(embedded: tuple[str, int]) -> httpx.Response:
    """The answer to the demo's prompt."""
    fields = {"prompt": "pink bicycle", "seed": "1"}
    reply = httpx.post(f"{embedded[0]}/generate/", data=fields, timeout=TIMEOUT_SECONDS)
    assert reply.status_code == 200, reply.headers.get("x-reject-reason", reply.text)
    return reply


def test_a_pink_bicycle_is_pink_and_passes_the_validators_gates(bicycle: httpx.Response) -> None:
    names, table = read_table(bicycle.content)
    assert len(table) >= 7000
    extent = table[:, :3].max(0) - table[:, :3].min(0)
    assert extent.max() == pytest.approx(1.5, abs=1e-4)
    opacity_logits = table[:, names.index("opacity")]
    assert (opacity_logits < -6.9).mean() < 0.8  # the validator's 0.001
    assert hue_of(bicycle.content) == "pink"


@pytest.mark.parametrize("color", ["red", "orange", "purple"])
def test_a_bicycle_of_a_neighbouring_colour_is_not_pink(embedded: tuple[str, int], color: str) -> None:
    reply = ask(embedded[0], "generate", {"prompt": f"{color} bicycle", "seed": "1"})
    assert reply.status_code == 200, reply.headers.get("x-reject-reason", reply.text)
    assert hue_of(reply.content) == color


def test_light_passes_between_its_spokes(bicycle: httpx.Response) -> None:
    """Five gaps a wheel; the frame and the stays cut two of them or so into smaller ones."""
    gaps = gaps_seen_from_the_side(read_table(bicycle.content)[1][:, :3])
    assert sum(size >= 15 for size in gaps) >= 1 + 2 * 4  # the frame's, and those of two wheels


def test_independent_readers_take_the_ply(bicycle: httpx.Response, tmp_path: Path) -> None:
    file = tmp_path / "bicycle.ply"
    file.write_bytes(bicycle.content)
    assert len(meshio.read(file).points) == len(read_table(bicycle.content)[1])
    packed = gaussforge.GaussForge().convert(bicycle.content, "ply", "spz")
    assert "error" not in packed


def test_the_seed_repeats_the_bytes(embedded: tuple[str, int], bicycle: httpx.Response) -> None:
    fields = {"prompt": "pink bicycle", "seed": bicycle.headers["x-seed"]}
    again = httpx.post(f"{embedded[0]}/generate/", data=fields, timeout=TIMEOUT_SECONDS)
    assert again.content == bicycle.content


def test_the_video_is_an_mp4(embedded: tuple[str, int], bicycle: httpx.Response) -> None:
    fields = {"prompt": "pink bicycle", "seed": bicycle.headers["x-seed"], "video_res": "128"}
    reply = httpx.post(f"{embedded[0]}/generate_video/", data=fields, timeout=TIMEOUT_SECONDS)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "video/mp4")
    assert reply.content[4:8] == b"ftyp"


def test_exact_files_of_every_kind_are_the_same_alone_and_in_company(
    embedded: tuple[str, int], bicycle: httpx.Response
) -> None:
    """Of the same seed, a mate without `exact` among them: all of them would share batches."""
    exact = {"seed": bicycle.headers["x-seed"], "exact": "1"}
    wanted = (
        ("generate", exact | {"format": "ply,spz,glb"}),
        ("generate_video", exact | {"video_res": "64"}),
    )
    alone = [ask(embedded[0], *request) for request in wanted]
    requests = [*wanted, *(("generate", mate) for mate in MATES)]
    start = Barrier(len(requests))

    def at_once(request: tuple[str, dict[str, str]]) -> httpx.Response:
        start.wait()
        return ask(embedded[0], *request)

    with ThreadPoolExecutor(len(requests)) as pool:
        replies = list(pool.map(at_once, requests))
    assert [reply.status_code for reply in (*alone, *replies)] == [200] * (len(alone) + len(requests))
    assert replies[0].headers["x-seed"] == bicycle.headers["x-seed"]
    assert members(replies[0]) == members(alone[0])
    assert members(alone[0])["object.ply"] == bicycle.content
    assert [reply.content == once.content for reply, once in zip(replies, alone, strict=False)] == [
        True,
        True,
    ]


def ask(url: str, path: str, fields: dict[str, str]) -> httpx.Response:
    return httpx.post(f"{url}/{path}/", data={"prompt": "pink bicycle"} | fields, timeout=TIMEOUT_SECONDS)


def members(reply: httpx.Response) -> dict[str, bytes]:
    """A bundle's files."""
    with zipfile.ZipFile(io.BytesIO(reply.content)) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


@pytest.mark.usefixtures("bicycle")
def test_all_processes_together_stay_within_four_gib(embedded: tuple[str, int]) -> None:
    service = psutil.Process(embedded[1])
    processes = [service, *service.children(recursive=True)]
    assert sum(process.memory_full_info().pss for process in processes) <= MAX_MEMORY_BYTES
