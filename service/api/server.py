"""uvicorn's server, whose end reaches every connection.

uvicorn alone asks connections to end once; one that was accepted at that very moment comes into being afterwards,
serves its client as long as that one has questions, and at the end of the grace takes an answer with it.
"""

import asyncio
import socket

import uvicorn

AGAIN_SECONDS = 0.1


class Server(uvicorn.Server):
    """Serves until it is told to end; then what is being answered is, and nothing new is begun."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        late = asyncio.create_task(self._end_late_ones())
        try:
            await super().shutdown(sockets)
        finally:
            late.cancel()

    async def _end_late_ones(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            for connection in list(self.server_state.connections):
                if not connection.transport.is_closing():
                    connection.shutdown()
