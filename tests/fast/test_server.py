"""The end of the server, with a client that comes at the last moment and has always one more question."""

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import cast

import uvicorn

from service.api.server import Server

GRACE_SECONDS = 5
ACCEPTED_SECONDS, ANSWERED_SECONDS = 0.05, 0.3
"""After the end has begun: a connection comes into being that was accepted before; another has its answer."""


class Connected:
    """A connection as the server sees it, which closes so many seconds after it is asked to."""

    def __init__(self, connections: "set[Connected]", seconds: float) -> None:
        self._close, self._seconds = partial(connections.discard, self), seconds
        self.transport = SimpleNamespace(is_closing=lambda: False)
        self.asked = 0

    def shutdown(self) -> None:
        self.asked += 1
        asyncio.get_running_loop().call_later(self._seconds, self._close)


def test_a_connection_that_was_accepted_at_the_last_moment_is_ended_too() -> None:
    """And not after all the grace, together with what it has just asked."""

    async def end() -> float:
        server = Server(uvicorn.Config(_nothing, lifespan="off", timeout_graceful_shutdown=GRACE_SECONDS))
        server.servers, server.lifespan = [], SimpleNamespace(shutdown=_done)
        loop, connections = asyncio.get_running_loop(), cast(set[Connected], server.server_state.connections)
        connections.add(Connected(connections, ANSWERED_SECONDS))
        late = Connected(connections, 0.0)
        loop.call_later(ACCEPTED_SECONDS, connections.add, late)
        begun = loop.time()
        await server.shutdown()
        assert late.asked
        assert not connections
        return loop.time() - begun

    assert asyncio.run(end()) < GRACE_SECONDS


async def _nothing(*_: object) -> None: ...


async def _done() -> None: ...
