"""Prompts in, files out: the contract of both paths."""

import json
import re

import pytest
from prometheus_client import REGISTRY
from starlette.testclient import TestClient

from tests.ply_reader import main_color, read_table
from tests.stand_ins.fakes import color_of

UPSTREAM_PROPERTIES = [
    "x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
    "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
]  # fmt: skip
STAGES = ["text_to_image", "matting", "image_to_3d", "validation"]


@pytest.mark.parametrize("path", ["/generate", "/generate/"])
def test_generate_answers_a_ply_with_and_without_slash(client: TestClient, path: str) -> None:
    reply = client.post(path, data={"prompt": "pink bicycle"}, follow_redirects=False)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/octet-stream"
    assert int(reply.headers["content-length"]) == len(reply.content)
    names, table = read_table(reply.content)
    assert names == UPSTREAM_PROPERTIES
    assert len(table) >= 7000
    assert main_color(reply.content) == pytest.approx(color_of("pink bicycle"), abs=1e-5)


@pytest.mark.parametrize("path", ["/generate_video", "/generate_video/"])
def test_generate_video_answers_an_mp4_with_and_without_slash(client: TestClient, path: str) -> None:
    reply = client.post(path, data={"prompt": "pink bicycle", "video_res": "65"}, follow_redirects=False)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "video/mp4"
    assert reply.content[4:8] == b"ftyp"
    assert "video;dur=" in reply.headers["server-timing"]


def test_server_timing_names_every_stage_in_milliseconds(client: TestClient) -> None:
    reply = client.post("/generate", data={"prompt": "lamp"})
    timings = dict(re.findall(r"([\w.]+);dur=([\d.]+)", reply.headers["server-timing"]))
    assert set(STAGES) <= set(timings)
    assert sum(float(timings[stage]) for stage in STAGES) <= float(timings["total"])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(client: TestClient) -> None:
    first, again, other = (
        client.post("/generate", data={"prompt": "mug", "seed": s}) for s in ("5", "5", "6")
    )
    assert first.headers["x-seed"] == "5"
    assert first.content == again.content != other.content


@pytest.mark.parametrize("seed", ["-1", "", None])
def test_a_random_seed_comes_back_and_repeats_the_object(client: TestClient, seed: str | None) -> None:
    fields = {"prompt": "mug"} | ({} if seed is None else {"seed": seed})
    first = client.post("/generate", data=fields)
    again = client.post("/generate", data={"prompt": "mug", "seed": first.headers["x-seed"]})
    assert first.content == again.content


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("ugly", "alignment"),
        ("nothing", "empty_matte"),
        ("void", "empty_structure"),
        ("unturned", "rotations"),  # a gate on the file
    ],
)
@pytest.mark.parametrize("path", ["/generate", "/generate_video"])
def test_two_failed_attempts_end_in_204_with_the_reason(
    client: TestClient, path: str, prompt: str, reason: str
) -> None:
    reply = client.post(path, data={"prompt": prompt, "seed": "7"})
    assert reply.status_code == 204
    assert reply.content == b""
    assert reply.headers["x-reject-reason"].startswith(reason)
    assert reply.headers["x-reject-gate"] == reason
    assert reply.headers["x-seed"] != "7"


def test_every_answer_with_an_object_tells_its_scores(client: TestClient) -> None:
    for prompt, alignment in (("mug", 1.0), ("ugly", -1.0)):
        reply = client.post("/generate", data={"prompt": prompt})
        assert json.loads(reply.headers["x-score"]) == {
            "total": None,
            "alignment": alignment,
            "aesthetics": 9.0,
            "parts": {},
        }
    assert "x-score" not in client.post("/generate", data={"prompt": "nothing"}).headers
    assert REGISTRY.get_sample_value("fast_3d_miner_rejections_total", {"gate": "alignment"})
    assert REGISTRY.get_sample_value("fast_3d_miner_rejections_total", {"gate": "empty_matte"})
    assert REGISTRY.get_sample_value("fast_3d_miner_scores_count", {"score": "aesthetics"})


def test_a_failed_attempt_is_repeated_with_a_new_seed(client: TestClient) -> None:
    reply = client.post("/generate", data={"prompt": "second", "seed": "7"})
    assert reply.status_code == 200
    assert reply.headers["x-seed"] != "7"
    alone = client.post("/generate", data={"prompt": "second", "seed": reply.headers["x-seed"]})
    assert alone.content == reply.content


def test_an_internal_fault_is_500_and_tells_nothing(client: TestClient) -> None:
    reply = client.post("/generate", data={"prompt": "broken"})
    assert reply.status_code == 500
    assert reply.json().keys() == {"error", "detail"}
    assert b"secret" not in reply.content
    assert b"Traceback" not in reply.content


@pytest.mark.parametrize("path", ["/health", "/health/"])
def test_health_says_healthy(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert (reply.status_code, reply.json()) == (200, {"status": "healthy"})


def test_version_names_profile_device_and_weights(client: TestClient) -> None:
    facts = client.get("/version").json()
    assert facts["profile"] == "embedded"
    assert facts["device"] == "cpu"
    assert {"version", "weights", "profile_reason"} <= facts.keys()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_answer_200_once_warm(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200
