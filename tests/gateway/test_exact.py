"""`exact=1`: a batch of its own in every stage, and nothing of it depends on other requests."""

from collections.abc import Sequence

import pytest
from starlette.testclient import TestClient

from gateway.errors import HttpError
from gateway.parameters import check_parameters
from runners.batching import answer_batch
from runners.messages import ImageJob, SplatResult

PATHS = ("/generate", "/generate_mesh", "/generate_video")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("given", "exact"),
    [("1", True), (" TRUE", True), (True, True), (1, True), ("0", False), ("False", False), (False, False)],
)
def test_exact_is_a_boolean_in_any_usual_spelling(path: str, given: object, exact: bool) -> None:
    assert check_parameters(path, {"prompt": "mug", "exact": given}) == {"prompt": "mug", "exact": exact}


@pytest.mark.parametrize("given", ["yes", "2", 2, 1.0, [True], {}, "nan"])
def test_any_other_value_is_refused(given: object) -> None:
    with pytest.raises(HttpError, match="exact must be one of 1, true, 0, false"):
        check_parameters("/generate", {"prompt": "mug", "exact": given})


@pytest.mark.parametrize("given", [None, ""])
def test_an_empty_value_counts_as_not_given(given: object) -> None:
    assert check_parameters("/generate", {"prompt": "mug", "exact": given}) == {"prompt": "mug"}


@pytest.mark.parametrize("path", PATHS)
def test_the_service_takes_it_in_forms_and_json(client: TestClient, path: str) -> None:
    assert client.post(path, data={"prompt": "mug", "exact": "1"}).status_code == 200
    assert client.post(path, json={"prompt": "mug", "exact": True}).status_code == 200
    refused = client.post(path, json={"prompt": "mug", "exact": "maybe"})
    assert (refused.status_code, refused.json()["error"]) == (422, "invalid_parameter")


def test_exact_jobs_are_made_alone_and_the_others_together() -> None:
    batches: list[list[int]] = []

    def work(jobs: Sequence[ImageJob]) -> list[SplatResult | Exception]:
        batches.append([job.seed for job in jobs])
        return [SplatResult(num_splats=10 * job.seed + len(jobs)) for job in jobs]

    jobs = [ImageJob(seed=seed, exact=seed in (2, 4)) for seed in (1, 2, 3, 4)]
    results = answer_batch([ImageJob(noop=True), *jobs], SplatResult, work)
    assert [result.num_splats for result in results] == [0, 12, 21, 32, 41]
    assert sorted(batches) == [[1, 3], [2], [4]]
