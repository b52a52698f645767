"""Tries a built image as an operator would: python deploy/docker/check.py IMAGE [--engine podman].

Starts it as it is, kills a runner, stops it with six requests in work; starts it again read-only as another
user. RUN_OPTIONS holds further options for the engine's `run`. Containers share the host's network. The exit
status is 1 if one of the checks fails, and a failure is printed with the container's last lines.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

READY_SECONDS = 400.0  # two cores that others use as well
STOP_SECONDS = 60
IN_WORK = 6
QUICK = {  # few steps and no verdict: whether a request comes through, not what it shows
    "MINER__TEXT_TO_IMAGE__STEPS": "2",
    "MINER__IMAGE_TO_3D__FAST__STRUCTURE__STEPS": "4",
    "MINER__IMAGE_TO_3D__FAST__LATENTS__STEPS": "1",
    "MINER__VALIDATION__ALIGNMENT": "-1",
    "MINER__VALIDATION__AESTHETICS": "-10",
    "MINER__VALIDATION__SIMILARITY": "-1",
    "MINER__VALIDATION__RETRY_BELOW": "-1",
    "MINER__VALIDATION__MIN_SPLATS": "1",
    "MINER__SERVICES__GATEWAY__DEADLINE_SECONDS": "120",
}
WANTED = {
    "WEIGHTS_DIR",
    "CACHE_DIR",
    "BENTOML_DO_NOT_TRACK",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
}
KILL_A_RUNNER = """
import os, psutil, signal
commands = {process.pid: process.cmdline() for process in psutil.process_iter()}
(runner,) = [pid for pid, words in commands.items() if "--service-name" in words and "matting" in words]
os.kill(runner, signal.SIGKILL)
"""
LEFTOVERS = """
import glob, os, shutil
assert os.path.isdir("/home/bentoml/bento/src/__pycache__"), "our sources have no bytecode"
assert not shutil.which("uv") and not shutil.which("nvcc"), "the build's tools are still there"
assert not glob.glob("/app/.venv/lib/python*/site-packages/nvidia/*/bin/nvcc"), "nvcc is still there"
"""


class CheckError(Exception):
    """The image does not do what it should."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine's command line, and what every `run` of it needs here."""

    command: list[str]
    options: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *arguments], check=False, capture_output=True, text=True)
        if check and done.returncode:
            raise CheckError(f"{shlex.join([*self.command, *arguments])}: {done.stderr.strip()[-2000:]}")
        return done

    def run(
        self, image: str, *command: str, options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return self("run", "--rm", *self.options, *options, image, *command, check=False)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A running container of the service."""

    engine: Engine
    name: str
    url: str

    def wait_until_ready(self, *, ready: bool = True) -> float:
        """Seconds until /readyz answers 200, or no longer does."""
        started = time.monotonic()
        while time.monotonic() - started < READY_SECONDS:
            try:
                if (httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200) == ready:
                    return time.monotonic() - started
            except httpx.TransportError:
                if (
                    self.engine("inspect", self.name, "--format", "{{.State.Running}}").stdout.strip()
                    != "true"
                ):
                    raise CheckError("the container has ended") from None
            time.sleep(0.5)
        raise CheckError(
            f"/readyz {'does not answer' if ready else 'still answers'} 200 after {READY_SECONDS:g} s"
        )

    def generate(self) -> httpx.Response:
        fields = {"prompt": "pink bicycle", "seed": "1"}
        return httpx.post(f"{self.url}/generate/", data=fields, timeout=180)

    def last_lines(self) -> str:
        """The end of its log."""
        logs = self.engine("logs", "--tail", "60", self.name, check=False)
        return f"{logs.stdout}\n{logs.stderr}"

    def probe(self) -> int:
        """Exit status of the image's HEALTHCHECK."""
        program = "/home/bentoml/bento/src/deploy/docker/healthcheck.py"
        return self.engine("exec", self.name, "python", "-S", program, check=False).returncode

    def stop(self) -> tuple[int, float]:
        """Exit status and seconds."""
        started = time.monotonic()
        self.engine("stop", "--time", str(STOP_SECONDS), self.name)
        status = self.engine("inspect", self.name, "--format", "{{.State.ExitCode}}").stdout
        return int(status), time.monotonic() - started


@contextmanager
def running(engine: Engine, image: str, port: int, *options: str) -> Iterator[Container]:
    """A container of the service; it is gone afterwards."""
    name = f"miner-check-{os.getpid()}-{port}"
    settings = [f"--env={key}={value}" for key, value in {**QUICK, "PORT": str(port)}.items()]
    engine(
        "run", "--detach", "--name", name, "--network", "host", *engine.options, *options, *settings, image
    )
    try:
        yield Container(engine=engine, name=name, url=f"http://127.0.0.1:{port}")
    finally:
        engine("rm", "--force", "--volumes", name, check=False)


def passes(check: Callable[..., None], *subject: object) -> bool:
    """Runs one check and prints why it fails."""
    try:
        check(*subject)
    except (CheckError, httpx.HTTPError) as error:
        print(f"FAILED {check.__name__}: {error!r}")
        for container in (part for part in subject if isinstance(part, Container)):
            print(container.last_lines())
        return False
    return True


def expect(holds: bool, message: str) -> None:
    """Raises CheckError with the message if it does not hold."""
    if not holds:
        raise CheckError(message)


def check_settings(engine: Engine, image: str) -> None:
    """What tools read off the image without starting it."""
    (described,) = json.loads(engine("image", "inspect", image).stdout)
    settings: dict[str, Any] = described["Config"]
    health = settings.get("Healthcheck") or described.get("HealthCheck") or described.get("Healthcheck")
    expect(bool(health), "no HEALTHCHECK")
    expect({"8093/tcp", "10006/tcp"} <= set(settings["ExposedPorts"]), f"EXPOSE {settings['ExposedPorts']}")
    expect(settings["User"] not in ("", "0", "root"), f"the user is {settings['User']!r}")
    names = {entry.partition("=")[0] for entry in settings["Env"]}
    expect(names >= WANTED, f"ENV lacks {WANTED - names}")
    expect("BENTOML_CONTAINERIZED" not in names, "ENV has BENTOML_CONTAINERIZED")


def check_commands(engine: Engine, image: str) -> None:
    """Other commands than the service, and starts that cannot work."""
    helped = engine.run(image, "python", "scripts/download_weights.py", "--help")
    expect(helped.returncode == 0 and "--profile" in helped.stdout, f"no download command: {helped.stderr}")
    left = engine.run(image, "python", "-c", LEFTOVERS)
    expect(left.returncode == 0, left.stderr)
    for setting, sentence in {
        "CACHE_DIR=/proc/none": "cannot write to /proc/none",
        "PORT=none": "PORT must be a number",
        "MINER__PROFILE=24gb": "no weights in weights/24gb",
    }.items():
        refused = engine.run(image, options=("--env", setting))
        expect(refused.returncode == 1, f"{setting}: exit status {refused.returncode}")
        expect(
            sentence in refused.stderr and "Traceback" not in refused.stderr, f"{setting}: {refused.stderr}"
        )


def check_ply(reply: httpx.Response) -> None:
    """The reply is a whole PLY: its header, and as many bytes behind it as that promises."""
    expect(reply.status_code == 200, f"/generate/ answers {reply.status_code} {reply.text[:300]}")
    header, _, body = reply.content.partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    vertices = next(int(line.split()[-1]) for line in lines if line.startswith("element vertex"))
    size = vertices * 4 * sum(line.startswith("property float") for line in lines)
    expect(lines[0] == "ply" and len(body) == size > 0, f"{len(body)} bytes for {vertices} splats")


def check_start(container: Container) -> None:
    """The service becomes ready, makes an object, and the probe passes."""
    print(f"ready after {container.wait_until_ready():.0f} s")
    check_ply(container.generate())
    expect(container.probe() == 0, "the probe fails")


def check_killed_runner(container: Container) -> None:
    """A runner that dies is started again, and the probe says so meanwhile."""
    container.engine("exec", container.name, "python", "-c", KILL_A_RUNNER)
    gone = container.wait_until_ready(ready=False)
    expect(container.probe() == 1, "the probe passes without a runner")
    again = container.wait_until_ready()
    print(f"a runner killed: not ready after {gone:.1f} s, ready again {again:.0f} s later")
    check_ply(container.generate())


def check_stop(container: Container) -> None:
    """SIGTERM with requests in work: each gets its PLY, or is told to ask again."""
    with ThreadPoolExecutor(IN_WORK) as threads:
        replies = [threads.submit(container.generate) for _ in range(IN_WORK)]
        time.sleep(0.5)
        expect(not all(reply.done() for reply in replies), "no request was in work")
        status, seconds = container.stop()
    answers = [reply.result() for reply in replies]
    codes = sorted(answer.status_code for answer in answers)
    print(f"SIGTERM with {IN_WORK} requests in work: {codes}, exit status {status} after {seconds:.1f} s")
    for answer in answers:
        told = answer.status_code == 503 and "retry-after" in answer.headers
        expect(answer.status_code == 200 or told, f"{answer.status_code} {answer.text[:300]}")
    expect(status == 0, f"exit status {status}")


def check_idle_stop(container: Container) -> None:
    """SIGTERM without work."""
    status, seconds = container.stop()
    expect(status == 0, f"exit status {status} after {seconds:.1f} s")


def main() -> int:
    """Runs all checks in order."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image")
    parser.add_argument("--engine", default="docker")
    parser.add_argument("--port", type=int, default=8093)
    arguments = parser.parse_args()
    engine = Engine(
        command=shlex.split(arguments.engine), options=shlex.split(os.environ.get("RUN_OPTIONS", ""))
    )
    image, port = arguments.image, arguments.port
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # no container stays behind
    holds = [passes(check, engine, image) for check in (check_settings, check_commands)]
    with running(engine, image, port) as container:
        holds += [passes(check, container) for check in (check_start, check_killed_runner, check_stop)]
    print("read-only, as another user:")
    with running(engine, image, port, "--read-only", "--tmpfs=/tmp", "--user=12345:12345") as container:
        holds += [passes(check, container) for check in (check_start, check_idle_stop)]
    print(f"image: {sum(holds)} checks passed, {len(holds) - sum(holds)} failed")
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
