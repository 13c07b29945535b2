"""Operations a second that one service sustains, beside a script that sends what they need of Asterisk bare.

Each has Asterisk to itself in its turn: while the script plays, no service is attached.
"""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from service.calls.reduce import LINKEDID
from tests.bench.age import call_id
from tests.bench.cell import TALKING, Cell, open_cell
from tests.bench.clients import Client, api, ari
from tests.bench.feed import feed
from tests.bench.figures import Figure
from tests.bench.operations import MOBILE, party
from tests.bench.players import AGENT, BARE_APP, BARE_TYPES, BOSS, COLLEAGUE, Api, Bare, Legs, Player
from tests.bench.process import cpu_seconds
from tests.bench.sipp import CALLER, Party
from tests.bench.table import Row
from tests.instruments.polling import eventually
from tests.instruments.registrar import Account, register
from tests.instruments.stage import ACME

ROUNDS = 2
AT_ONCE = 16
"""Clients, each of which asks again as soon as it has its answer."""

CLICKS = 300
CALLS, CALLS_RATE = 100, 80.0
"""Held, and each moved once in a burst of transfers."""

BURSTS = 3
REGISTERED_SECONDS = 3600
SOON, PAUSE = 30.0, 0.05


@dataclass
class Done:
    """What was done in all turns of one player, in how long, and the CPU seconds it took."""

    count: int = 0
    seconds: float = 0.0
    asterisk: float = 0.0
    service: float = 0.0

    @property
    def a_second(self) -> float:
        return self.count / self.seconds


@dataclass
class Sum:
    """Of one player."""

    clicks: Done = field(default_factory=Done)
    transfers: Done = field(default_factory=Done)


async def measure() -> AsyncIterator[Row]:
    """By turns, on one Asterisk: the script, a service, and again."""
    ours, reference = Sum(), Sum()
    with open_cell() as cell:
        declining = _phones(cell)
        async with ari(cell) as bare:
            for _ in range(ROUNDS):
                async with feed(bare, BARE_APP, *BARE_TYPES) as events:
                    await Turn(cell, bare, Bare(bare, events), reference).play()
                with cell.service() as service:
                    assert service.process is not None
                    async with api(cell, service) as client:
                        await Turn(cell, bare, Api(client), ours, service.process.pid).play()
            _every_one_rang(declining, ours.clicks.count + reference.clicks.count)
    for row in rows(ours, reference):
        yield row


def _phones(cell: Cell) -> Party:
    """One extension that declines, which is returned, and two that answer."""
    declining, answering = cell.pbx.settings.ports.phone(1), cell.pbx.settings.ports.phone(2)
    for extension, port in ((AGENT, declining), (COLLEAGUE, answering), (BOSS, answering)):
        password = cell.pbx.secrets.phones[f"{extension}@{ACME}"]
        register(Account(extension, ACME, extension, password), cell.pbx.sip_port, port, REGISTERED_SECONDS)
    cell.sipp.callee(answering)
    return cell.sipp.decliner(declining)


def _every_one_rang(declining: Party, clicks: int) -> None:
    """What was answered with success and rang nobody would be fast, too."""
    eventually(lambda: declining.tally().created == clicks, deadline=SOON, message=f"not {clicks} INVITEs")


@dataclass
class Turn:
    """One player's: click-to-calls that ring and end, then calls that are moved to and fro."""

    cell: Cell
    bare: Client
    player: Player
    into: Sum
    service: int = 0

    async def play(self) -> None:
        await self._timed(self.into.clicks, (self.player.click2call() for _ in range(CLICKS)), {})
        self.cell.sipp.call(TALKING, rate=CALLS_RATE, calls=CALLS, at_once=CALLS)
        await self._until(_talking(CALLER))
        for to in islice(cycle((COLLEAGUE, BOSS)), BURSTS):
            legs = calls(await self._channels())
            await self._timed(self.into.transfers, (self.player.transfer(each, to) for each in legs), _talking(to))
        await asyncio.to_thread(self.cell.pbx.cli, "channel request hangup all")
        await self._until({})

    async def _timed(self, done: Done, doing: Iterable[Awaitable[Any]], then: Mapping[str, int]) -> None:
        """All of it, so many at once, to the moment at which Asterisk has done what was asked."""
        started, asterisk, service = time.monotonic(), *self._cpu()
        done.count += await _at_once(doing)
        await self._until(then)
        done.seconds += time.monotonic() - started
        now = self._cpu()
        done.asterisk += now[0] - asterisk
        done.service += now[1] - service

    def _cpu(self) -> tuple[float, float]:
        return cpu_seconds(self.cell.asterisk_pid), cpu_seconds(self.service) if self.service else 0.0

    async def _until(self, wanted: Mapping[str, int]) -> None:
        """Until Asterisk's channels are those of so many phones by party, all of them up, and no others."""
        end = time.monotonic() + SOON
        while (found := parties(await self._channels())) != wanted:
            assert time.monotonic() < end, f"not {wanted}, but {found}"
            await asyncio.sleep(PAUSE)

    async def _channels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(await self.bare.get("/channels"))
        return found


def _talking(extension: str) -> dict[str, int]:
    return {extension: CALLS, MOBILE: CALLS}


async def _at_once(doing: Iterable[Awaitable[Any]]) -> int:
    """How many there were; each of `AT_ONCE` clients takes the next one when its last is done."""
    waiting = iter(doing)

    async def client() -> int:
        done = 0
        for each in waiting:
            await each
            done += 1
        return done

    return sum(await asyncio.gather(*(client() for _ in range(AT_ONCE))))


def parties(channels: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How many channels of each party are up; what is not up, or no phone's, by its name."""
    return Counter(
        party(name) if channel["state"] == "Up" and (name := channel["name"]).startswith("PJSIP/") else channel["name"]
        for channel in channels
    )


def calls(channels: Iterable[Mapping[str, Any]]) -> list[Legs]:
    """Those of an extension and a mobile."""
    by_call: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for channel in channels:
        side = MOBILE if party(channel["name"]) == MOBILE else AGENT
        by_call[call_id(channel["channelvars"][LINKEDID])][side] = channel
    return [
        Legs(call, legs[AGENT]["id"], legs[AGENT]["name"], legs[MOBILE]["id"], legs[MOBILE]["name"])
        for call, legs in by_call.items()
    ]


def rows(ours: Sum, reference: Sum) -> Iterator[Row]:
    """Each operation's rate against the script's, and its CPU in Asterisk and in the service."""
    said = "bare ARI, no service attached"
    for what, one, other in (
        ("click-to-call{}, rung and declined", ours.clicks, reference.clicks),
        ("transfer{}", ours.transfers, reference.transfers),
    ):
        rate = what.format("s a second") + f", {AT_ONCE} clients"
        yield Row(rate, "/s", Figure(one.a_second), Figure(other.a_second), said)
        asterisk = [Figure(each.asterisk / each.count * 1000) for each in (one, other)]
        yield Row(f"Asterisk's CPU a {what.format('')}", "ms", asterisk[0], asterisk[1], said)
        yield Row(f"the service's CPU a {what.format('')}", "ms", Figure(one.service / one.count * 1000))
