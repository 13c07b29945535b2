"""Where the milliseconds of an operation go: its steps, from the request sent to the answer."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import NamedTuple

from tests.bench.cell import open_cell
from tests.bench.clients import api, ari
from tests.bench.figures import Figure, milliseconds, percentile
from tests.bench.landing import landings
from tests.bench.operations import CLICK, LISTEN, PARK, TRANSFER, WARM_ROUNDS, Turn
from tests.bench.players import AGENT, BOSS, COLLEAGUE, Api
from tests.bench.table import Row, number

ROUNDS = 20
SHOWN_MS = 0.05
PREFIX = "stamps:"
IN, LINE, OUT = "HTTP in, token, body", "audit line to disk", "answer out"


class Span(NamedTuple):
    """A step: from when to when, in seconds of time.perf_counter(), which all processes of a machine share."""

    name: str
    began: float
    ended: float


async def measure() -> AsyncIterator[Row]:
    """One idle Asterisk, one service that stamps its steps, three phones."""
    with open_cell() as cell:
        service = cell.idle_service("stamped", module="tests.bench.stamped")
        try:
            async with (
                api(cell, service.start()) as client,
                ari(cell) as bare,
                landings(cell, (AGENT, COLLEAGUE, BOSS)) as phones,
            ):
                turn = Turn(Api(client), bare, phones)
                for _ in range(WARM_ROUNDS + ROUNDS):
                    await turn.play()
        finally:
            service.stop()
        told = stamps(service.log)
    for what in (CLICK, LISTEN, TRANSFER, PARK):
        asked = [Span(*each) for each in turn.asked if each[0] == what][WARM_ROUNDS:]
        for row in rows(what, [list(steps(one, told)) for one in asked]):
            yield row


def stamps(log: str) -> list[Span]:
    """What the service has said at its end."""
    said, _, line = log.rpartition(PREFIX)
    assert said, log[-2000:]
    return [Span(*each) for each in json.loads(line)]


def steps(asked: Span, told: Iterable[Span]) -> Iterator[Span]:
    """Those of one operation, in ms since it was asked for; of two of a name one, from the first to the last."""
    own: dict[str, list[Span]] = defaultdict(list)
    for span in told:
        if asked.began <= span.began and span.ended <= asked.ended:
            own[span.name].append(span)
    taken = [Span(name, min(one.began for one in all_), max(one.ended for one in all_)) for name, all_ in own.items()]
    first, last = min(span.began for span in taken), max(span.ended for span in taken)
    for name, began, ended in (Span(IN, asked.began, first), *taken, Span(OUT, last, asked.ended)):
        yield Span(name, *milliseconds([began - asked.began, ended - asked.began]))


def rows(what: str, rounds: list[list[Span]]) -> Iterator[Row]:
    """The steps that most rounds took, if they took any time; what lies between two of them is Python's."""
    taken: dict[str, list[Span]] = defaultdict(list)
    for span in (span for one in rounds for span in one):
        taken[span.name].append(span)
    whole = _p50(span.ended for span in taken[OUT])
    for name, spans in sorted(taken.items(), key=lambda each: _p50(span.began for span in each[1])):
        ours = Figure.of([span.ended - span.began for span in spans])
        if ours.p50 >= SHOWN_MS and len(spans) > len(rounds) / 2:
            began, ended = _p50(span.began for span in spans), _p50(span.ended for span in spans)
            when = f"from {number(began)} to {number(ended)} ms of {number(whole)}"
            yield Row(f"{what}: {name}", "ms", ours, None, when)


def _p50(values: Iterable[float]) -> float:
    return percentile(list(values), 50)
