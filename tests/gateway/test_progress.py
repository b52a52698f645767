"""Following a request through its stages by the name it was given."""

import asyncio

import pytest
from starlette.testclient import TestClient

from gateway.progress import enter, followed, stages_of
from gateway.stopwatch import Stopwatch


async def test_requests_side_by_side_keep_their_stages_apart() -> None:
    async def request(name: str, stages: list[str]) -> list[str] | None:
        with followed(name):
            for stage in stages:
                with Stopwatch().measure(stage):
                    await asyncio.sleep(0)
            return stages_of(name)

    both = await asyncio.gather(request("a", ["x", "y"]), request("b", ["z"]))
    assert list(both) == [["x", "y"], ["z"]]
    assert stages_of("a") is None


async def test_tasks_of_a_request_count_as_it() -> None:
    async def work() -> None:
        enter("inner")

    with followed("a"):
        await asyncio.create_task(work())
        assert stages_of("a") == ["inner"]


@pytest.mark.parametrize("name", [None, "", "a b", "a/b", "ä", "a" * 129, "a\n"])
def test_other_than_plain_names_are_not_followed(name: str | None) -> None:
    with followed(name):
        enter("x")
        assert stages_of(name or "") is None


def test_a_name_in_use_is_not_taken_over() -> None:
    with followed("a"):
        enter("x")
        with followed("a"):
            pass
        assert stages_of("a") == ["x"]


def test_the_service_tells_the_stages_of_a_request_in_work(client: TestClient) -> None:
    assert client.get("/progress/nobody").status_code == 404
    assert client.get("/progress/nobody").json() == {"error": "not_found", "detail": "no such path"}
    headers = {"X-Progress-Id": "one"}
    assert client.post("/generate", data={"prompt": "mug"}, headers=headers).status_code == 200
    assert client.get("/progress/one").status_code == 404  # it is done
