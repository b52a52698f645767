"""Several stages in one process answer as they do in processes of their own."""

import importlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from configuration.stages import NAMES
from runners.jobs import Failure
from runners.messages import ImageJob, ImageResult
from tests.stand_ins import fakes

MORE = ("image_to_3d_generate_beside", "image_to_3d_decode_mesh")
FINISHING = ("finishing_write", "finishing_film", "finishing_draw", "finishing_make_glb")


def batched(service: Any) -> dict[str, Any]:
    """A service's batched methods."""
    return {name: method for name, method in service.apis.items() if method.batchable}


@pytest.mark.usefixtures("client")
def test_the_shared_process_offers_what_the_separate_ones_do() -> None:
    from runners.shared import SharedRunner
    from runners.stages import service_of

    service: Any = SharedRunner
    shared, checked = batched(service), set[str]()
    for stage in NAMES:
        for method, own in batched(service_of(stage)).items():
            name = f"{stage}_{method}"
            same = shared[name]
            assert same.input_spec.model_json_schema() == own.input_spec.model_json_schema()
            assert same.output_spec.model_json_schema() == own.output_spec.model_json_schema()
            assert (same.max_batch_size, same.max_latency_ms) == (own.max_batch_size, own.max_latency_ms)
            checked.add(name)
    assert checked == set(shared) == {*(f"{name}_generate" for name in NAMES[:-1]), *MORE, *FINISHING}
    assert set(service.apis) == {*shared, "status"}


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("turns", [True, False])
def test_stages_of_one_process_work_at_once_unless_they_take_turns(
    turns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = importlib.import_module("runners.shared")
    services = replace(module.SERVICES, shared=("text_to_image", "matting"), turns=turns)
    monkeypatch.setattr(module, "SERVICES", services)
    with fakes.installed():
        runner = module.SharedRunner.inner()
    both = threading.Barrier(2)

    def meet(jobs: Sequence[ImageJob]) -> list[ImageResult]:
        try:
            both.wait(5.0 if not turns else 0.3)
        except threading.BrokenBarrierError:
            return [ImageResult(failure=Failure(kind="internal", detail="alone"))]
        return [ImageResult()]

    for stage in services.shared:
        monkeypatch.setattr(runner._stages[stage], "generate", meet)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(getattr(runner, f"{stage}_generate"), [ImageJob()]) for stage in services.shared]
        met = [call.result()[0].failure is None for call in calls]
    assert met == [not turns, not turns]
