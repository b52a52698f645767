"""A stand-in for the service on this machine: answers like it, with what was sent as the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs


@dataclass
class Service:
    """How it answers.

    Attributes:
        status: Of every answer.
        seed: The seed it says it used; none where it is another program.
        asked: The forms it was sent.
    """

    status: int = 200
    seed: str | None = "7"
    body: bytes | None = None
    asked: list[dict[str, list[str]]] = field(default_factory=list)


@contextmanager
def served(service: Service) -> Iterator[int]:
    """Its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"]))
            service.asked.append(parse_qs(sent.decode()))
            self.send_response(service.status)
            if service.seed is not None:
                self.send_header("x-seed", service.seed)
            self.end_headers()
            if service.status != 204:
                self.wfile.write(sent if service.body is None else service.body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
