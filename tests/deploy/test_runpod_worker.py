"""The serverless worker under the real `runpod`: its local server, and its loop against a stand-in."""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from command_line.places import ROOT
from tests.deploy.platform_stand_in import PlatformState, environment_of, platform
from tests.deploy.tools import deploy_tool
from tests.serving import FAKE_SERVICE, free_port, placeholder_weights, small_environment
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

READY_SECONDS = 180.0
INLINE_BYTES = 500_000  # the stand-in's PLY has 476 kB, in a ZIP with others it has 553
LOG_BYTES = 100_000


@contextmanager
def worker(service_port: int, arguments: list[str], **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process, warm; ended with SIGTERM, which must leave nothing."""
    python = deploy_tool("python")
    if subprocess.run([python, "-c", "import runpod"], check=False, capture_output=True).returncode != 0:
        pytest.skip("runpod is not installed; `make deploy-test` installs it")
    environment = {
        **os.environ,
        **small_environment(placeholder_weights()),
        "MINER_PYTHON": sys.executable,
        "MINER_SERVICE": FAKE_SERVICE,
        "MINER_SERVICE_PORT": str(service_port),
        "MINER_INLINE_BYTES": str(INLINE_BYTES),
        **more,
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(python), "-m", "deploy.runpod.handler", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{service_port}/readyz", process), READY_SECONDS)
            yield process
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            assert psutil.wait_procs(children, timeout=20)[1] == []
            assert log.seek(0, os.SEEK_END) < LOG_BYTES  # by default runpod would log every file
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-6000:])
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=60)


def answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the worker has ended"
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_the_local_server_answers_what_the_service_answers() -> None:
    service, api = free_port(), free_port()
    arguments = ["--rp_serve_api", "--rp_api_port", str(api), "--rp_api_host", "127.0.0.1"]
    with worker(service, arguments) as process:
        wait_for(lambda: answers(f"http://127.0.0.1:{api}/", process), READY_SECONDS)

        def run(**given: Any) -> dict[str, Any]:
            url = f"http://127.0.0.1:{api}/runsync"
            reply = httpx.post(url, json={"input": given}, timeout=60, trust_env=False)
            assert reply.status_code == 200, reply.text
            return dict(reply.json())

        for prompt, path, fields in (
            ("mug", "/generate/", {}),
            ("mug", "/generate/", {"format": "spz"}),
            ("mug", "/generate_video/", {"format": "mp4", "video_res": 64}),
        ):
            done = run(prompt=prompt, seed=7, **fields)
            assert done["status"] == "COMPLETED", done
            form = {"prompt": prompt, "seed": 7, **fields}
            direct = httpx.post(f"http://127.0.0.1:{service}{path}", data=form, timeout=60, trust_env=False)
            assert base64.b64decode(done["output"]["content"]) == direct.content
            assert done["output"]["seed"] == int(direct.headers["x-seed"])
        rejected = run(prompt="ugly mug", seed=7)
        assert rejected["status"] == "COMPLETED"
        assert rejected["output"]["status"] == "rejected"
        assert rejected["output"]["reason"]
        assert failure(run(prompt="mug", seed="x")) == "invalid_parameter"
        assert failure(run(prompt="mug", format="ply,spz,mp4")) == "result_too_large"
        assert failure(run(prompt="broken mug", seed=7)) == "internal_error"


def failure(done: dict[str, Any]) -> str:
    assert done["status"] == "FAILED"
    told = json.loads(done["error"])
    assert told.keys() == {"error", "detail"}
    return str(told["error"])


def test_the_worker_loop_takes_jobs_side_by_side_tells_stages_and_stops_jobs() -> None:
    state, service = PlatformState(), free_port()
    with platform(state) as url, worker(service, [], **environment_of(url)):
        names = [f"job-{number}" for number in range(8)]
        for name in names:
            state.submit(name, prompt=f"slow {name}", seed=7)
        results = [state.result(name) for name in names]
        assert [result["output"]["status"] for result in results] == ["done"] * len(names)
        assert max(state.batches) == 8  # gateway.concurrency
        told = [entry["stage"] for entry in state.progress(names[-1])]
        assert told == [
            name for name in ("text_to_image", "matting", "image_to_3d", "validation") if name in told
        ]
        assert "image_to_3d" in told
        stop_one(state, service)


def stop_one(state: PlatformState, service: int) -> None:
    """A job that RunPod stops leaves the service, and others go on."""
    state.submit("stopped", prompt="slow " * 30, seed=7)
    while "stopped" not in state.told:  # its first stage
        time.sleep(0.05)
    with state.changed:
        state.stopping.append("stopped")
    deadline = time.monotonic() + 30
    while httpx.get(f"http://127.0.0.1:{service}/progress/stopped", trust_env=False).status_code == 200:
        assert time.monotonic() < deadline, "the request went on"
        time.sleep(0.1)
    state.submit("next", prompt="mug", seed=7)
    assert state.result("next")["output"]["status"] == "done"
