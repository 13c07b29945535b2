"""Keeps the picture true: connect, subscribe, take the snapshot, apply events; again after every loss.

What no event can tell (see `service.snapshot`) is looked for every few seconds, and then a new snapshot is taken.

While connected and complete, `ready` is true; only then is the picture served. The reader parses and applies and does
nothing else; whoever wants to act on a change is told of it and acts in a task of its own.
"""

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial

from pydantic import ValidationError

from service import journal, log, snapshot
from service.ari.client import AriClient
from service.ari.errors import AriError, AriUnreachable
from service.ari.models import Event
from service.ari.stream import EventSocket, Told, open_stream
from service.calls import reduce
from service.calls.picture import Change, Picture
from service.calls.together import parts
from service.clock import AsteriskClock
from service.ids import new_key
from service.pace import Pace
from service.waiting import Expectations, Match, application_event

# Every channel and every bridge; never `subscribeAll`, whose device states deadlock Asterisk (asterisk/asterisk#2170).
SOURCES = ("channel:", "bridge:")
REPLACED = "ApplicationReplaced"
WANTED = (*reduce.REDUCERS, "ChannelUserevent", "StasisStart", REPLACED)

FIRST_RETRY_SECONDS = 0.1  # an application that reconnects within 5 ms can stay inactive for good
LAST_RETRY_SECONDS = 5.0
ECHO_SECONDS = 2.0  # an event to ourselves comes back in milliseconds, or the path is dead
# A socket can stay open, and answer pings, while its application gets nothing; and one that Asterisk gives up in the
# middle of a frame can stay open and silent. Until that is noticed, the list is served as it was.
ECHO_EVERY_SECONDS = 2.0
# A channel whose events cannot be told is missing, or is still there when it is gone, until that is noticed: by two
# looks in a row, because what comes or goes just then differs too.
LOOK_EVERY_SECONDS = 5.0
# Kept while a snapshot is on its way: ten seconds of the 2,000 events/s that 50 calls/s make, in some 60 MB. Whoever is
# further behind than that begins anew, with a snapshot that holds what the events would have told.
BACKLOG_EVENTS = 20_000
# While there are many, nobody looks and nobody waits, events gather for so long before they are read: of all that an
# event costs, being woken for it is the most. Whoever looks has what has gathered read first, which takes a millisecond
# or two, and so sees nothing later than it would be.
REST_SECONDS = 0.02
# Many: more reads than these at once and then one in so long, which are some five calls a second.
READS_AT_ONCE, READ_SECONDS = 200, 0.01
# So many at once are worth their wake, and more than these may be waiting: 12,000 events/s flat out instead of 7,000.
RESTLESS_EVENTS = 100

_random = random.Random()  # nobody else's, whatever they seed

# Told of events once they are applied, and of what they have changed; without events: of a picture that is new from
# end to end.
Listener = Callable[[Sequence[Event], Sequence[Change]], None]


class Live:
    """The picture of one Asterisk, and the ways to wait for what happens there."""

    def __init__(self, ari: AriClient, app: str) -> None:
        self.ari = ari
        self.app = app
        self.picture = Picture()
        self.clock = AsteriskClock()
        self.metrics = ari.metrics
        self.ready = False
        self.listeners: list[Listener] = [journal.turning_points]
        self.preparations: list[Callable[[], Awaitable[None]]] = []  # done before a new picture is served
        self._expectations = Expectations()
        self._deliver: Callable[[Sequence[Event]], None] = self._apply
        self._until: set[asyncio.Event] = set()
        self._hidden: Mapping[str, str] = {}  # names, by id, of the channels that Asterisk has no words for
        self._differing: set[str] = set()  # channels that only Asterisk had at the last look, or only the picture
        self._socket: EventSocket | None = None
        self._attending = 0
        self._reads = Pace(READS_AT_ONCE, READ_SECONDS)
        self._strange = log.StrangeEvents()
        self._failures = 0  # since the picture was last complete

    async def run(self) -> None:
        """Connects and reconnects until cancelled."""
        while True:
            try:
                await self._connection()
            except* AriError as errors:
                log.outage(self._failures, errors.exceptions[0])
            except* Exception as errors:
                log.logger.error("the event stream failed, connecting again", exc_info=errors)
            self._failures += 1
            await asyncio.sleep(backoff(self._failures))

    @contextmanager
    def expect(self, match: Match) -> Iterator[asyncio.Future[str]]:
        """Prepares to wait for an event; see `service.waiting`."""
        with self._attended(), self._expectations.expect(match) as future:
            yield future

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Waits for an event that makes the condition true; False when none did within the time."""
        changed = asyncio.Event()
        self._until.add(changed)
        try:
            with self._attended():
                async with asyncio.timeout(seconds):
                    while not condition():
                        changed.clear()
                        await changed.wait()
        except TimeoutError:
            return condition()
        finally:
            self._until.discard(changed)
        return True

    @asynccontextmanager
    async def attended(self) -> AsyncIterator[None]:
        """While somebody looks: entered when the picture has all that Asterisk has said by then."""
        with self._attended():
            if self._socket:
                await self._socket.caught_up()
            yield

    @contextmanager
    def _attended(self) -> Iterator[None]:
        """While somebody waits: no event is kept back."""
        self._attending += 1
        try:
            if self._socket:
                self._socket.wake()
            yield
        finally:
            self._attending -= 1

    async def _connection(self) -> None:
        """One connection, from its opening to its loss, which is raised."""
        await self.ari.reconnect()
        backlog: list[Event] = []
        self._deliver = partial(_keep, backlog)
        async with open_stream(self.ari, self.app) as socket:
            self._socket = socket
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._watch(backlog))
                    await socket.hand_on(self._read)
            finally:
                self._set_ready(False)  # before the socket is closed, which a dead one lets wait

    async def _watch(self, backlog: list[Event]) -> None:
        await self._complete(backlog)
        looked = time.monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(ECHO_EVERY_SECONDS):  # wait_for() of Python 3.11 can swallow the end
                    await self.ari.unanswered.wait()
            self.ari.unanswered.clear()
            await self._prove_echo()
            if time.monotonic() - looked >= LOOK_EVERY_SECONDS:
                looked = time.monotonic()
                await self._look_over()

    async def _complete(self, backlog: list[Event]) -> None:
        """Subscribes, proves that events flow, and swaps in a new picture: the snapshot and what came since."""
        started = time.monotonic()
        await self.ari.applications_filter(self.app, WANTED)
        await self.ari.applications_subscribe(self.app, SOURCES)
        await self._prove_echo()
        picture = await self._take()
        reduce.apply(picture, *backlog)
        journal.complete(self.picture, picture)
        self.picture, self._deliver = picture, self._apply
        for prepare in self.preparations:
            await prepare()
        self._set_ready(True)
        self._failures = 0
        self.metrics.connections.inc()
        self.metrics.snapshot.observe(time.monotonic() - started)
        self._announce((), ())

    async def _look_over(self) -> None:
        """Takes a new snapshot when a channel is hidden no longer, or Asterisk's phones have other ones than ours."""
        told = snapshot.channels_of(await self.ari.endpoints_list(snapshot.TECHNOLOGY))
        differing = (told ^ self.picture.channel_ids(f"{snapshot.TECHNOLOGY}/")) - self._hidden.keys()
        if differing & self._differing or not await snapshot.all_hidden(self.ari, self._hidden):
            await self._renew()
        self._differing = differing

    async def _renew(self) -> None:
        """Swaps in a new picture; the old one is kept true and served meanwhile."""
        backlog: list[Event] = []
        self._deliver = partial(self._apply_and_keep, backlog)
        try:
            picture = await self._take()
        finally:
            self._deliver = self._apply
        reduce.apply(picture, *backlog)
        journal.renewed(self.picture, picture)
        self.picture = picture
        self._announce((), ())

    async def _take(self) -> Picture:
        """All there is. It is read in a thread: of 5,000 calls that takes 0.4 s, and events are to be taken meanwhile.

        Nothing made here is garbage, so none is looked for, which would take as long as to parse it.
        """
        gc.disable()
        try:
            told = await snapshot.take(self.ari, self.picture.channel_ids())
            picture = Picture()
            await asyncio.to_thread(reduce.load, picture, told.channels, told.bridges, told.endpoints)
        finally:
            gc.enable()
        journal.hidden(self._hidden, told.hidden)
        self.metrics.hidden.set(len(told.hidden))
        self._hidden = told.hidden
        return picture

    def _set_ready(self, ready: bool) -> None:
        self.ready = ready
        self.metrics.ready.set(ready)

    async def _prove_echo(self) -> None:
        """An event of our own comes back, and tells what Asterisk's clock says."""
        name, asked = f"patchbay_{new_key()}", time.monotonic()
        with self.expect(application_event(name)) as echo:
            try:
                async with asyncio.timeout(ECHO_SECONDS):
                    await self.ari.events_user_event(self.app, name)
                    stamp = await echo
            except TimeoutError as error:
                raise AriUnreachable(f"event stream: open, but no event came through it in {ECHO_SECONDS} s") from error
        self.clock.told(float(stamp), asked, time.monotonic())

    def _read(self, told: Sequence[Told]) -> None:
        events = [event for event in told if isinstance(event, Event)]
        for strange in told:
            if isinstance(strange, ValidationError):
                self._strange.tell(strange)
        if any(event.type == REPLACED for event in events):
            raise AriUnreachable(f"another process uses application {self.app}; give each its own PATCHBAY_APP")
        self._deliver(events)
        for event in events:
            self._expectations.tell(event)
        if self._socket and len(told) < RESTLESS_EVENTS and self._unattended() and self._reads.turn() is None:
            self._socket.rest(REST_SECONDS)

    def _unattended(self) -> bool:
        """Whether nobody waits for what comes next; the Keeper does as long as there is a supervision."""
        return self.ready and not self._attending and not self.picture.supervision_keys()

    def _apply_and_keep(self, backlog: list[Event], events: Sequence[Event]) -> None:
        _keep(backlog, events)
        self._apply(events)

    def _apply(self, events: Sequence[Event]) -> None:
        for part in parts(events):
            self._announce(part, reduce.apply(self.picture, *part))
        if events and events[0].timestamp:
            self.metrics.event_lag.observe(max(0.0, time.time() - events[0].timestamp.timestamp()))

    def _announce(self, events: Sequence[Event], changes: Sequence[Change]) -> None:
        for changed in self._until:
            changed.set()
        for listener in self.listeners:
            listener(events, changes)


def _keep(backlog: list[Event], events: Sequence[Event]) -> None:
    backlog += events
    if len(backlog) > BACKLOG_EVENTS:
        raise AriUnreachable(f"event stream: {BACKLOG_EVENTS} events came before the snapshot they belong to")


def backoff(failures: int) -> float:
    """Seconds to wait before connecting again: doubling, with jitter so that replicas do not come back together."""
    longest = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures, 10))
    return _random.uniform(longest / 2, longest) if failures > 1 else FIRST_RETRY_SECONDS
