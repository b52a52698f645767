"""Several stages in one process answer as they do in processes of their own."""

from typing import Any, get_args

import pytest

from runners.configuration.schema import StageName


def batched(service: Any) -> dict[str, Any]:
    """A service's batched methods."""
    return {name: method for name, method in service.apis.items() if method.batchable}


@pytest.mark.usefixtures("client")
def test_the_shared_process_offers_what_the_separate_ones_do() -> None:
    from runners.shared import OWN_METHOD, OWN_RUNNERS, SECOND_METHOD, SharedRunner

    service: Any = SharedRunner
    shared = batched(service)
    assert set(OWN_RUNNERS) == set(get_args(StageName)) == set(shared)
    for stage, runner in OWN_RUNNERS.items():
        methods = batched(runner)
        second = {SECOND_METHOD} if stage == "image_to_3d" else set()  # the same for more jobs at once
        assert set(methods) == {OWN_METHOD} | second, f"{stage} has methods that the shared process lacks"
        own, same = methods[OWN_METHOD], shared[stage]
        assert same.input_spec.model_json_schema() == own.input_spec.model_json_schema()
        assert same.output_spec.model_json_schema() == own.output_spec.model_json_schema()
        assert (same.max_batch_size, same.max_latency_ms) == (own.max_batch_size, own.max_latency_ms)
    assert set(service.apis) == {*shared, "status"}
