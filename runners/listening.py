"""Whether the service can listen where it was told to, said before any process is started."""

import errno
import os
import socket

import click

from configuration.schema import HttpOptions

SERVE = "serve"


def lack_of_port(http: HttpOptions) -> str | None:
    """Why `bentoml serve` could not listen at its address; None if it can, or if it is another command."""
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != SERVE:
        return None
    host = context.params.get("host") or http.host
    port = context.params.get("port") or http.port
    return refusal_of(host, port)


def refusal_of(host: str, port: int) -> str | None:
    """Why nothing can listen at an address now; None if it is free."""
    try:
        ((family, kind, protocol, _, address), *_) = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST
        )
    except OSError:  # BentoML says what it takes for a host
        return None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            return _explain(host, port, error)
    return None


def _explain(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: end what listens there, or name another port with --port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"uid {os.getuid()} may not listen on port {port}: name one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"no interface of this machine has the address {host}: name another one with --host"
    return f"cannot listen on port {port} of {host}: {error.strerror}"
