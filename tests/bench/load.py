"""Calls a second that Asterisk holds, and what a call costs it: watched by nobody, by a bare reader of its events, by a
service, by two replicas."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass

from service.live import WANTED
from tests.bench.budgets import Budget
from tests.bench.cell import TALKING, Cell, open_cell
from tests.bench.clients import ari
from tests.bench.feed import feed
from tests.bench.figures import Figure
from tests.bench.process import cpu_seconds
from tests.bench.table import Row

REPLICAS = ("first", "second")
READER = "bench-reader"
ROUNDS = 3

STEADY_RATE, STEADY_CALLS = 40.0, 200
"""A pace that leaves the machine idle most of the time, so that what a call costs does not depend on others."""

STEADY_SECONDS = 0.5
"""Of a call."""

FULL_CALLS, FULL_AT_ONCE = 500, 20
"""Calls of no length, the next as soon as one has ended: as fast as it goes."""

LATE_SECONDS = 60.0
"""For all calls to have ended, on a machine that is busy with other things."""


@dataclass
class Watched:
    """What was measured with so many services attached, added up over all rounds."""

    calls: int = 0
    asterisk: float = 0.0
    service: float = 0.0
    full_calls: int = 0
    full_seconds: float = 0.0

    @property
    def asterisk_ms(self) -> float:
        return self.asterisk / self.calls * 1000

    @property
    def service_ms(self) -> float:
        return self.service / self.calls * 1000

    @property
    def calls_a_second(self) -> float:
        return self.full_calls / self.full_seconds


async def measure() -> AsyncIterator[Row]:
    """By turns, on one Asterisk: nobody, a reader, a service, two, and again."""
    alone, reader, *served = (Watched() for _ in range(2 + len(REPLICAS)))
    with open_cell() as cell:
        for _ in range(ROUNDS):
            _measure(cell, alone, 0)
            async with ari(cell) as bare, feed(bare, READER, *WANTED):
                await asyncio.to_thread(_measure, cell, reader, 0)
            with ExitStack() as stack:
                for name, watched in zip(REPLICAS, served, strict=True):
                    service = stack.enter_context(cell.service(name))
                    assert service.process is not None
                    _measure(cell, watched, service.process.pid)
    for row in rows(alone, reader, *served):
        yield row


def steady(cell: Cell) -> tuple[int, float]:
    """Calls that come and go at that pace: how many did, and the seconds of Asterisk's CPU they took."""
    before = cpu_seconds(cell.asterisk_pid)
    caller = cell.sipp.call(TALKING, rate=STEADY_RATE, calls=STEADY_CALLS, at_once=STEADY_CALLS, seconds=STEADY_SECONDS)
    return caller.wait(LATE_SECONDS).succeeded, cpu_seconds(cell.asterisk_pid) - before


def _measure(cell: Cell, to: Watched, service: int) -> None:
    before = cpu_seconds(service) if service else 0.0
    calls, asterisk = steady(cell)
    to.calls += calls
    to.asterisk += asterisk
    to.service += cpu_seconds(service) - before if service else 0.0
    started = time.monotonic()
    full = cell.sipp.call(TALKING, rate=FULL_CALLS, calls=FULL_CALLS, at_once=FULL_AT_ONCE, seconds=0.0)
    to.full_calls += full.wait(LATE_SECONDS).succeeded
    to.full_seconds += time.monotonic() - started


def rows(alone: Watched, reader: Watched, one: Watched, two: Watched) -> list[Row]:
    """Each against Asterisk alone."""
    said = "not watched"
    return [
        _against("Asterisk's CPU a call, events only read", reader.asterisk_ms, alone),
        _against("Asterisk's CPU a call, one service attached", one.asterisk_ms, alone, Budget.WATCHED_CALL),
        _against("Asterisk's CPU a call, two replicas attached", two.asterisk_ms, alone),
        Row(
            "calls a second Asterisk holds, one service attached",
            "/s",
            Figure(one.calls_a_second),
            Figure(alone.calls_a_second),
            said,
        ),
        Row(
            "calls a second Asterisk holds, two replicas attached",
            "/s",
            Figure(two.calls_a_second),
            Figure(alone.calls_a_second),
            said,
        ),
        Row("the service's CPU a call", "ms", Figure(one.service_ms), budget=Budget.SERVICE_CPU),
    ]


def _against(what: str, ours: float, alone: Watched, budget: Budget | None = None) -> Row:
    return Row(what, "ms", Figure(ours), Figure(alone.asterisk_ms), "not watched", budget)
