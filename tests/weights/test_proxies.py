"""Which requests go through which proxy, against what curl's manual says of the variables."""

import pytest

from scripts.weights.errors import DownloadError
from scripts.weights.hub import checked_token, endpoint_of
from scripts.weights.proxies import read_proxies

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("exempt", "direct", "through"),
    [
        ("", [], ["hub.org", "10.1.2.3"]),
        ("*", ["hub.org", "10.1.2.3"], []),
        ("hub.org", ["hub.org", "cdn.hub.org", "HUB.org"], ["myhub.org", "hub.org.evil"]),
        (".hub.org", ["cdn.hub.org", "hub.org"], ["myhub.org"]),
        ("*.hub.org", ["cdn.hub.org"], ["myhub.org"]),
        (" a.org , hub.org\t", ["hub.org", "a.org"], ["b.org"]),
        ("a.org hub.org", ["hub.org", "a.org"], ["b.org"]),
        ("10.0.0.0/8", ["10.1.2.3"], ["11.1.2.3", "hub.org"]),
        ("10.1.2.3", ["10.1.2.3"], ["10.1.2.4"]),
        ("[fd00::1]", ["fd00::1"], ["fd00::2"]),
        ("fd00::1", ["fd00::1"], ["fd00::2"]),
        ("fd00::/8", ["fd00::2"], ["fe00::2"]),
        ("[fd00::]/8", ["fd00::2"], ["fe00::2"]),
        ("hub.org:443", ["hub.org"], ["other.org"]),
        ("hub.org:8080", [], ["hub.org"]),
        ("[fd00::1]:443", ["fd00::1"], []),
        ("[fd00::1]:80", [], ["fd00::1"]),
        ("https://hub.org", ["hub.org"], ["other.org"]),
        (",, [,/,::,:,[]", [], ["hub.org", "10.1.2.3"]),
    ],
)
def test_no_proxy_is_read_as_people_write_it(exempt: str, direct: list[str], through: list[str]) -> None:
    proxies = read_proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": exempt})
    assert {host: proxies.of("https", host, None) for host in direct} == dict.fromkeys(direct)
    assert {host: proxies.of("https", host, None) for host in through} == dict.fromkeys(through, PROXY)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "a.localhost"])
def test_no_proxy_reaches_this_machine(host: str) -> None:
    assert read_proxies({"ALL_PROXY": PROXY}).of("http", host, 8093) is None


@pytest.mark.parametrize(
    ("environment", "http", "https"),
    [
        ({"HTTP_PROXY": "proxy:1"}, "http://proxy:1", None),
        ({"HTTPS_PROXY": "proxy:1", "ALL_PROXY": "socks5://s:2"}, "socks5://s:2", "http://proxy:1"),
        ({"https_proxy": "http://small", "HTTPS_PROXY": "http://large"}, None, "http://small"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://large"}, None, "http://large"),
        ({"HTTPS_PROXY": "  "}, None, None),
        ({"HTTPS_PROXY": "http://user:p%40ss@proxy:1/"}, None, "http://user:p%40ss@proxy:1/"),
    ],
)
def test_a_scheme_has_its_proxy(environment: dict[str, str], http: str | None, https: str | None) -> None:
    proxies = read_proxies(environment)
    assert (proxies.of("http", "hub.org", None), proxies.of("https", "hub.org", None)) == (http, https)


@pytest.mark.parametrize(
    "address", ["socks4://h:1", "http://", "http://h:bad", "ftp://h", "http://[::1", "http://h:99999"]
)
def test_an_address_that_is_none_is_told_without_its_password(address: str) -> None:
    with pytest.raises(DownloadError, match=r"https_proxy=.* is no proxy's address") as told:
        read_proxies({"https_proxy": address.replace("://", "://me:secret@")})
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", "https://huggingface.co"),
        ("  ", "https://huggingface.co"),
        ("hf-mirror.com", "https://hf-mirror.com"),
        (" https://hf-mirror.com// \n", "https://hf-mirror.com"),
        ("http://10.0.0.1:8080/hub/", "http://10.0.0.1:8080/hub"),
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("mirror.local:8080", "https://mirror.local:8080"),
    ],
)
def test_a_hubs_address_means_what_a_person_means(text: str, address: str) -> None:
    assert endpoint_of(text) == address


@pytest.mark.parametrize(
    "text", ["ftp://hub", "https://", "http://a b", "https://hub:port", "http://[::1", "http://[x]"]
)
def test_an_address_that_is_no_hubs_is_told(text: str) -> None:
    with pytest.raises(DownloadError, match="is no hub's address"):
        endpoint_of(text)


@pytest.mark.parametrize("token", ["hf_ключ", "hf a", "hf\nx"])
def test_a_token_that_cannot_be_sent_is_told(token: str) -> None:
    with pytest.raises(DownloadError, match="HF_TOKEN"):
        checked_token(token)
