"""Which addresses are this machine's, for files between processes and for proxies alike."""

import pytest

from runners.addresses import is_loopback
from runners.inline import is_inline


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.0.0.2",
        "127.255.255.254",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
    ],
)
def test_every_address_of_the_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "128.0.0.1",
        "10.0.0.1",
        "0.0.0.0",
        "127.0.0.1.com",
        "localhost.com",
        "notlocalhost",
        "::2",
        "::ffff:10.0.0.1",
    ],
)
def test_no_other_one_is(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "runner.localhost"])
def test_a_runner_on_this_machine_takes_files_by_name(host: str) -> None:
    assert not is_inline("auto", f"http://{host}:3000")
