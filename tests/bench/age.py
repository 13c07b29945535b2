"""How old the list is: from Asterisk's own timestamp on an event to the row that a polling client reads."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from service import ids
from service.calls.reduce import LINKEDID
from tests.bench.budgets import Budget
from tests.bench.cell import TALKING, open_cell
from tests.bench.clients import Client, api, ari
from tests.bench.feed import Event, feed
from tests.bench.figures import Figure, milliseconds
from tests.bench.landing import landings
from tests.bench.players import AGENT, Api
from tests.bench.table import Row
from tests.instruments.stage import ACME

APP = "bench-age"
TYPES = ("ChannelCreated", "ChannelStateChange", "ChannelDestroyed")
TALKS = "CS_EXECUTE"

ANSWERS = 50
RATE, SECONDS = 50.0, 1.0
"""Of the load: 50 calls a second, and so some fifty live ones."""

LOAD_CALLS = 900
"""More than last while the answers are measured."""

LATE_SECONDS = 60.0
SOON = 10.0
BETWEEN = 0.05
"""Seconds between two calls whose answer is measured."""


@dataclass
class Witness:
    """When things happened, by Asterisk's clock, and when they were first read, by ours: the same machine's."""

    created: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    destroyed: dict[str, float] = field(default_factory=dict)
    listed: dict[str, float] = field(default_factory=dict)
    talking: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)
    legs: dict[str, str] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def knows(self, call: str) -> None:
        """Waits until the call's answer has been told and read."""
        async with asyncio.timeout(SOON):
            while call not in self.answered or call not in self.talking:
                self._news.clear()
                await self._news.wait()

    def told(self, event: Event) -> None:
        """A listener of `Feed`."""
        self._news.set()
        channel, at = event["channel"], datetime.fromisoformat(event["timestamp"]).timestamp()
        call = call_id(channel["channelvars"][LINKEDID])
        if event["type"] == "ChannelCreated":
            self.created.setdefault(call, at)
        elif event["type"] == "ChannelDestroyed":
            self.destroyed[call] = at
        elif channel["state"] == "Up" and channel["name"].startswith(f"PJSIP/{AGENT}@"):
            self.answered[call] = at
            self.legs[call] = channel["id"]

    def read(self, rows: list[Mapping[str, str]], at: float) -> None:
        """What the list said at this time."""
        self._news.set()
        present = {row["call_id"] for row in rows}
        for row in rows:
            self.listed.setdefault(row["call_id"], at)
            if row["state"] == TALKS:
                self.talking.setdefault(row["call_id"], at)
        for call in self.listed.keys() - self.gone.keys() - present:
            self.gone[call] = at


def call_id(linkedid: str) -> str:
    """What the list calls it."""
    return linkedid if ids.is_call_uuid(linkedid) else ids.call_id(linkedid, ACME)


def ages(happened: Mapping[str, float], read: Mapping[str, float]) -> list[float]:
    """Seconds from the one to the other, for every call that has both."""
    return [read[call] - at for call, at in happened.items() if call in read]


async def measure() -> AsyncIterator[Row]:
    """A client that asks again as soon as it has its answer: first beside nothing else, then beside the load."""
    with open_cell() as cell, cell.service() as service:
        async with (
            api(cell, service) as client,
            ari(cell) as bare,
            landings(cell, (AGENT,)),
            feed(bare, APP, *TYPES) as events,
        ):
            idle, busy = Witness(), Witness()
            events.listeners.append(idle.told)
            async with polling(client, idle):
                await _answers(client, bare, idle)
            events.listeners[:] = [busy.told]
            load = cell.sipp.call(TALKING, rate=RATE, calls=LOAD_CALLS, at_once=LOAD_CALLS, seconds=SECONDS)
            async with polling(client, busy):
                await _answers(client, bare, busy)
                await load.ended(LATE_SECONDS)
    for row in rows(idle, busy):
        yield row


@asynccontextmanager
async def polling(client: Client, witness: Witness) -> AsyncIterator[None]:
    """Reads the list again and again while the block runs."""

    async def poll() -> None:
        while True:
            answer = json.loads(await client.get("/v1/call"))
            witness.read(answer["data"], time.time())

    task = asyncio.create_task(poll())
    try:
        yield
    finally:
        task.cancel()


async def _answers(client: Client, bare: Client, witness: Witness) -> None:
    """Click-to-calls, the answer of whose extension changes the row's state; each is ended."""
    player = Api(client)
    for _ in range(ANSWERS):
        call = await player.click2call()
        await witness.knows(call)
        await bare.ask("DELETE", f"/channels/{witness.legs[call]}")
        await asyncio.sleep(BETWEEN)


def rows(idle: Witness, busy: Witness) -> list[Row]:
    """Of the answer idle and under load; under load also of a call's begin and end."""
    load = f"at {RATE:.0f} calls/s"
    return [
        _row("a call's answer to its row's new state, idle", ages(idle.answered, idle.talking), Budget.LIST_AGE),
        _row(f"a call's answer to its row's new state, {load}", ages(busy.answered, busy.talking), Budget.LIST_AGE),
        _row(f"a call's begin to its row, {load}", ages(busy.created, busy.listed)),
        _row(f"a call's end to its row's being gone, {load}", ages(busy.destroyed, busy.gone)),
    ]


def _row(what: str, seconds: list[float], budget: Budget | None = None) -> Row:
    return Row(f"{what} (of {len(seconds):,})", "ms", Figure.of(milliseconds(seconds)), budget=budget)
