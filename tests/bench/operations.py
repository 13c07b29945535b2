"""Each operation: until its answer, and until a phone is told, by the API, by bare ARI and by Asterisk's own dialplan.

The three take turns, each with a call of its own on which it does everything, so that what disturbs one disturbs all.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass, field
from typing import Any

from service.calls.supervision import Mode
from tests.bench.budgets import Budget
from tests.bench.cell import open_cell
from tests.bench.clients import Client, api, ari
from tests.bench.feed import feed
from tests.bench.figures import Figure, milliseconds
from tests.bench.landing import Landing, landings
from tests.bench.players import AGENT, BARE_APP, BARE_TYPES, BOSS, COLLEAGUE, Api, Bare, Console, Legs, Player
from tests.bench.table import Row
from tests.instruments.stage import ACME

ROUNDS = 40
WARM_ROUNDS = 2
"""Not counted: the first of everything is slower."""

SOON = 10.0
PAUSE = 0.005
MOBILE = "carrier"

NOTHING = "HTTP alone, GET /v1/call or ARI's GET /asterisk/ping"
CLICK, LISTEN, WHISPER, BARGE, TRANSFER, PARK = "click-to-call", "listen", "to whisper", "to barge", "transfer", "park"
TOLD = {
    CLICK: "INVITE at the extension",
    LISTEN: "INVITE at the supervisor",
    TRANSFER: "INVITE at the new extension",
    PARK: "BYE at the leg that is cut",
}
"""What a phone is told, and when that is the measure of an operation."""

ANSWERED = "answer"
Samples = dict[tuple[str, str], list[float]]


async def measure() -> AsyncIterator[Row]:
    """One idle Asterisk, one service, four phones."""
    with open_cell() as cell, cell.service() as service:
        async with (
            api(cell, service) as client,
            ari(cell) as bare,
            feed(bare, BARE_APP, *BARE_TYPES) as events,
            landings(cell, (AGENT, COLLEAGUE, BOSS)) as phones,
        ):
            script = Bare(bare, events)
            players = [Turn(player, bare, phones) for player in (Api(client), script, Console(cell))]
            for done in range(WARM_ROUNDS + ROUNDS):
                for turn in players:
                    await turn.play()
                    if done < WARM_ROUNDS:
                        turn.samples.clear()
    for row in rows(*(turn.samples for turn in players)):
        yield row


@dataclass
class Turn:
    """One player, and the seconds each of its steps took, by operation and by what ended it.

    `asked`: each operation, when it was sent and when it was answered.
    """

    player: Player
    bare: Client
    phones: dict[str, Landing]
    samples: Samples = field(default_factory=lambda: defaultdict(list))
    asked: list[tuple[str, float, float]] = field(default_factory=list)

    async def play(self) -> None:
        """A call from its beginning to its end, with every operation on it."""
        if not isinstance(self.player, Console):
            await self._timed(NOTHING, self.player.nothing())
        started, call_id = await self._timed(CLICK, self.player.click2call())
        await self._told(CLICK, started, self.phones[AGENT], "INVITE")
        await self._supervise(await self._legs(call_id, AGENT))
        await self._move(await self._legs(call_id, AGENT))
        for channel in await self._channels():
            await self.bare.hang_up(channel["id"])
        await self._settled()

    async def _supervise(self, legs: Legs) -> None:
        started, _ = await self._timed(LISTEN, self.player.listen(legs))
        await self._told(LISTEN, started, self.phones[BOSS], "INVITE")
        if isinstance(self.player, Bare):
            await self.player.admit()
        await self._settled(AGENT, MOBILE, BOSS)
        if not isinstance(self.player, Console):
            for what, mode in ((WHISPER, Mode.WHISPER), (BARGE, Mode.BARGE)):
                await self._timed(what, self.player.switch(legs, mode))
                await self._settled(AGENT, MOBILE, BOSS)
        self.phones[BOSS].hang_up()
        if isinstance(self.player, Bare):
            await self.player.end_supervision()
        await self._settled(AGENT, MOBILE)

    async def _move(self, legs: Legs) -> None:
        started, _ = await self._timed(TRANSFER, self.player.transfer(legs))
        await self._told(TRANSFER, started, self.phones[COLLEAGUE], "INVITE")
        moved = await self._legs(legs.call_id, COLLEAGUE)
        started, _ = await self._timed(PARK, self.player.park(moved))
        await self._told(PARK, started, self.phones[COLLEAGUE], "BYE")
        await self._settled(MOBILE)

    async def _timed(self, what: str, doing: Awaitable[Any]) -> tuple[float, Any]:
        """When it began, and what it gave."""
        started = time.perf_counter()
        found = await doing
        ended = time.perf_counter()
        self.samples[what, ANSWERED].append(ended - started)
        self.asked.append((what, started, ended))
        return started, found

    async def _told(self, what: str, started: float, phone: Landing, method: str) -> None:
        self.samples[what, TOLD[what]].append(await phone.arrival(method, started) - started)

    async def _legs(self, call_id: str, extension: str) -> Legs:
        found = await self._settled(extension, MOBILE)
        agent, mobile = found[extension], found[MOBILE]
        return Legs(call_id, agent["id"], agent["name"], mobile["id"], mobile["name"])

    async def _settled(self, *wanted: str) -> dict[str, Any]:
        """Waits for `settled`; AssertionError when it never is."""
        end = time.monotonic() + SOON
        while (phones := settled(channels := await self._channels(), *wanted)) is None:
            seen = {channel["name"]: channel["state"] for channel in channels}
            assert time.monotonic() < end, f"not {wanted}, but {seen}"
            await asyncio.sleep(PAUSE)
        return phones

    async def _channels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(await self.bare.get("/channels"))
        return found


def settled(channels: list[dict[str, Any]], *wanted: str) -> dict[str, Any] | None:
    """The channels by party when they are these, all up, and no helper is left but a supervisor's own."""
    phones = {party(channel["name"]): channel for channel in channels if channel["name"].startswith("PJSIP/")}
    helpers = [kind for channel in channels if (kind := channel["name"].partition("/")[0]) != "PJSIP"]
    quiet = helpers.count("Snoop") <= 1 if BOSS in wanted else not helpers
    up = all(channel["state"] == "Up" for channel in phones.values())
    return phones if quiet and up and set(phones) == set(wanted) else None


def party(channel: str) -> str:
    """101 of `PJSIP/101@acme.test-0000002a`, carrier of `PJSIP/carrier-0000002b`."""
    return channel.removeprefix("PJSIP/").rpartition("-")[0].removesuffix(f"@{ACME}")


def rows(ours: Samples, bare: Samples, dialplan: Samples) -> Iterator[Row]:
    """Against bare ARI, and against the dialplan alone where it could do it."""
    for (what, until), samples in ours.items():
        title = f"{what}: request sent to {until}"
        budget = Budget.OPERATION if until == ANSWERED and what != NOTHING else None
        yield _row(title, samples, bare[what, until], "bare ARI", budget)
        if until != ANSWERED and (alone := dialplan.get((what, until))):
            yield _row(f"{title}, dialplan", samples, alone, "Asterisk's own dialplan", None)


def _row(title: str, ours: list[float], reference: list[float], against: str, budget: Budget | None) -> Row:
    return Row(title, "ms", Figure.of(milliseconds(ours)), Figure.of(milliseconds(reference)), against, budget)
