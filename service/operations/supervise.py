"""Listen, whisper and barge: rings a supervisor, or changes the mode of one who is on the call already."""

import asyncio
from weakref import WeakValueDictionary

from service.audit import story
from service.audit.entry import By
from service.calls.model import Call, Leg
from service.calls.supervision import Mode, Supervision
from service.errors import CallNotAnswered
from service.snooping import Snooping
from service.tenants import Tenant


class Supervising:
    """The verb and its one piece of memory: a supervisor's requests about one call are served one after the other."""

    def __init__(self, snooping: Snooping) -> None:
        self.snooping = snooping
        self.board = snooping.board
        self._turns: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    async def supervise(self, tenant: Tenant, reference: str, extension: str, mode: Mode, by: By) -> Call:
        """Puts the extension on the call in this mode; returns without waiting for it to answer.

        Raises Unavailable, CallNotFound, ExtensionUnknown, ExtensionOffline, CallNotAnswered, in this order; and
        Unavailable when the audit log cannot be written.
        """
        self.board.require_ready()
        found = self.board.call(tenant, reference)
        await self.board.require_online(tenant, extension)
        async with self._turn(tenant.domain, found.id, extension):
            call = self.board.call(tenant, reference)
            leg = spied_leg(call, reference)
            present = self._present(call, extension)
            if present is None:
                await self.snooping.begin(call, leg, extension, mode, by)
            else:
                await self._change(present, call, leg, reference, mode, by)
            return call

    def _turn(self, *whose: str) -> asyncio.Lock:
        key = (whose[0], whose[1], whose[2])
        return self._turns.setdefault(key, asyncio.Lock())

    def _present(self, call: Call, extension: str) -> Supervision | None:
        """The supervision of this extension on this call, if its phone is up or ringing."""
        for supervision in self.board.live.picture.supervisions_of(call):
            if supervision.target.extension == extension and supervision.phone:
                return supervision
        return None

    async def _change(self, present: Supervision, call: Call, leg: Leg, reference: str, mode: Mode, by: By) -> None:
        """In place and unrung; the leg spied on stays unless another one's own id was given."""
        heard = present.heard
        wanted = heard.leg if heard and reference != leg.id else leg.id
        if heard is None or (heard.mode, heard.leg) != (mode, wanted):
            await self.snooping.trail.record(story.mode_changed(present, call, wanted, mode, by))
            await self.snooping.switch(present, wanted, mode)


def spied_leg(call: Call, reference: str) -> Leg:
    """The extension's leg; of two the one whose own id was given, else the aleg. Raises CallNotAnswered."""
    extensions = [leg for leg in call.legs if leg.extension is not None]
    named = [leg for leg in extensions if leg.id == reference]
    leg = next(iter(named or extensions), None)
    if leg is None or not leg.up:
        raise CallNotAnswered(call.id)
    return leg
