"""A published profile, as its preset sets it up, on tiny networks and without a GPU."""

import io
import zipfile
from pathlib import Path

import httpx
import pytest
import trimesh
from PIL import Image

from tests.ply_reader import read_table
from tests.serving import free_port, running_server, small_environment
from tests.stand_ins.tiny_weights import TINY_SETTINGS, write_mesh_decoder, write_tiny_weights

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS = 120
READY_SECONDS = 300  # fast paths trace every batch size first, slow on busy cores
STAGES = {"text_to_image", "matting", "image_to_3d", "validation", "finishing"}
PUBLISHED = {"MINER__PROFILE": "24gb", "MINER__DEVICE": "auto"}
RANDOM_VOXELS = 16_040


def colored_png() -> bytes:
    """A picture for networks that see nothing in any."""
    file = io.BytesIO()
    Image.new("RGB", (96, 64), (200, 30, 90)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("fast_paths", ["false", "true"])
def test_the_24gb_profile_makes_splats_mesh_and_video_in_one_process(tmp_path: Path, fast_paths: str) -> None:
    write_tiny_weights(tmp_path / "weights")
    write_mesh_decoder(tmp_path / "weights/image_to_3d")
    environment = {
        **TINY_SETTINGS,
        **PUBLISHED,
        "WEIGHTS_DIR": str(tmp_path / "weights"),
        "MINER__VALIDATION__VIEWS": "2",
        "MINER__TEXT_TO_IMAGE__FAST_PATHS": fast_paths,
        "MINER__IMAGE_TO_3D__FAST_PATHS": fast_paths,
        "BENTOML_DO_NOT_TRACK": "True",
    }
    if fast_paths == "true":  # every size is warmed up
        environment |= {
            "MINER__IMAGE_TO_3D__RECORDED_VOXELS": "2560",
            "MINER__SERVICES__TEXT_TO_IMAGE__MAX_BATCH_SIZE": "2",
            "MINER__SERVICES__TEXT_TO_IMAGE__CONCURRENCY": "4",
        }
    target = "tests.stand_ins.published_service:Miner"
    with (
        running_server(environment, port=free_port(), target=target, ready_seconds=READY_SECONDS) as (url, _),
        httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS) as client,
    ):
        version = client.get("/version").json()
        fields = {"prompt": "a pink bicycle", "seed": "1", "format": "ply,glb,mp4"}
        reply = client.post("/generate/", data=fields)
        picture = client.post("/generate/", files={"image": ("a.png", colored_png())})
    assert version["profile"] == "24gb"
    assert [set(process["stages"]) for process in version["processes"]] == [STAGES]
    assert reply.status_code == 200, reply.headers.get("x-reject-reason", reply.text)
    assert picture.status_code == 200, picture.headers.get("x-reject-reason", picture.text)
    assert len(read_table(picture.content)[1]) > 0
    assert "text_to_image" not in picture.headers["server-timing"]
    assert "x-weights" not in reply.headers
    bundle = zipfile.ZipFile(io.BytesIO(reply.content))
    assert len(read_table(bundle.read("object.ply"))[1]) > 0
    glb = io.BytesIO(bundle.read("object.glb"))
    assert len(trimesh.load_mesh(glb, file_type="glb").faces) > 0
    assert bundle.read("object.mp4")[4:8] == b"ftyp"


def test_random_weights_are_named_in_every_response() -> None:
    environment = {
        **small_environment(Path()),
        **PUBLISHED,
        "WEIGHTS_DIR": "",
        "WEIGHTS": f"random:{RANDOM_VOXELS}",
        "MINER__TEXT_TO_IMAGE__FAST_PATHS": "false",  # the fakes have none
        "MINER__IMAGE_TO_3D__FAST_PATHS": "false",
    }
    target = "tests.stand_ins.fake_published_service:Miner"
    with (
        running_server(environment, port=free_port(), target=target) as (url, _),
        httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS) as client,
    ):
        version = client.get("/version").json()
        probes = [client.get(path) for path in ("/health", "/livez", "/readyz", "/version", "/metrics")]
        answers = {
            200: client.post("/generate", data={"prompt": "mug"}),
            204: client.post("/generate/", data={"prompt": "ugly"}),
            400: client.post("/generate", content=b"{", headers={"content-type": "application/json"}),
            404: client.get("/nowhere"),
            405: client.get("/generate"),
            413: client.post("/generate", content=b"x" * 2**21),
            415: client.post("/generate", content=b"x", headers={"content-type": "text/plain"}),
            422: client.post("/generate", data={}),
            500: client.post("/generate", data={"prompt": "broken"}),
        }
    assert (version["weights"], version["profile"]) == ("RANDOM", "24gb")
    assert "RANDOM" in version["profile_reason"]
    assert {status: reply.status_code for status, reply in answers.items()} == {s: s for s in answers}
    assert [reply.headers.get("x-weights") for reply in (*probes, *answers.values())] == ["random"] * 14
