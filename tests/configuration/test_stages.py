"""The table of stages is all that names them: what it says resolves, and a sixth one is served."""

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from command_line.places import ROOT
from configuration.schema import ServicesOptions
from configuration.stages import NAMES, STAGES, StageEntry, entry_of, required_files
from tests.serving import free_port, placeholder_weights, running_server, small_environment

COPIED = ("command_line", "configuration", "gateway", "runners", "service.py", "configuration.yaml")
LINKED = ("deploy", "export", "models", "rendering", "tests", "validation", "pyproject.toml")
ENTRY = """    StageEntry(
        name="polishing",
        runner="runners.polishing:PolishingRunner",
        operations=(Operation(job="runners.polishing:PolishJob", result="runners.polishing:PolishResult"),),
    ),
)
NAMES ="""
RUNNER = '''"""A made-up stage: prompts get a shine."""

from typing import Any

import bentoml

from configuration import Configuration, load_configuration
from runners.batching import answer_batch, runner_batch
from runners.jobs import Job, Result
from runners.models import MAKERS, makes
from runners.options import runner_service
from runners.process import ModelProcess, prepare_process

CONFIGURATION = load_configuration()
OPTIONS = CONFIGURATION.services.of("polishing")


class PolishJob(Job):
    words: str = ""


class PolishResult(Result):
    words: str = ""


@makes("polishing")
def make_polishing(configuration: Configuration, device: str) -> Any:
    return "shiny {}".format


@bentoml.service(name="polishing", **runner_service(OPTIONS))
class PolishingRunner(ModelProcess):
    def __init__(self) -> None:
        prepare_process(CONFIGURATION, OPTIONS)
        with self.loading("polishing", CONFIGURATION.device):
            self._model = MAKERS["polishing"](CONFIGURATION, self.device)

    @bentoml.api(**runner_batch(OPTIONS))
    def generate(self, jobs: list[PolishJob]) -> list[PolishResult]:
        return answer_batch(jobs, PolishResult, self._generate)

    def _generate(self, jobs: Any) -> Any:
        return [PolishResult(words=self._model(job.words)) for job in jobs]
'''
IN_SHARED_PROCESS = """
from tests.stand_ins import fakes
fakes.install()
from runners.polishing import PolishJob
from runners.shared import SharedRunner
made = SharedRunner.inner().polishing_generate([PolishJob(words="bicycle")])
print([result.words for result in made])
"""
CALL = """        from runners.polishing import PolishJob

        polished = await self.stages.polishing.run(PolishJob(words=request.prompt), work.watch)
        work = replace(work, request=replace(request, prompt=polished.words))
        try:
            cut_out ="""


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_a_line_names_a_service_that_takes_its_jobs_and_gives_its_results(stage: StageEntry) -> None:
    from runners.stages import job_of, result_of, service_of

    service: Any = service_of(stage.name)
    assert service.name == stage.name
    named = {operation.method: operation for operation in stage.operations}
    named |= {f"{one.method}_beside": one for one in stage.operations if one.overlaps}
    assert set(service.apis) == {*named, "status"}
    for method, operation in named.items():
        taken = service.apis[method].input_spec.model_fields["jobs"].annotation
        given = service.apis[method].output_spec.model_fields["root"].annotation
        assert (taken, given) == (list[job_of(operation)], list[result_of(operation)])  # type: ignore[misc]


def test_every_stage_has_its_process_among_the_options() -> None:
    others = {"http", "gateway", "shared", "turns", "memory_limit_gib"}
    assert {field.name for field in fields(ServicesOptions)} == {*NAMES} | others


def test_an_unknown_stage_is_named_beside_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"mating.*text_to_image, matting"):
        entry_of("mating")


def test_the_embedded_weights_hold_all_that_the_table_requires() -> None:
    folder = ROOT / "models" / "embedded"
    assert [group for group in required_files() if not any(any(folder.glob(one)) for one in group)] == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a sixth stage: a line in the table, a runner, its options, its place in a request."""
    copy = tmp_path_factory.mktemp("six")
    for name in LINKED:
        (copy / name).symlink_to(ROOT / name)
    for name in COPIED:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
    edit(copy / "configuration/stages.py", ")\nNAMES =", ENTRY)
    (copy / "runners/polishing.py").write_text(RUNNER)
    edit(
        copy / "configuration.yaml", "  finishing: *runner\n", "  finishing: *runner\n  polishing: *runner\n"
    )
    limits = "      finishing: {concurrency: 2, max_batch_size: 2}\n"
    edit(copy / "configuration.yaml", limits, limits + limits.replace("finishing", "polishing"))
    edit(copy / "gateway/pipeline.py", "        try:\n            cut_out =", CALL)
    return copy


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file.name} has no {old!r}"
    file.write_text(text.replace(old, new))


@pytest.mark.slow
def test_a_sixth_stage_is_served(copy: Path) -> None:
    environment = {**small_environment(placeholder_weights()), "PYTHONPATH": str(copy)}
    with running_server(environment, port=free_port(), cwd=copy) as (url, _):
        answer = httpx.post(f"{url}/generate", data={"prompt": "pink bicycle"}, timeout=60)
        assert answer.status_code == 200
        assert "polishing;dur=" in answer.headers["Server-Timing"]
        processes = httpx.get(f"{url}/version").json()["processes"]
        assert sorted(stage for process in processes for stage in process["stages"]) == sorted(
            [*NAMES, "polishing"]
        )


@pytest.mark.slow
def test_a_sixth_stage_shares_a_process_and_its_options_are_checked(copy: Path) -> None:
    environment = {**os.environ, **small_environment(placeholder_weights())}
    environment["MINER__SERVICES__SHARED"] = "[matting, polishing]"

    def run(program: str, **overrides: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program]
        settings = environment | overrides
        return subprocess.run(command, cwd=copy, env=settings, capture_output=True, text=True, check=False)

    assert run(IN_SHARED_PROCESS).stdout.splitlines()[-1:] == ["['shiny bicycle']"]
    refused = run("from service import Miner", MINER__SERVICES__POLISHING__WORKERS="99").stderr
    assert "services.polishing.workers: Input should be less than or equal to 16" in refused
