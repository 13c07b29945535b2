"""`python -m tests.bench.stamped` is the service as it is shipped, which says at its end when each step was taken.

Only what is done for a client's request is stamped, and from outside: `service/` knows nothing of it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import Any

from service.__main__ import main
from service.ari.client import AriClient
from service.audit.trail import Trail
from service.live import Live
from service.log import bound
from service.waiting import Match
from tests.bench.steps import LINE, PREFIX, Span

SPANS: list[Span] = []


def note(name: str, began: float) -> None:
    """A step that ends now."""
    if bound("request"):
        SPANS.append(Span(name, began, time.perf_counter()))


def stamp(owner: type, method: str, name: Callable[..., str]) -> None:
    """Has every call of an asynchronous method noted; `name` is given its arguments."""
    asked: Callable[..., Awaitable[object]] = getattr(owner, method)

    async def timed(*arguments: object, **options: object) -> object:
        began = time.perf_counter()
        try:
            return await asked(*arguments, **options)
        finally:
            note(name(*arguments), began)

    setattr(owner, method, timed)


def stamp_events() -> None:
    """From when an event is expected, which is before it is asked for, to when it is there."""
    expect = Live.expect

    @contextmanager
    def stamped(self: Live, match: Match) -> Iterator["asyncio.Future[str]"]:
        began = time.perf_counter()
        with expect(self, match) as event:
            event.add_done_callback(lambda _: None if event.cancelled() else note(awaited(match), began))
            yield event

    Live.expect = stamped  # type: ignore[method-assign]


def awaited(what: Any) -> str:
    """After the function that knows what is waited for: `in_stasis`, or `Switchboard.settled_call`."""
    return f"event: {getattr(what, 'func', what).__qualname__.partition('.<locals>')[0]}"


if __name__ == "__main__":
    for request in filter(iscoroutinefunction, list(vars(AriClient).values())):
        if not request.__name__.startswith("_"):
            stamp(AriClient, request.__name__, lambda *_, name=request.__name__: f"ARI: {name}")
    stamp(Trail, "record", lambda *_: LINE)
    stamp(Live, "until", lambda _, condition, seconds: awaited(condition))
    stamp_events()
    status = main(sys.argv[1:])
    print(PREFIX, json.dumps(SPANS), flush=True)
    sys.exit(status)
