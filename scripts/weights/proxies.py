"""Which proxy a request takes, as curl reads the environment.

httpx reads the same variables when a client is made, but it ends with tracebacks on values that other
programs take (`NO_PROXY=[::1]`), knows no CIDR blocks, and matches an exception with a port against
nothing. So the choice is made here, for each request anew, because the hub redirects to other hosts.
"""

import ipaddress
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from runners.addresses import is_loopback
from scripts.weights.errors import DownloadError

PORTS = {"http": 80, "https": 443}
SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The environment's proxies.

    Attributes:
        by_scheme: Address by the scheme of what is asked for; `all` for both.
        exempt: What NO_PROXY lists.
    """

    by_scheme: Mapping[str, str]
    exempt: tuple[str, ...]

    def of(self, scheme: str, host: str, port: int | None) -> str | None:
        """The proxy's address; None where there is none, for hosts of NO_PROXY, and for this machine."""
        proxy = self.by_scheme.get(scheme) or self.by_scheme.get("all")
        port = port or PORTS.get(scheme)
        if not proxy or is_loopback(host) or any(matches(rule, host, port) for rule in self.exempt):
            return None
        return proxy


def read_proxies(environment: Mapping[str, str]) -> Proxies:
    """What HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, in small letters first.

    Raises:
        DownloadError: A proxy's address is none.
    """
    by_scheme = {}
    for scheme in ("http", "https", "all"):
        name, address = _variable(environment, f"{scheme}_proxy")
        if address:
            by_scheme[scheme] = _checked(name, address)
    _, exempt = _variable(environment, "no_proxy")
    return Proxies(by_scheme=by_scheme, exempt=tuple(exempt.replace(",", " ").lower().split()))


def matches(rule: str, host: str, port: int | None) -> bool:
    """Whether an item of NO_PROXY means a host: `*`, a name and all below, an address, a CIDR block."""
    if rule == "*":
        return True
    rule = rule.partition("://")[2] or rule
    rule, wanted = _split_port(rule)
    if wanted is not None and wanted != port:
        return False
    host = host.lower().strip("[]").rstrip(".")
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        name = rule.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))


class ByProxy:
    """A transport of httpx (or httpx2, the same under another name) that picks its proxy for each request."""

    def __init__(self, proxies: Proxies, make: Callable[[str | None], Any]) -> None:
        """Takes how to make a transport for a proxy, or for none."""
        self._proxies = proxies
        self._make = make
        self._made: dict[str | None, Any] = {}
        self._guard = threading.Lock()

    def handle_request(self, request: Any) -> Any:
        """Sends a request on its way.

        Raises:
            DownloadError: The proxy cannot be used.
        """
        proxy = self._proxies.of(request.url.scheme, request.url.host, request.url.port)
        return self._transport(proxy).handle_request(request)

    def close(self) -> None:
        """Closes all connections."""
        for transport in self._made.values():
            transport.close()

    def __enter__(self) -> "ByProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _transport(self, proxy: str | None) -> Any:
        with self._guard:
            if proxy not in self._made:
                self._made[proxy] = self._make_one(proxy)
            return self._made[proxy]

    def _make_one(self, proxy: str | None) -> Any:
        try:
            return self._make(proxy)
        except ImportError as error:
            raise DownloadError(
                f"the SOCKS proxy {_shown(proxy)} needs one more package: pip install socksio."
                " Or name an HTTP proxy in HTTPS_PROXY."
            ) from error
        except OSError as error:  # certificates that SSL_CERT_FILE or SSL_CERT_DIR names
            raise DownloadError(
                f"the certificates cannot be read: {error} (SSL_CERT_FILE, SSL_CERT_DIR)"
            ) from error


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    for spelled in (name, name.upper()):
        if value := environment.get(spelled, "").strip():
            return spelled, value
    return name, ""


def _checked(name: str, address: str) -> str:
    if "://" not in address:
        address = f"http://{address}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
        address.encode("ascii")
    except ValueError:
        usable = False
    if not usable:
        raise DownloadError(
            f"{name}={_shown(address)} is no proxy's address: {', '.join(SCHEMES)} are known, as in http://host:port"
        )
    return address


def _shown(address: str | None) -> str:
    """Without its password."""
    scheme, _, rest = (address or "").partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _split_port(rule: str) -> tuple[str, int | None]:
    if rule.startswith("["):
        inside, _, behind = rule[1:].partition("]")
        number = behind.removeprefix(":")
        slash = behind if behind.startswith("/") else ""
        return inside + slash, int(number) if number.isdecimal() else None
    head, colon, number = rule.rpartition(":")
    if colon and ":" not in head and number.isdecimal():
        return head, int(number)
    return rule, None
