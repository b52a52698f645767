"""A stand-in for the service on this machine: answers like it, with what was sent as the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.stand_ins.http_server import StandIn, serving


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

    class Handler(StandIn):
        def do_POST(self) -> None:
            sent = self.sent()
            service.asked.append(parse_qs(sent.decode()))
            body = b"" if service.status == 204 else sent if service.body is None else service.body
            self.answer(service.status, body, {} if service.seed is None else {"x-seed": service.seed})

    with serving(Handler) as port:
        yield port
