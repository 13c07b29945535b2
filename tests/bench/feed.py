"""Asterisk's events, as a program gets them that has no more than a WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from service.live import SOURCES
from tests.bench.clients import Client

Event = dict[str, Any]
SOON = 5.0


class Feed:
    """Every event of the wanted types goes to each of `listeners`."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Event], None]] = []

    @asynccontextmanager
    async def expect(self, match: Callable[[Event], bool]) -> AsyncIterator[None]:
        """Leaves the block when an event has come that matches, since it was entered."""
        seen = asyncio.Event()

        def listen(event: Event) -> None:
            if match(event):
                seen.set()

        self.listeners.append(listen)
        try:
            yield
            await asyncio.wait_for(seen.wait(), SOON)
        finally:
            self.listeners.remove(listen)

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until the socket is closed."""
        async for message in socket:
            event = json.loads(message.data)
            for listener in list(self.listeners):
                listener(event)


@asynccontextmanager
async def feed(bare: Client, app: str, *types: str) -> AsyncIterator[Feed]:
    """The events of these types, of every channel and bridge."""
    opened = Feed()
    async with bare.session.ws_connect(f"{bare.url}/events", params={"app": app, "subscribeAll": "false"}) as socket:
        reading = asyncio.create_task(opened.read(socket))
        await bare.ask("PUT", f"/applications/{app}/eventFilter", {"allowed": [{"type": name} for name in types]})
        await bare.ask("POST", f"/applications/{app}/subscription", eventSource=",".join(SOURCES))
        try:
            yield opened
        finally:
            reading.cancel()
