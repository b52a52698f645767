"""How large GPUs are used, on the CPU: stages share a process but take no turns, objects overlap."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from command_line.places import ROOT
from tests.serving import EMBEDDED, free_port, running_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "models/embedded").exists(), reason="models/embedded is missing"),
]

LAYOUT = {
    "MINER__SERVICES__SHARED": "[matting, image_to_3d, validation]",
    "MINER__SERVICES__TURNS": "false",
    "MINER__SERVICES__IMAGE_TO_3D__CONCURRENCY": "2",
    "MINER__IMAGE_TO_3D__OVERLAP": "true",
}
NO_BATCHES = {f"MINER__SERVICES__{stage}__CONCURRENCY": "1" for stage in ("TEXT_TO_IMAGE", "MATTING")}
QUICK = {  # few steps; whatever comes of it passes
    "MINER__TEXT_TO_IMAGE__STEPS": "2",
    "MINER__IMAGE_TO_3D__FAST__STRUCTURE__STEPS": "4",
    "MINER__IMAGE_TO_3D__FAST__LATENTS__STEPS": "1",
    "MINER__VALIDATION__ALIGNMENT": "-1",
    "MINER__VALIDATION__AESTHETICS": "-10",
    "MINER__VALIDATION__SIMILARITY": "-1",
    "MINER__VALIDATION__MIN_SPLATS": "0",
    "MINER__VALIDATION__MAX_RETRIES": "0",
}
SEEDS = (1, 2, 3, 4)
TIMEOUT_SECONDS = 120


def test_objects_made_at_once_are_those_made_alone() -> None:
    environment = EMBEDDED | LAYOUT | QUICK | NO_BATCHES
    with running_server(environment, port=free_port(), target="service:Miner") as (url, _):

        def make(seed: int) -> httpx.Response:
            fields = {"prompt": "pink bicycle", "seed": str(seed)}
            return httpx.post(f"{url}/generate/", data=fields, timeout=TIMEOUT_SECONDS)

        alone = [make(seed) for seed in SEEDS]
        with ThreadPoolExecutor(len(SEEDS)) as pool:
            together = list(pool.map(make, SEEDS))
        processes = httpx.get(f"{url}/version").json()["processes"]
    assert [reply.status_code for reply in alone + together] == [200] * 8
    same = [once.content == other.content for once, other in zip(together, alone, strict=True)]
    assert same == [True] * len(SEEDS)
    assert len({reply.content for reply in alone}) == len(SEEDS)
    shared = [process["stages"] for process in processes if len(process["stages"]) > 1]
    assert [sorted(stages) for stages in shared] == [["image_to_3d", "matting", "validation"]]
