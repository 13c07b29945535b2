"""The event stream: one WebSocket, which registers the Stasis application as long as it is open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from service.ari.client import AriClient
from service.ari.errors import AriUnreachable
from service.ari.models import Event

PING_SECONDS = 5.0  # a socket that answers no ping for this long is dead, however open it looks
OPEN_SECONDS = 5.0
BACKLOG = 4096  # frames kept while the reader is busy; Asterisk cuts a reader that stays behind
FRAME_BYTES = 1 << 20


@asynccontextmanager
async def open_stream(ari: AriClient, app: str) -> AsyncIterator[ClientConnection]:
    """The open socket of application `app`.

    Raises AriUnreachable when it cannot be opened; a socket that breaks later ends `events` with the same.
    """
    url = f"{ari.url.replace('http', 'ws', 1)}/events?app={quote(app, safe='')}&subscribeAll=false"
    try:
        socket = await connect(
            url,
            additional_headers=ari.headers,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
            max_queue=BACKLOG,
            max_size=FRAME_BYTES,
            compression=None,
            proxy=None,
        )
    except (OSError, InvalidHandshake, TimeoutError, WebSocketException) as error:
        raise AriUnreachable(f"event stream: {error!r}") from error
    try:
        yield socket
    finally:
        await socket.close()


async def events(socket: ClientConnection) -> AsyncIterator[Event | ValidationError]:
    """Every event in turn; one that is not understood comes as the ValidationError it caused."""
    try:
        async for frame in socket:
            try:
                yield Event.model_validate_json(frame)
            except ValidationError as error:
                yield error
    except WebSocketException as error:
        raise AriUnreachable(f"event stream: {error}") from error
    raise AriUnreachable("event stream: closed by Asterisk")
