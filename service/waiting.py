"""Waiting for an event that a request is about to cause: prepare, send, then wait; the event may outrun the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from service.ari.models import Event

# Says what an event means to a waiter: an answer, or None when it means nothing to it.
Match = Callable[[Event], str | None]

GONE = "gone"  # the channel that was to bring the answer has ended without it


class Expectations:
    """Those who wait, and what each waits for."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[str], Match] = {}

    @contextmanager
    def expect(self, match: Match) -> Iterator[asyncio.Future[str]]:
        """A future of the first answer `match` gives; cancelled when left without one."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[future] = match
        try:
            yield future
        finally:
            del self._waiting[future]
            future.cancel()

    def tell(self, event: Event) -> None:
        """Hands an event to everybody who waits for it."""
        for future, match in self._waiting.items():
            if not future.done() and (answer := match(event)) is not None:
                future.set_result(answer)


def in_stasis(channel_id: str) -> Match:
    """Answers "entered" when the channel reaches our application, GONE when it ends before it does."""

    def match(event: Event) -> str | None:
        if event.channel is None or event.channel.id != channel_id:
            return None
        return {"StasisStart": "entered", "ChannelDestroyed": GONE}.get(event.type)

    return match


def begun(channel_id: str) -> Match:
    """Answers "begun" when the dialplan behind the Local channel runs, GONE when Asterisk refuses to run it."""

    def match(event: Event) -> str | None:
        if event.channel is None:
            return None
        told = event.type, event.channel.id
        return {("ChannelDialplan", f"{channel_id};2"): "begun", ("ChannelDestroyed", channel_id): GONE}.get(told)

    return match


def user_event(name: str, field: str, value: str, answer: str, channel_id: str) -> Match:
    """Answers with the field `answer` of the user event `name` whose `field` has this value.

    GONE when the channel `channel_id`, whose dialplan is to send it, ends before it does.
    """

    def match(event: Event) -> str | None:
        if event.type == "ChannelDestroyed" and event.channel and event.channel.id == channel_id:
            return GONE
        if event.type != "ChannelUserevent" or event.eventname != name or event.userevent.get(field) != value:
            return None
        return event.userevent.get(answer, "")

    return match


def application_event(name: str) -> Match:
    """Answers with the time (Asterisk's seconds of the epoch) of our event of this name, when it comes back to us."""

    def match(event: Event) -> str | None:
        if event.type != "ChannelUserevent" or event.eventname != name or event.timestamp is None:
            return None
        return str(event.timestamp.timestamp())

    return match


async def side_by_side(*steps: Awaitable[object]) -> None:
    """Does them at the same time and waits for the end of all; then raises what the first of them raised, as listed."""
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
