"""What being watched costs Asterisk, by what the watcher has asked for, and which events a call is made of.

Not part of every run: `python -m tests.bench --only subscriptions`, some three minutes.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from service.live import SOURCES, WANTED
from tests.bench.cell import open_cell
from tests.bench.clients import Client, ari
from tests.bench.figures import Figure
from tests.bench.load import steady
from tests.bench.table import Row

ROUNDS = 6
APP = "bench-subscriber"
NO_EVENT = ("NoSuchEvent",)
"""A filter that lets nothing through; an empty one would let everything."""

ALONE, DECLINED, FILTERED, WHOLE = "not watched", "all declined by its filter", "the service's filter", "no filter"
WATCHERS: dict[str, Sequence[str]] = {DECLINED: NO_EVENT, FILTERED: WANTED, WHOLE: ()}
"""Which types each lets through; without any there is no filter."""


@dataclass
class Watched:
    """Calls, what they took of Asterisk's CPU, and the events that came of them, by type."""

    calls: int = 0
    seconds: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)

    @property
    def milliseconds(self) -> float:
        return self.seconds / self.calls * 1000

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until the socket is closed."""
        async for message in socket:
            kind = json.loads(message.data)["type"]
            self.events[kind] += 1
            self.bytes[kind] += len(message.data)


async def measure() -> AsyncIterator[Row]:
    """By turns, on one Asterisk."""
    alone, watched = Watched(), {name: Watched() for name in WATCHERS}
    with open_cell() as cell:
        async with ari(cell) as bare:
            await asyncio.to_thread(steady, cell)
            for _ in range(ROUNDS):
                _add(alone, *await asyncio.to_thread(steady, cell))
                for name, types in WATCHERS.items():
                    async with _watching(bare, types, watched[name]):
                        _add(watched[name], *await asyncio.to_thread(steady, cell))
    for row in rows(alone, watched):
        yield row


def _add(to: Watched, calls: int, seconds: float) -> None:
    to.calls += calls
    to.seconds += seconds


@asynccontextmanager
async def _watching(bare: Client, types: Sequence[str], to: Watched) -> AsyncIterator[None]:
    """Subscribed to every channel and bridge while the block runs, as the service is."""
    app = f"{APP}-{len(types)}"
    async with bare.session.ws_connect(f"{bare.url}/events", params={"app": app, "subscribeAll": "false"}) as socket:
        reading = asyncio.create_task(to.read(socket))
        if types:
            await bare.ask("PUT", f"/applications/{app}/eventFilter", {"allowed": [{"type": name} for name in types]})
        await bare.ask("POST", f"/applications/{app}/subscription", eventSource=",".join(SOURCES))
        try:
            yield
        finally:
            reading.cancel()


def rows(alone: Watched, watched: dict[str, Watched]) -> Iterator[Row]:
    """Asterisk's CPU with each watcher, then the bytes of each type of event, with the service's filter and without."""
    for name, one in watched.items():
        yield Row(f"Asterisk's CPU a call, {name}", "ms", Figure(one.milliseconds), Figure(alone.milliseconds), ALONE)
    ours, whole = watched[FILTERED], watched[WHOLE]
    yield _bytes("all events", ours, whole, whole.events.keys())
    for kind, _ in whole.bytes.most_common():
        yield _bytes(kind, ours, whole, [kind])


def _bytes(what: str, ours: Watched, whole: Watched, kinds: Collection[str]) -> Row:
    events = sum(whole.events[kind] for kind in kinds) / whole.calls
    sent = [Figure(sum(each.bytes[kind] for kind in kinds) / each.calls) for each in (ours, whole)]
    return Row(f"{what}, {events:.1f} a call", "bytes", sent[0], sent[1], WHOLE)
