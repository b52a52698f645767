"""The hub as the environment names it: HF_ENDPOINT, HF_TOKEN, the cache of HF_HOME, proxies."""

import ipaddress
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2  # what huggingface_hub speaks with
from huggingface_hub import constants, get_token, set_client_factory
from huggingface_hub.errors import OfflineModeIsEnabled

from runners.addresses import is_loopback
from scripts.weights.errors import DownloadError
from scripts.weights.proxies import ByProxy, Proxies, read_proxies
from scripts.weights.resolve import Hub

PUBLIC = "https://huggingface.co"
TIMEOUT_SECONDS = 30.0

_guard = threading.Lock()
_taken: list[Proxies] = []


def configured_hub(environment: Mapping[str, str]) -> Hub:
    """The hub that is asked.

    Raises:
        DownloadError: Its address or the token cannot be used.
    """
    return Hub(
        endpoint=endpoint_of(environment.get("HF_ENDPOINT", "")),
        token=checked_token(get_token()),
        cache=Path(constants.HF_HUB_CACHE).expanduser(),
    )


def endpoint_of(text: str) -> str:
    """A hub's address: without a scheme https is meant (http on this machine); empty is the public hub.

    Raises:
        DownloadError: It is no address.
    """
    address = text.strip()
    if not address:
        return PUBLIC
    scheme, mark, rest = address.rpartition("://")
    address = scheme + mark + rest.rstrip("/")
    if "://" not in address:
        host = urlsplit(f"//{address}").hostname if _is_sane(address) else None
        address = f"{'http' if is_loopback(host or '') else 'https'}://{address}"
    if not _is_sane(address) or urlsplit(address).scheme not in ("http", "https"):
        raise DownloadError(f"HF_ENDPOINT={text.strip()} is no hub's address, which looks like {PUBLIC}")
    return address


def checked_token(token: str | None) -> str | None:
    """A token that can be sent.

    Raises:
        DownloadError: It holds characters that no token has.
    """
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise DownloadError("HF_TOKEN holds blanks or characters that no token has: copy it again")
    return token


def create_client(environment: Mapping[str, str]) -> httpx.Client:
    """The client for files; huggingface_hub's own, for descriptions, takes the same proxies from now on.

    Raises:
        DownloadError: The environment names a proxy that is none, or certificates that cannot be read.
    """
    proxies = read_proxies(environment)

    def by_proxy(kind: Any) -> Any:  # httpx asks for no more of a transport than its methods
        return ByProxy(proxies, lambda proxy: kind(proxy=proxy))

    def describing() -> httpx2.Client:
        return httpx2.Client(
            event_hooks={"request": [_refuse_offline]},
            follow_redirects=True,
            timeout=TIMEOUT_SECONDS,
            transport=by_proxy(httpx2.HTTPTransport),
        )

    with _guard:  # a new factory closes the client that another download of this process may be using
        if _taken != [proxies]:
            set_client_factory(describing)
            _taken[:] = [proxies]
    return httpx.Client(
        follow_redirects=True, timeout=TIMEOUT_SECONDS, transport=by_proxy(httpx.HTTPTransport)
    )


def _refuse_offline(request: httpx2.Request) -> None:
    """What huggingface_hub's own client does when HF_HUB_OFFLINE is set."""
    if constants.is_offline_mode():
        raise OfflineModeIsEnabled(f"HF_HUB_OFFLINE is set, {request.url.host} is not asked")


def _is_sane(address: str) -> bool:
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, _ = parts.hostname or "", parts.port
        if ":" in host:
            ipaddress.ip_address(host)
    except ValueError:
        return False
    return bool(host) and not any(char.isspace() for char in address)
