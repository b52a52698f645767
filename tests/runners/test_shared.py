"""Several stages in one process answer as they do in processes of their own."""

import importlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from configuration.stages import NAMES
from runners.messages import Failure, ImageJob, ImageResult
from tests.stand_ins import fakes


def batched(service: Any) -> dict[str, Any]:
    """A service's batched methods."""
    return {name: method for name, method in service.apis.items() if method.batchable}


@pytest.mark.usefixtures("client")
def test_the_shared_process_offers_what_the_separate_ones_do() -> None:
    from runners.shared import OWN_METHOD, SharedRunner
    from runners.stages import service_of

    service: Any = SharedRunner
    shared, checked = batched(service), set[str]()
    for stage in NAMES:
        for method, own in batched(service_of(stage)).items():
            name = method.replace(OWN_METHOD, stage)
            same = shared[name]
            assert same.input_spec.model_json_schema() == own.input_spec.model_json_schema()
            assert same.output_spec.model_json_schema() == own.output_spec.model_json_schema()
            assert (same.max_batch_size, same.max_latency_ms) == (own.max_batch_size, own.max_latency_ms)
            checked.add(name)
    assert checked == set(shared) == {*NAMES, "image_to_3d_beside"}
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
        calls = [pool.submit(getattr(runner, stage), [ImageJob()]) for stage in services.shared]
        met = [call.result()[0].failure is None for call in calls]
    assert met == [not turns, not turns]
