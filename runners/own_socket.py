"""A socket for each model process, beside the one that all processes of a service share.

What is sent to the shared socket goes to whichever process takes it first, so nobody could reach each of
them. Only whoever warms processes up needs that; jobs take the shared one. All that we change of uvicorn for
it stands here.
"""

import os
import socket
from typing import Any

import bentoml
import uvicorn

from runners.roll import roll_folder, socket_of

BACKLOG = 16


def listen_apart() -> None:
    """Has uvicorn listen on this process's own socket too, if it is a model process of a whole service.

    The socket's name appears once the models are loaded; until then the process has not started.
    """
    folder = roll_folder()
    if folder is None or bentoml.server_context.worker_index is None:
        return
    final = socket_of(folder, os.getpid())
    fresh = final.with_suffix(".new")
    startup = uvicorn.Server.startup

    async def startup_with_own_socket(self: uvicorn.Server, sockets: Any = None) -> None:
        if bentoml.server_context.service_type == "entry_service":  # the gateway
            await startup(self, sockets)
            return
        own = socket.socket(socket.AF_UNIX)
        own.bind(str(fresh))
        own.listen(BACKLOG)
        await startup(self, [*sockets, own])
        if self.started:
            fresh.rename(final)

    uvicorn.Server.startup = startup_with_own_socket  # type: ignore[method-assign]
