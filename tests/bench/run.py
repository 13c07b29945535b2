"""The sections of the bench, one after the other."""

import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from asterisk.pbx import PbxError
from tests.bench import (
    age,
    events,
    load,
    many,
    operations,
    residue,
    silence,
    startup,
    steps,
    subscriptions,
    throughput,
)
from tests.bench.budgets import Budget
from tests.bench.table import Row


@dataclass(frozen=True)
class Section:
    """Measures some rows, among them one for each of these budgets; opens and ends all that it needs."""

    name: str
    measure: Callable[[], AsyncIterator[Row]]
    budgets: frozenset[Budget] = frozenset()
    always: bool = True
    """Part of every run, or only of one that asks for it by name."""


SECTIONS = (
    Section("startup", startup.measure),
    Section("operations", operations.measure, frozenset((Budget.OPERATION,))),
    Section("steps", steps.measure),
    Section("silence", silence.measure, frozenset((Budget.MODE_SWITCH,))),
    Section("age", age.measure, frozenset((Budget.LIST_AGE,))),
    Section("load", load.measure, frozenset((Budget.WATCHED_CALL, Budget.SERVICE_CPU))),
    Section("events", events.measure),
    Section("many", many.measure, frozenset((Budget.LIST, Budget.LIST_GROWTH, Budget.CALL_MEMORY))),
    Section("throughput", throughput.measure),
    Section("residue", residue.measure, frozenset((Budget.MEMORY_BACK,))),
    Section("subscriptions", subscriptions.measure, always=False),
)


async def run(sections: Iterable[Section], rows: list[Row]) -> None:
    """Adds to `rows` as they are measured; a section that fails says why on standard error, and the next begins."""
    for section in sections:
        started = time.monotonic()
        try:
            async for row in section.measure():
                rows.append(row)
        except (AssertionError, PbxError, OSError, TimeoutError, subprocess.SubprocessError):
            _say(f"{section.name}: not to its end:\n{traceback.format_exc()}")
        _say(f"{section.name}: {time.monotonic() - started:.0f} s")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
