"""The sections of the bench, one after the other, and when to stop."""

import asyncio
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from asterisk.pbx import PbxError
from tests.bench import events, load, many, operations
from tests.bench.budgets import Budget
from tests.bench.table import Row

LIMIT_SECONDS = 460.0
"""Of a whole run: what is not measured by then is left out, so that the bench ends within eight minutes."""


@dataclass(frozen=True)
class Section:
    """Measures some rows, among them one for each of these budgets."""

    name: str
    measure: Callable[[], AsyncIterator[Row]]
    budgets: frozenset[Budget]


SECTIONS = (
    Section("operations", operations.measure, frozenset((Budget.OPERATION,))),
    Section("load", load.measure, frozenset((Budget.WATCHED_CALL, Budget.SERVICE_CPU))),
    Section("events", events.measure, frozenset((Budget.MEMORY_BACK,))),
    Section("many", many.measure, frozenset((Budget.LIST, Budget.LIST_GROWTH, Budget.CALL_MEMORY))),
)


async def run(sections: tuple[Section, ...]) -> list[Row]:
    """All rows that could be measured; why one could not is told on standard error."""
    rows: list[Row] = []
    end = time.monotonic() + LIMIT_SECONDS
    for section in sections:
        started = time.monotonic()
        try:
            async with asyncio.timeout(end - started):
                async for row in section.measure():
                    rows.append(row)
        except (AssertionError, PbxError, OSError, TimeoutError):
            _say(f"{section.name}: not to its end:\n{traceback.format_exc()}")
        _say(f"{section.name}: {time.monotonic() - started:.0f} s")
    return rows


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
