"""Says in every response that nothing in it means anything: the weights are random."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Weights"
VALUE = "random"


class RandomWeightsHeader:
    """Adds the header; installed only when the weights are random."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = VALUE
            await send(message)

        await self.app(scope, receive, marked)
