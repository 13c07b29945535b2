"""What grows with the number of live calls: the list's time, and the service's memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from tests.bench import startup
from tests.bench.budgets import Budget
from tests.bench.cell import TALKING, WAITING, Cell, open_cell
from tests.bench.clients import Client, Pair, api, ari, by_turns, together, wire
from tests.bench.figures import Figure, milliseconds
from tests.bench.process import resident_kb
from tests.bench.table import Row

LEVELS = (1, 100, 1000, 5000)
BUDGETED = 1000
MEMORY_LEVELS = (1000, 5000)

TALKING_MOST = 800
"""Calls of two legs among those held, the rest have one: 5,000 then take 19,000 open files, and 20,000 is a common
limit."""

TALKING_RATE, WAITING_RATE = 80.0, 120.0
"""Calls a second while filling: about half of what two cores take."""

SETTLE_SECONDS = 10.0
"""After the last was called, for a busy machine."""

REST_SECONDS, LATE_SECONDS = 0.5, 60.0
"""In which the list does not change any more; and for that to come, on a busy machine."""

TRIES = 3
"""Asterisk may refuse some when the machine is busy: what is missing is called again."""

STARTS = 2
LIST, CHANNELS = "/v1/call", "/channels"
CLIENTS = 50
SECONDS = 3.0
AT_LEAST = 5


async def measure() -> AsyncIterator[Row]:
    """Fills an Asterisk level by level, with a service attached from the start."""
    with open_cell() as cell, cell.service() as service:
        assert service.process is not None
        pid = service.process.pid
        async with api(cell, service) as ours, ari(cell) as bare:
            await _warm(ours)
            start = resident_kb(pid)
            medians: dict[int, float] = {}
            for level in LEVELS:
                held = fill(cell, level)
                if level in MEMORY_LEVELS:
                    yield memory_row(start, resident_kb(pid), held)
                etag = await _at_rest(ours)
                one = await _alone(ours, bare)
                medians[level] = Figure.of(one.ours).p50
                yield list_row(held, "one client", one, Budget.LIST if level == BUDGETED else None)
                yield list_row(held, "one client, 304", await _alone(ours, bare, etag))
                crowd = await _crowd(ours, bare)
                yield list_row(held, f"{CLIENTS} clients at once", crowd)
                yield rate_row(held, crowd)
            async for row in startup.rows(cell, bare, cell.calls(), STARTS):
                yield row
            yield growth_row(medians[LEVELS[-1]] / medians[LEVELS[-2]])


def fill(cell: Cell, calls: int) -> int:
    """Adds calls until so many live; the number that do, which is smaller when Asterisk would not have them."""
    _until(cell, min(calls, TALKING_MOST), TALKING, TALKING_RATE)
    _until(cell, calls, WAITING, WAITING_RATE)
    return cell.calls()


def _until(cell: Cell, wanted: int, number: str, rate: float) -> None:
    for _ in range(TRIES):
        missing = wanted - cell.calls()
        if missing <= 0:
            return
        cell.sipp.call(number, rate=rate, calls=missing, at_once=missing)
        with suppress(AssertionError):
            cell.wait_calls(wanted, missing / rate + SETTLE_SECONDS)


async def _warm(ours: Client) -> None:
    for _ in range(20):
        await ours.get(LIST)


async def _at_rest(ours: Client) -> str:
    """The list's ETag, once it stays the same: the addresses of thousands of calls come after them."""
    known = ""
    async with asyncio.timeout(LATE_SECONDS):
        while (now := await ours.etag(LIST)) != known:
            known = now
            await asyncio.sleep(REST_SECONDS)
    return known


async def _alone(ours: Client, bare: Client, etag: str = "") -> Pair:
    with wire(ours, LIST, etag) as listing, wire(bare, CHANNELS) as channels:
        return await by_turns(listing.timed, channels.timed, seconds=SECONDS, at_least=AT_LEAST)


async def _crowd(ours: Client, bare: Client) -> Pair:
    lists, channels = together(ours, LIST, CLIENTS), together(bare, CHANNELS, CLIENTS)
    return await by_turns(lists, channels, seconds=SECONDS, at_least=1)


def rate_row(held: int, crowd: Pair) -> Row:
    """Lists a second, of clients that ask all at once and wait for the last answer before they ask again."""
    return Row(
        f"lists a second, {held:,} live calls, {CLIENTS} clients",
        "/s",
        Figure(a_second(crowd.ours)),
        Figure(a_second(crowd.reference)),
        "ARI GET /channels",
    )


def a_second(seconds: list[float]) -> float:
    """Requests a second, out of the time of each in bursts of `CLIENTS`."""
    bursts = [max(seconds[begin : begin + CLIENTS]) for begin in range(0, len(seconds), CLIENTS)]
    return len(seconds) / sum(bursts)


def list_row(held: int, who: str, pair: Pair, budget: Budget | None = None) -> Row:
    """The list's time against that of all channels; ARI has no answer like 304."""
    return Row(
        f"GET /v1/call, {held:,} live calls, {who}",
        "ms",
        Figure.of(milliseconds(pair.ours)),
        Figure.of(milliseconds(pair.reference)),
        "ARI GET /channels",
        budget,
    )


def memory_row(start: int, now: int, held: int) -> Row:
    """What a live call adds to the service."""
    return Row(
        f"memory a live call, at {held:,} ({now / 1024:.0f} MB, at the start {start / 1024:.0f} MB)",
        "KB",
        Figure((now - start) / held),
        budget=Budget.CALL_MEMORY,
    )


def growth_row(times: float) -> Row:
    """How the list's time grows."""
    return Row(
        f"GET /v1/call with {LEVELS[-1]:,} live calls over {LEVELS[-2]:,}, p50",
        "x",
        Figure(times),
        budget=Budget.LIST_GROWTH,
    )
