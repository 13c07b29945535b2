"""What ten thousand calls leave behind when they have come and gone: in the service, and in Asterisk itself."""

from collections.abc import AsyncIterator, Sequence

import httpx

from tests.bench.budgets import Budget
from tests.bench.cell import TALKING, Cell, open_cell
from tests.bench.figures import Figure
from tests.bench.process import resident_kb
from tests.bench.table import Row
from tests.instruments.polling import eventually

CALLS = 10_000
RATE, AT_ONCE = 120.0, 20
"""Calls a second, fewer where the machine does not take them: a pace at which Asterisk still sends its events in time.
Flat out they come seconds late, and the service begins anew with a snapshot, which would be another measurement."""

WARM_CALLS = 500
"""Before the start is read: the first calls make what is kept from then on."""

LATE_SECONDS = 200.0
"""For all of them, on a machine that is busy with other things."""

GONE_SECONDS = 30.0

BEGUN_ANEW = "connecting again"
"""In the service's log, when events came too late after all: what queues then, and is read anew, takes memory, too."""


async def measure() -> AsyncIterator[Row]:
    """Real calls of two legs through the tenant's dialplan, watched by one service."""
    with open_cell() as cell, cell.service() as service:
        assert service.process is not None
        pids = service.process.pid, cell.asterisk_pid
        authorization = {"Authorization": f"Bearer {cell.token}"}
        with httpx.Client(base_url=service.url, headers=authorization) as client:
            _come_and_go(cell, client, WARM_CALLS)
            start = list(map(resident_kb, pids))
            ended = _come_and_go(cell, client, CALLS)
            now = list(map(resident_kb, pids))
        behind = service.log.count(BEGUN_ANEW)
    for row in rows(ended, start, now, behind):
        yield row


def _come_and_go(cell: Cell, client: httpx.Client, calls: int) -> int:
    """Of so many calls the number that did; afterwards none lives and none is listed."""
    caller = cell.sipp.call(TALKING, rate=RATE, calls=calls, at_once=AT_ONCE, seconds=0.0)
    went = caller.wait(LATE_SECONDS).succeeded
    cell.wait_calls(0, GONE_SECONDS)
    eventually(lambda: _lists_none(client), deadline=GONE_SECONDS, message="calls are left")
    return went


def _lists_none(client: httpx.Client) -> bool:
    """A busy machine may have torn the events off for a moment; then there is no list."""
    answer = client.get("/v1/call")
    return answer.status_code == 200 and answer.json()["total"] == 0


def rows(ended: int, start: Sequence[int], now: Sequence[int], behind: int) -> list[Row]:
    """KB of the service and of Asterisk, against those at the start."""
    what, fell = f"after {ended:,} calls came and went", f"; {behind} times begun anew" if behind else ""
    return [
        _row(f"memory {what}", now[0], start[0], f"the start{fell}", Budget.MEMORY_BACK),
        _row(f"Asterisk's own memory {what}", now[1], start[1], "the start"),
    ]


def _row(what: str, now: int, start: int, against: str, budget: Budget | None = None) -> Row:
    return Row(what, "MB", Figure(now / 1024), Figure(start / 1024), against, budget)
