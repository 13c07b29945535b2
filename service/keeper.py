"""Keeps supervisions true to their calls: lets supervisors in, follows the call, clears what is over.

It looks at what is, not at what happened, so it does the same after a restart, and two replicas that both do it end up
with one result.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

from service import ids
from service.ari.errors import AriError
from service.ari.models import Event
from service.audit import entry, story
from service.background import Background, whole
from service.calls.model import Call, Leg
from service.calls.picture import Change
from service.calls.supervision import Mode, Snoop, Supervision
from service.errors import CallNotAnswered, Refused, Unavailable
from service.log import bind, logger
from service.snooping import Snooping
from service.tenants import TenantBook
from service.tone import Tone

# A supervision is made in several steps; what has no bridge or no phone yet may be about to get one.
MAKING_SECONDS = 3.0
# While a phone's own transfer rebuilds a call it can be nowhere for an instant.
ENDED_SECONDS = 0.3
# A Snoop that is not in the bridge is on its way there, unless it stays out.
ENTER_SECONDS = 0.5
# An answered supervisor is let in by the replica that rang it; when that one has died, by another.
ADMIT_SECONDS = 1.0
# Until a disk has room again.
AUDIT_RETRY_SECONDS = 2.0


class Keeper:
    """Tends every supervision there is, each in a task of its own."""

    def __init__(self, snooping: Snooping, tenants: TenantBook, background: Background) -> None:
        self.snooping = snooping
        self.tenants = tenants
        self.live = snooping.board.live
        self._background = background
        self._tended: dict[str, Tended] = {}
        self._arrived: set[str] = set()

    def notice(self, events: Sequence[Event], changes: Sequence[Change]) -> None:
        """A listener of `Live`: wakes the tasks of the supervisions that an event may concern."""
        picture = self.live.picture
        keys: set[str] = set()
        if not events:
            keys |= picture.supervision_keys() | self._tended.keys()  # also those that are gone from it
        for event in events:
            keys |= _keys(event)
            if event.type == "StasisStart" and event.channel and _is_phone(event.channel.id):
                self._arrived.add(event.channel.id)
        for call in (call for change in changes for call in (change.before, change.after) if call):
            keys |= picture.keys_of(call)
        for key in keys:
            self._wake(key)

    def _wake(self, key: str) -> None:
        tended = self._tended.get(key)
        if tended is None:
            tended = Tended(self.snooping, Tone(self.snooping, self.tenants), key, self._arrived)
            self._tended[key] = tended
            self._background.start(self._keep(tended, key), f"keep {key}")
        tended.note()
        tended.again.set()

    async def _keep(self, tended: "Tended", key: str) -> None:
        """Tends one supervision until nothing is left of it."""
        try:
            while key in self.live.picture.supervision_keys():
                tended.again.clear()
                seconds = await whole(tended.look())
                await _woken(tended.again, seconds)
            await tended.tell_end()
        finally:
            del self._tended[key]
            self._arrived.discard(ids.phone_id(key))
        if key in self.live.picture.supervision_keys():
            self._wake(key)  # a late request made something of it while its end was being told


def _keys(event: Event) -> set[str]:
    """Those of the supervisions that an event is about."""
    return {key for thing in (event.channel, event.bridge) if thing and (key := ids.supervision_key(thing.id))}


def _is_phone(channel: str) -> bool:
    key = ids.supervision_key(channel)
    return key is not None and channel == ids.phone_id(key)


async def _woken(event: asyncio.Event, seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # wait_for() of Python 3.11 can swallow the end
            await event.wait()


class Tended:
    """One supervision, and what has to be remembered of it between two looks."""

    def __init__(self, snooping: Snooping, tone: Tone, key: str, arrived: set[str]) -> None:
        self.snooping = snooping
        self.tone = tone
        self.trail = snooping.trail
        self.live = snooping.board.live
        self.key = key
        self.arrived = arrived
        self.again = asyncio.Event()
        self.rung = False
        self.hears = False
        self.reason = ""
        self.seen: Supervision | None = None
        self.last: Snoop | None = None
        self.partners: dict[str, str] = {}
        self.since: dict[str, float] = {}
        self.outside: dict[str, float] = {}

    def note(self) -> None:
        """What is there at every event: by the next look another replica may be done with it, or the phone be gone."""
        supervision = self.live.picture.supervision(self.key)
        if supervision is None:
            return
        self.rung = self.rung or supervision.phone is not None
        self.hears = self.hears or supervision.phone_bridged
        heard = supervision.heard
        if heard and (self.last is None or heard.age > self.last.age):
            self.last = heard

    @property
    def mode(self) -> Mode:
        """The newest that was heard, or is to be; nobody is heard by mistake."""
        return self.last.mode if self.last else Mode.LISTEN

    async def look(self) -> float | None:
        """Does what has to be done now; returns in how many seconds to look again, None for at the next event."""
        if not self.live.ready:
            return ADMIT_SECONDS
        async with self.snooping.turn(self.key) as supervision:  # whoever has it is bounded in time
            if supervision is None:
                return await self._without_bridge()
            with bind(tenant=supervision.target.domain, call=supervision.target.call_id):
                return await self._look(supervision)

    async def _look(self, supervision: Supervision) -> float | None:
        self.seen = supervision
        wait = self._over(supervision)
        if wait is not None:
            if wait <= 0:
                await self._end(supervision)
            return max(wait, 0.05)
        call = self.live.picture.supervised_call(supervision)
        assert call is not None, "_over() has just seen it"
        try:
            waits = (await self._admit(supervision, call), await self._follow(supervision, call))
        except (AriError, Refused) as error:
            logger.warning("supervisor %s: %s", supervision.target.extension, error)
            return ADMIT_SECONDS
        return _soonest(*waits)

    async def _without_bridge(self) -> float:
        """Snoop and bridge are made side by side, and either can come first; what has lost its bridge is over."""
        if self.seen is None and (left := self._left("no bridge", MAKING_SECONDS)) > 0:
            return left
        await self.snooping.clear(self.key)
        return ADMIT_SECONDS

    def _over(self, supervision: Supervision) -> float | None:
        """Seconds until it is to be ended, unless that changes; None while it is as it should be."""
        if supervision.phone is None:
            return 0.0 if self.rung else self._left("no phone", MAKING_SECONDS)
        if self.live.picture.supervised_call(supervision) is None:
            return self._left("no call", ENDED_SECONDS)
        self.since.pop("no call", None)
        return None

    def _left(self, what: str, seconds: float) -> float:
        now = asyncio.get_running_loop().time()
        return self.since.setdefault(what, now) + seconds - now

    async def _end(self, supervision: Supervision) -> None:
        self.reason = self.reason or self._why(supervision)
        logger.info("supervisor %s off: %s", supervision.target.extension, self.reason)
        await self.snooping.clear(self.key)

    def _why(self, supervision: Supervision) -> str:
        if self.live.picture.supervised_call(supervision) is None:
            return story.CALL_ENDED
        last = self.trail.last(self.key)
        if self.hears or (last and last.event in (entry.Event.HEARS, entry.Event.FOLLOWS)):
            return story.HUNG_UP
        return story.NEVER_HEARD if self.rung else story.UNSEEN

    async def tell_end(self) -> None:
        """Nothing is left of it; tried until it is written, because no beginning is to stand without an end."""
        reason = self.reason or (self._why(self.seen) if self.seen else story.UNSEEN)
        while True:
            try:
                return await self.trail.ended(self._last(), reason)
            except Unavailable:
                await asyncio.sleep(AUDIT_RETRY_SECONDS)

    def _last(self) -> entry.Entry:
        """The newest that is known of it, if only from what stood on Asterisk."""
        if last := self.trail.last(self.key):
            return last
        if self.seen is None:
            return entry.Entry(entry.Event.ENDED, key=self.key)
        return story.goes_on(entry.Event.ENDED, self.seen, None, self.seen.target.leg, self.mode, None)

    async def _tell(self, event: entry.Event, supervision: Supervision, call: Call, leg: str) -> None:
        """Before it happens. Raises Unavailable when it cannot be told, and then the supervision is over."""
        last = self.trail.last(self.key)
        try:
            await self.trail.record(story.goes_on(event, supervision, call, leg, self.mode, last))
        except Unavailable:
            self.reason = story.NOT_AUDITED
            await self._end(supervision)
            raise

    async def _tell_what_holds(self, supervision: Supervision, heard: Snoop, call: Call) -> None:
        """Where another replica's change has met ours: each line told of its own beforehand, in whichever order."""
        last = self.trail.last(self.key)
        if last and supervision.snoops == (heard,) and (last.mode, last.leg) != (heard.mode, heard.leg):
            with suppress(Unavailable):  # what is heard stands there already, in the other one's words
                told = story.goes_on(entry.Event.HOLDS, supervision, call, heard.leg, heard.mode, last)
                await self.trail.record(told)

    async def _admit(self, supervision: Supervision, call: Call) -> float | None:
        phone = supervision.phone
        if phone and supervision.phone_bridged:
            self.arrived.discard(phone.id)  # when it is in no more, it is on its way out
            self.since.pop("not let in", None)
            return None
        if phone is None or not phone.up:
            return None
        if phone.id not in self.arrived and (left := self._left("not let in", ADMIT_SECONDS)) > 0:
            return left
        heard = supervision.heard
        leg = heard.leg if heard else supervision.target.leg
        await self._tell(entry.Event.HEARS, supervision, call, leg)
        if (wait := await self._warn(supervision, call, leg)) is not None:
            return wait  # whoever has made the tone's Snoop may have died before it played
        await self.snooping.admit(supervision)
        logger.info("supervisor %s on: %s", supervision.target.extension, self.mode)
        return None

    async def _follow(self, supervision: Supervision, call: Call) -> float | None:
        """Sees to it that the supervisor hears one Snoop: the newest, or one on whoever is the extension now."""
        if supervision.heard:
            self.since.pop("not heard", None)
            await self._hang_up(snoop for snoop in supervision.snoops if snoop.bridged and snoop != supervision.heard)
            await self._tell_what_holds(supervision, supervision.heard, call)
            await self._renew(supervision, supervision.heard, call)
            return _soonest(await self._rewarn(call), await self._clear_outside(supervision))
        if supervision.snoops:
            if (left := self._left("not heard", ENTER_SECONDS)) > 0:
                return left
            await self._hang_up(supervision.snoops)
            return ENTER_SECONDS
        if leg := _extension_leg(call, self.last.leg if self.last else supervision.target.leg):
            await self._tell(entry.Event.FOLLOWS, supervision, call, leg.id)
            try:
                if supervision.phone_bridged and (wait := await self._warn(supervision, call, leg.id)) is not None:
                    return wait
                await self._spy(leg.id)
            except CallNotAnswered:
                return None  # it was on its way out; whatever comes after it wakes us again
            self._meets(call, leg.id)
            logger.info("supervisor %s follows the call to %s", supervision.target.extension, leg.extension)
        return None

    async def _rewarn(self, call: Call) -> float | None:
        """The tone where the supervisor hears the call now, whatever has just been renewed."""
        supervision = self.live.picture.supervision(self.key)
        if supervision is None or supervision.heard is None or not supervision.phone_bridged:
            return None
        with suppress(CallNotAnswered):  # the leg is on its way out; whatever comes after it wakes us again
            return await self._warn(supervision, call, supervision.heard.leg)
        return None

    async def _warn(self, supervision: Supervision, call: Call, leg: str) -> float | None:
        """Sees to the tenant's tone. Raises Unavailable when it cannot be played, and then the supervision is over."""
        try:
            begun, wait = await self.tone.see_to(supervision, leg)
        except Unavailable:
            self.reason = story.NO_TONE
            await self._end(supervision)
            raise
        if begun:
            await self._tell(entry.Event.TONE, supervision, call, leg)
        return wait

    async def _clear_outside(self, supervision: Supervision) -> float | None:
        """Ends Snoops that stay out of the bridge while another is heard: of a mode change that went no further."""
        now = asyncio.get_running_loop().time()
        snoops = [snoop for snoop in supervision.snoops if not snoop.bridged]
        self.outside = {snoop.id: self.outside.get(snoop.id, now + MAKING_SECONDS) for snoop in snoops}
        await self._hang_up(snoop for snoop in snoops if self.outside[snoop.id] <= now)
        return min((max(until - now, ENTER_SECONDS) for until in self.outside.values()), default=None)

    async def _renew(self, supervision: Supervision, heard: Snoop, call: Call) -> None:
        """When the leg has another partner than before; see `Snooping.free`.

        The newest Snoop may be on its way into the bridge: another replica's change of mode, which is not to be lost.
        """
        before, now = self.partners.get(heard.leg), self._meets(call, heard.leg)
        if now and before and now != before:
            self.last = supervision.snoops[-1]
            await self._tell(entry.Event.FOLLOWS, supervision, call, heard.leg)
            await self.snooping.free(supervision)
            with suppress(CallNotAnswered):
                await self._spy(heard.leg)

    async def _spy(self, leg: str) -> None:
        """In the mode that is the last by then."""
        if await self.snooping.stays_free(self.key):
            await self.snooping.spy(self.key, leg, self.mode)

    def _meets(self, call: Call, leg: str) -> str | None:
        """Takes note of the leg that is up on the other side of this one."""
        now = next((other.id for other in call.legs if other.id != leg and other.up), None)
        if now:
            self.partners[leg] = now
        return now

    async def _hang_up(self, snoops: Iterable[Snoop]) -> None:
        for snoop in snoops:
            await self.snooping.hang_up(snoop.id)


def _soonest(*waits: float | None) -> float | None:
    return min((wait for wait in waits if wait is not None), default=None)


def _extension_leg(call: Call, last: str) -> Leg | None:
    """The one that was heard last, if it is still there."""
    legs = [leg for leg in call.legs if leg.extension is not None and leg.up]
    return next((leg for leg in legs if leg.id == last), legs[0] if legs else None)
