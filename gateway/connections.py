"""The server's end of a connection: uvicorn's protocol, which waits for ever, with an end to its patience.

    no head yet: head_seconds            between requests: idle_seconds
    head, body incomplete: body_seconds  answer not taken: send_stall_seconds without a byte

Above the most connections a process may have, the one that has kept it waiting for longest is closed, so that
probes always find a place. What is no HTTP gets the one shape of errors. BentoML says nothing of uvicorn's
protocol to its services: `install` puts ours where uvicorn looks one up by name, for this process alone.
"""

import asyncio
import resource
import socket
import sys
from functools import cache
from typing import Any, Literal

import bentoml
import h11
import uvicorn.config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from configuration import load_configuration
from configuration.schema import HttpOptions
from gateway.bodies import DISCARD_SECONDS
from gateway.errors import HttpError
from gateway.metrics import CLOSED_CONNECTIONS
from gateway.scopes import CleanRequests
from runners.logs import escaped

UVICORNS = "uvicorn.protocols.http.auto:AutoHTTPProtocol"
OURS = "gateway.connections:create_protocol"
TICK_SECONDS = 0.5
HEAD_PIECE_BYTES = 4096
LINGER_SECONDS = 2.0
RESERVED_DESCRIPTORS = 96  # of the process itself, its runners' connections and their files
MIN_CONNECTIONS = 8
IS_SOMEBODY_THERE_SECONDS = 0.1
ASK_AGAIN_TICKS = 50

Wait = Literal["idle", "head", "body", "answer", "linger"]


def install() -> None:
    """Makes uvicorn speak through `create_protocol` in this process.

    Raises:
        RuntimeError: uvicorn no longer looks its protocol up by that name.
    """
    found = uvicorn.config.HTTP_PROTOCOLS.get("auto")
    if found not in (UVICORNS, OURS):
        raise RuntimeError(f"uvicorn's protocol is {found}, not {UVICORNS}: see gateway/connections.py")
    uvicorn.config.HTTP_PROTOCOLS["auto"] = OURS


def create_protocol(**arguments: Any) -> asyncio.Protocol:
    """One connection's protocol: ours in the gateway; runners hear from nobody else, and keep uvicorn's."""
    if bentoml.server_context.service_type != "entry_service":
        return H11Protocol(**arguments)
    return BoundedProtocol(load_configuration().services.http, **arguments)


@cache
def most_connections(wanted: int) -> int:
    """What the descriptors allow of the connections wanted: an unread answer's file takes one as well."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(MIN_CONNECTIONS, min(wanted, (soft - RESERVED_DESCRIPTORS) // 2))


class BoundedProtocol(H11Protocol):
    """A connection that ends when its client keeps it waiting for too long."""

    def __init__(self, options: HttpOptions, **arguments: Any) -> None:
        """Takes the limits, and what uvicorn gives its protocols."""
        super().__init__(**arguments)
        self.app = CleanRequests(self.app)
        self.timeout_keep_alive = options.idle_seconds  # type: ignore[assignment]  # whole ones, says uvicorn
        self._most = most_connections(options.connections)
        self._limits: dict[Wait | None, float] = {
            "idle": options.idle_seconds,
            "head": options.head_seconds,
            "body": options.body_seconds + DISCARD_SECONDS + 2 * TICK_SECONDS,  # the app answers 408 before
            "answer": options.send_stall_seconds,
            "linger": LINGER_SECONDS,
        }
        self._answered = 0
        self._lingers = False
        self.is_cut = False  # uvicorn counts it until the loop's next turn, and many may come in one
        self._wait: tuple[object, ...] = ()
        self._tick: asyncio.TimerHandle | None = None
        self.waits_since = self.loop.time()

    # What uvicorn calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Makes room for one more, and starts to look after it."""
        super().connection_made(transport)
        self._look()
        held = [one for one in self.connections if isinstance(one, BoundedProtocol) and not one.is_cut]
        waiting = [one for one in held if one is not self and one.waits_for() is not None]
        if len(held) > self._most and waiting:
            min(waiting, key=lambda one: one.waits_since).cut("too many")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops looking."""
        if self._tick is not None:
            self._tick.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hands heads on in small pieces, and drops what follows a request that was refused.

        h11 bounds what is incomplete only: of a head that comes in one piece it would take any length.
        """
        while data and not self._lingers:
            size = HEAD_PIECE_BYTES if self.conn.their_state is h11.IDLE else len(data)
            super().data_received(data[:size])
            data = data[size:]

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to go on: a client that has only said all it wants to say still waits for its answer.

        One that left looks the same until something is written, so that it is asked.
        """
        asked_all = self.conn.their_state in (h11.DONE, h11.MUST_CLOSE)
        if self._lingers or self.cycle is None or self.cycle.response_complete or not asked_all:
            return False
        if self.scheme != "http" or (self.scope["http_version"] == "1.0" and not self.cycle.response_started):
            return False
        self.cycle.keep_alive = False
        self._ask_whether_somebody_is_there(0)
        return True

    def on_response_complete(self) -> None:
        """Counts, so that each request has times of its own."""
        self._answered += 1
        super().on_response_complete()

    def _should_upgrade(self) -> bool:
        return False  # no websockets here: such a request is answered as any other

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered in our shape; uvicorn calls this where it has caught h11's error."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        code = "malformed_request" if status == 400 else None
        self.refuse(HttpError(status, f"not HTTP/1.1: {escaped(str(error or msg), limit=200)}", code=code))

    # What a connection does besides

    def waits_for(self) -> Wait | None:
        """What the client owes; None while it is our turn."""
        if self._lingers:
            return "linger"
        if self.transport.get_write_buffer_size():
            return "answer"
        if self.conn.their_state is h11.IDLE:
            return "idle" if self._answered and not self.conn.trailing_data[0] else "head"
        return "body" if self.conn.their_state is h11.SEND_BODY else None

    def _look(self) -> None:
        now, wait = self.loop.time(), self.waits_for()
        state = (wait, self._answered, self.transport.get_write_buffer_size())
        if state != self._wait:
            self._wait, self.waits_since = state, now
        if now - self.waits_since >= self._limits.get(wait, float("inf")):
            self._end(wait)
        elif not self.transport.is_closing() or state[-1]:
            self._tick = self.loop.call_later(TICK_SECONDS, self._look)

    def _end(self, wait: Wait | None) -> None:
        if wait == "head" and self.conn.trailing_data[0]:
            CLOSED_CONNECTIONS.labels("head").inc()
            self.refuse(HttpError(408, f"the head was not complete within {self._limits['head']:g} s"))
            self._tick = self.loop.call_later(TICK_SECONDS, self._look)
        else:
            self.cut(str(wait))

    def cut(self, reason: str) -> None:
        """Ends the connection at once."""
        if reason != "linger":
            CLOSED_CONNECTIONS.labels(reason).inc()
        self.is_cut = True
        self.transport.abort()

    def refuse(self, error: HttpError) -> None:
        """Answers with an error where an answer is still due, and reads no further request."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing() or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        is_head = self.conn.our_state is h11.SEND_RESPONSE and self.scope["method"] == "HEAD"
        response = error.response({"Connection": "close"})
        reason = STATUS_PHRASES[error.status]
        head = h11.Response(status_code=error.status, headers=response.raw_headers, reason=reason)
        events = [head, h11.Data(data=b"" if is_head else bytes(response.body)), h11.EndOfMessage()]
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self._lingers = True  # closed at once, what is still being sent would reset the answer on its way
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _ask_whether_somebody_is_there(self, tick: int) -> None:
        """Writes `100 Continue`, which clients skip: where nobody is, a reset comes back."""
        if self.transport.is_closing() or self.cycle.response_started:
            return  # writing the answer itself finds out
        if tick % ASK_AGAIN_TICKS == 0:
            asked = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
            self.transport.write(self.conn.send(asked) or b"")
        if self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
            return
        self.loop.call_later(IS_SOMEBODY_THERE_SECONDS, self._ask_whether_somebody_is_there, tick + 1)
