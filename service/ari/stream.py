"""The event stream: one WebSocket, which registers the Stasis application as long as it is open."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.frames import DATA_OPCODES, Frame
from websockets.http11 import Response

from service.ari.client import AriClient
from service.ari.errors import AriUnreachable
from service.ari.models import Event

PING_SECONDS = 5.0  # a socket that answers no ping for this long is dead, however open it looks
OPEN_SECONDS = 5.0
FRAME_BYTES = 1 << 20

# An event, or what is wrong with one that is not understood.
Told = Event | ValidationError
Take = Callable[[Sequence[Told]], None]


class EventSocket(ClientConnection):
    """A WebSocket whose messages are handed on as they come, all that have come in one go together.

    `recv()` puts each into a queue and takes it out in a task, which was a seventh of what a call costs the service.
    """

    def __init__(self, protocol: ClientProtocol, **options: float) -> None:
        super().__init__(protocol, **options)  # type: ignore[arg-type]  # those that `connect` was given
        self._over: asyncio.Future[None] = self.loop.create_future()
        self._take: Take | None = None
        self._messages: list[bytes] = []
        self._begun = b""
        self._resting: asyncio.TimerHandle | None = None
        self._behind = False

    async def hand_on(self, take: Take) -> None:
        """Hands all events to `take`, until that raises, or the socket has broken: then AriUnreachable."""
        self._take = take
        self._hand_on()
        await self._over

    def rest(self, seconds: float) -> None:
        """Lets what comes gather for so long, in the kernel's memory, instead of being woken for each part of it."""
        if self._resting is None:
            self._resting, self._behind = self.loop.call_later(seconds, self.wake), True
            self.transport.pause_reading()

    def wake(self) -> None:
        """Ends a rest."""
        if self._resting:
            self._resting.cancel()
            self._resting = None
            self.transport.resume_reading()

    async def caught_up(self) -> None:
        """Returns when what has gathered in a rest that was ended is handed on."""
        if self._behind:
            await asyncio.sleep(0)  # the event loop looks at the socket again,
            await asyncio.sleep(0)  # and has read it
            self._behind = False

    # what the connection is told

    def process_event(self, event: Frame | Response) -> None:  # type: ignore[override]
        """Keeps the messages, also one that comes in several frames."""
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._begun += bytes(event.data)
            if event.fin:
                self._messages.append(self._begun)
                self._begun = b""
        else:
            super().process_event(event)

    def data_received(self, data: bytes) -> None:
        """Some frames have come, or parts of them."""
        super().data_received(data)
        self._hand_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Broken, or closed by either side."""
        super().connection_lost(exc)
        self._end(AriUnreachable(f"event stream: {self.protocol.close_exc}"))

    def _hand_on(self) -> None:
        if self._take is None or not self._messages:
            return
        messages, self._messages = self._messages, []
        try:
            self._take([_event(message) for message in messages])
        except Exception as error:
            self._end(error)

    def _end(self, error: Exception) -> None:
        self._take = None
        if not self._over.done():
            self._over.set_exception(error)
            self._over.exception()  # nobody may be there to be told


@asynccontextmanager
async def open_stream(ari: AriClient, app: str) -> AsyncIterator[EventSocket]:
    """The open socket of application `app`. Raises AriUnreachable when it cannot be opened."""
    url = f"{ari.url.replace('http', 'ws', 1)}/events?app={quote(app, safe='')}&subscribeAll=false"
    try:
        socket = await connect(
            url,
            create_connection=EventSocket,
            additional_headers=ari.headers,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
            max_size=FRAME_BYTES,
            compression=None,
            proxy=None,
        )
    except (OSError, InvalidHandshake, TimeoutError, WebSocketException) as error:
        raise AriUnreachable(f"event stream: {error!r}") from error
    assert isinstance(socket, EventSocket)
    try:
        yield socket
    finally:
        socket.wake()
        await socket.close()


def _event(message: bytes) -> Told:
    try:
        return Event.model_validate_json(message)
    except ValidationError as error:
        return error
