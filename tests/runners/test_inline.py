"""Files inside the calls: between processes that share no hand-over folder."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from command_line.places import ROOT
from configuration import ConfigurationError, read_configuration
from configuration.reader import DEFAULT_FILE
from runners.batching import answer_batch
from runners.handover import AbandonedError, fill
from runners.inline import is_inline, packed, unpacked
from runners.jobs import Job
from runners.mesh import why_no_meshes
from runners.messages import FilmJob, JudgeJob, JudgeResult, MeshJob, SplatJob, SplatResult
from tests.ply_reader import main_color
from tests.serving import (
    FAKE_SERVICE,
    free_port,
    placeholder_weights,
    small_environment,
    wait_until_ready,
)
from tests.stand_ins.fakes import color_of

ALL = "[text_to_image, matting, image_to_3d, validation, finishing]"


@pytest.mark.parametrize(
    ("setting", "address", "inline"),
    [
        ("auto", None, False),
        ("auto", "unix:///tmp/bentoml-uds-1/2.sock", False),
        ("auto", "file:///tmp/bentoml-uds-1/2.sock", False),
        ("auto", "tcp://127.0.0.1:4000", False),
        ("auto", "http://localhost:4000", False),
        ("auto", "http://shared-models.ns.svc:3000", True),
        ("auto", "https://10.0.0.7", True),
        ("files", "http://shared-models.ns.svc:3000", False),
        ("inline", None, True),
    ],
)
def test_only_runners_over_the_network_get_files_inside_calls(
    setting: str, address: str | None, inline: bool
) -> None:
    assert is_inline(setting, address) is inline  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A reservation: empty files of the gateway's."""
    names = {name: tmp_path / f"object.{name}" for name in ("ply", "latents", "mesh")}
    for file in names.values():
        file.touch()
    return {name: str(file) for name, file in names.items()}


def elsewhere(job: SplatJob | MeshJob, work: "Work") -> SplatResult:
    """The answer of a runner that sees nothing of the gateway's files."""
    sent = packed(job)
    (result,) = answer_batch([sent], SplatResult, work)
    return result


class Work:
    """A runner's work: writes what it is to write, and keeps what it read and where."""

    def __init__(self) -> None:
        self.read: dict[str, bytes] = {}
        self.names: list[str] = []

    def __call__(self, jobs: Sequence[SplatJob | MeshJob]) -> list[SplatResult | Exception]:
        for job in jobs:
            self.read = {name: Path(getattr(job, name)).read_bytes() for name in job.reads}
            self.names += [getattr(job, name) for name in (*job.reads, *job.writes)]
            for name in job.writes:
                fill(getattr(job, name), name.encode() * 3)
        return [SplatResult(num_splats=1) for _ in jobs]


def test_what_a_runner_writes_ends_in_the_reservation(files: dict[str, str]) -> None:
    work, job = Work(), SplatJob(reservation=files["ply"], ply=files["ply"], latents=files["latents"])
    result = elsewhere(job, work)
    assert Path(files["ply"]).read_bytes() == b""  # the runner never saw it
    assert unpacked(job, result).files == {}
    assert Path(files["ply"]).read_bytes() == b"plyplyply"
    assert Path(files["latents"]).read_bytes() == b"latentslatentslatents"
    assert Path(files["mesh"]).read_bytes() == b""
    assert not any(Path(name).exists() for name in work.names)  # nothing is left on the runner's side


def test_what_a_runner_reads_travels_to_it(files: dict[str, str]) -> None:
    Path(files["latents"]).write_bytes(b"kept")
    work, job = Work(), MeshJob(latents=files["latents"], mesh=files["mesh"])
    unpacked(job, elsewhere(job, work))
    assert work.read == {"latents": b"kept"}
    assert Path(files["mesh"]).read_bytes() == b"meshmeshmesh"


def test_each_item_of_a_batch_keeps_its_own_files(tmp_path: Path) -> None:
    def judge(jobs: Sequence[JudgeJob]) -> list[JudgeResult | Exception]:
        return [JudgeResult(reason=Path(job.ply).read_text()) for job in jobs]

    jobs = []
    for number in range(3):
        (tmp_path / f"{number}.ply").write_text(f"object {number}")
        jobs.append(packed(JudgeJob(ply=str(tmp_path / f"{number}.ply"))))
    jobs.insert(1, packed(JudgeJob(noop=True)))
    reasons = [result.reason for result in answer_batch(jobs, JudgeResult, judge)]
    assert reasons == ["object 0", None, "object 1", "object 2"]


def test_a_failure_brings_no_files(files: dict[str, str]) -> None:
    def fail(jobs: Sequence[SplatJob]) -> list[SplatResult | Exception]:
        return [AbandonedError() for _ in jobs]

    job = SplatJob(ply=files["ply"])
    (result,) = answer_batch([packed(job)], SplatResult, fail)
    assert result.failure is not None
    assert result.files == {}


def test_a_reservation_that_is_gone_takes_nothing(files: dict[str, str]) -> None:
    job = SplatJob(ply=files["ply"])
    result = elsewhere(job, Work())
    Path(files["ply"]).unlink()
    with pytest.raises(AbandonedError):
        unpacked(job, result)
    assert not Path(files["ply"]).exists()


@pytest.mark.parametrize("job", [FilmJob(ply="gone.ply"), JudgeJob(ply="gone.ply")])
def test_a_file_to_send_that_is_gone_is_noticed(job: Job) -> None:
    with pytest.raises(FileNotFoundError):
        packed(job)


@contextmanager
def part(
    service: str, port: int, folder: Path, addresses: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """One service in processes of its own, with a hand-over folder of its own."""
    folder.mkdir()
    environment = {
        **os.environ,
        **small_environment(placeholder_weights()),
        "PYTHONPATH": str(ROOT),
        "BENTOML_HOME": str(folder / "home"),
        "MINER__SERVICES__SHARED": ALL,
        "MINER__SERVICES__GATEWAY__HANDOVER": "inline",
        "MINER__SERVICES__GATEWAY__HANDOVER_FOLDER": str(folder / "files"),
    }
    (folder / "files").mkdir()
    command = [sys.executable, "-m", "tests.stand_ins.serve_part", FAKE_SERVICE, service, str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, json.dumps(addresses)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            yield process
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


@pytest.mark.slow
def test_a_gateway_and_models_in_containers_of_their_own_give_every_product(
    tmp_path: Path, server: str
) -> None:
    models, gateway = free_port(), free_port()
    address = {"shared_models": f"http://127.0.0.1:{models}"}
    with ExitStack() as running:
        running.enter_context(part("shared_models", models, tmp_path / "models", {}))
        running.enter_context(part("fast_3d_miner", gateway, tmp_path / "gateway", address))
        client = running.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{gateway}", timeout=60, trust_env=False)
        )
        wait_until_ready(client)
        form = {"prompt": "mug", "seed": 7}
        for product in ("ply", "spz"):
            reply = client.post("/generate/", data=form | {"format": product})
            together = httpx.post(f"{server}/generate/", data=form | {"format": product}, trust_env=False)
            assert reply.status_code == 200
            assert reply.content == together.content  # byte for byte what one machine makes
        assert main_color(client.post("/generate/", data=form).content) == pytest.approx(
            color_of("mug"), abs=1e-5
        )
        assert client.post("/generate_mesh/", data=form).content[:4] == b"glTF"
        assert client.post("/generate_video/", data=form | {"video_res": 64}).content[4:8] == b"ftyp"
        assert client.post("/generate/", data={"prompt": "ugly"}).status_code == 204
        assert list((tmp_path / "models/files").rglob("*.ply")) == []


def test_a_gateway_needs_neither_the_weights_nor_the_gpu_of_a_profile_that_runs_elsewhere() -> None:
    environment = {"MINER__PROFILE": "24gb", "WEIGHTS_DIR": "/no/such/folder"}
    with pytest.raises(ConfigurationError, match="no weights in /no/such/folder"):
        read_configuration(DEFAULT_FILE, environment, lambda: 0)
    inline = environment | {"MINER__SERVICES__GATEWAY__HANDOVER": "inline"}
    configuration = read_configuration(DEFAULT_FILE, inline, lambda: 0)
    assert (configuration.profile, configuration.device) == ("24gb", "cpu")
    assert configuration.services.gateway.video_deadline_seconds == 30  # of that profile
    assert why_no_meshes(configuration) is None
    with pytest.raises(ConfigurationError, match="profile"):
        read_configuration(DEFAULT_FILE, inline | {"MINER__PROFILE": "25gb"}, lambda: 0)


def test_a_profile_that_is_not_named_still_follows_from_what_is_here() -> None:
    inline = {"MINER__SERVICES__GATEWAY__HANDOVER": "inline"}
    assert read_configuration(DEFAULT_FILE, inline, lambda: 0).profile == "embedded"
