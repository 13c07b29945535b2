"""A client's connection: uvicorn's own, which nobody can hold for longer than it takes, however slow or many.

uvicorn alone waits for ever for the rest of a request and for an answer to be taken, holds any number of connections,
and leaves a client without an answer that closes its sending half before.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from service.api.answers import PHRASES
from service.api.context import Context
from service.api.refusals import source_of
from service.ids import new_key
from service.log import logger


class Connection(H11Protocol):
    """One connection of one client."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        context: Context = app_state["context"]
        seconds = context.settings.request_seconds
        self.source = "-"
        self.quiet_since = 0.0
        self._most, self._warnings = context.settings.connections, context.crowding
        self._arrival = Patience(self.loop, seconds, self._has_not_come)
        self._taking = Patience(self.loop, seconds, self._has_not_been_taken)

    # uvicorn's and asyncio's own

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.source, self.quiet_since = source_of(self.client), self.loop.time()
        # Whoever has not asked for anything yet is as welcome as whoever has been answered.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        if len(self.connections) > self._most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def eof_received(self) -> bool:  # type: ignore[override]
        """True while there is an answer to come to a client that has said all it has to say."""
        if self.waits:
            return False
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look()

    def on_response_complete(self) -> None:
        self.quiet_since = self.loop.time()
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._arrival.over()
        self._taking.over()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    # what is ours

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn: no request has come whole and is not answered yet."""
        return self.cycle is None or self.cycle.response_complete or self._arrives()

    def _arrives(self) -> bool:
        """Whether some of a request has come, and not all."""
        state = self.conn.their_state
        return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))

    def _look(self) -> None:
        self._arrival.watch(self._arrives() and not self.transport.is_closing())
        self._taking.watch(self.transport.get_write_buffer_size() > 0)

    def _has_not_come(self) -> None:
        """The rest of the request. A body that is being read has its time there, and an answer in its route's style."""
        if self.conn.their_state is h11.IDLE:
            self._refuse(408)
        elif self.cycle.response_complete:
            self.transport.close()

    def _has_not_been_taken(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _refuse(self, status: int) -> None:
        """Answers what is no request, unless it has been answered already; it is the last of this connection."""
        if self.cycle:
            self.cycle.disconnected = True
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            for part in refusal(status, new_key()[:12], self.source):
                self.transport.write(self.conn.send(part) or b"")
        self.transport.close()

    def _make_room(self) -> None:
        """Closes the connection longest unused of whoever has most, so that no address can take the others' places."""
        everybody = [one for one in self.connections if isinstance(one, Connection)]
        closed = longest_unused(everybody) or self
        if self._warnings.turn() is not None:
            logger.warning("more than %d connections, most of them from %s; some are closed", self._most, closed.source)
        self.connections.discard(closed)
        closed.transport.abort()


def refusal(status: int, request_id: str, source: str) -> tuple[h11.Event, ...]:
    """An answer to what has not become a request, and its line in the log."""
    logger.info("%s no request %d", source, status, extra={"ids": {"request": request_id}})
    body = json.dumps({"error": PHRASES[status]}, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Request-ID": request_id,
        "Connection": "close",
    }
    head = h11.Response(status_code=status, headers=list(headers.items()), reason=PHRASES[status])
    return head, h11.Data(data=body), h11.EndOfMessage()


def longest_unused(connections: Collection[Connection]) -> Connection | None:
    """Of the address with most connections the one that waits longest; None when all of these are at work."""
    ((most, _),) = Counter(one.source for one in connections).most_common(1)
    waiting = [one for one in connections if one.source == most and one.waits]
    return min(waiting, key=lambda one: one.quiet_since, default=None)


class Patience:
    """With something that goes on: `then` is called when it has gone on for so many seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, then: Callable[[], None]) -> None:
        self._loop, self._seconds, self._then = loop, seconds, then
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, goes_on: bool) -> None:
        """Whether it goes on at this moment."""
        if not goes_on:
            self.over()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._end)

    def over(self) -> None:
        """It does not go on, or nobody wants to know any more."""
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _end(self) -> None:
        self._timer = None
        self._then()
