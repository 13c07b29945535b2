"""Listen, whisper and barge: rings a supervisor, or changes the mode of one who is on the call already."""

from functools import partial

from service.audit import story
from service.audit.entry import By
from service.calls.model import Call, Leg
from service.calls.supervision import Mode, Supervision
from service.errors import CallNotAnswered, Refused, Unavailable
from service.snooping import Snooping
from service.tenants import Tenant
from service.turns import Turns

# A turn takes some 100 ms; one that Asterisk leaves hanging is waited for no longer than its answer would be.
TURN_SECONDS = 5.0
# From a supervision's bridge to its phone lie some 20 ms; one whose maker has died in between is cleared in 3 s.
COMING_SECONDS = 4.0
ATTEMPTS = 3  # each in vain because the leg ended, or another replica was quicker


class Supervising:
    """The verb and its one piece of memory: a supervisor's requests about one call are served one after the other."""

    def __init__(self, snooping: Snooping) -> None:
        self.snooping = snooping
        self.board = snooping.board
        self._turns = Turns()

    async def supervise(self, tenant: Tenant, reference: str, extension: str, mode: Mode, by: By) -> Call:
        """Puts the extension on the call in this mode; returns without waiting for it to answer.

        Raises Unavailable, CallNotFound, ExtensionUnknown, ExtensionOffline, CallNotAnswered, in this order; and
        Unavailable when the audit log cannot be written.
        """
        self.board.require_ready()
        found = self.board.call(tenant, reference)
        await self.board.require_online(tenant, extension)
        async with self._turns.turn(f"{tenant.domain}/{found.id}/{extension}"):
            refusal: Refused = Unavailable("the supervisor neither comes nor goes")
            for _ in range(ATTEMPTS):
                await self.board.live.until(partial(self._decided, tenant, reference, extension), COMING_SECONDS)
                call = self.board.call(tenant, reference)
                leg = spied_leg(call, reference)
                try:
                    if present := self._present(call, extension):
                        done = await self._change(present, tenant, reference, mode, by)
                    else:
                        done = await self.snooping.begin(call, leg, extension, mode, by)
                except CallNotAnswered as error:
                    refusal, done = error, False  # the leg has ended; the call may have another extension's by now
                if done:
                    return call
            raise refusal

    def _decided(self, tenant: Tenant, reference: str, extension: str) -> bool:
        """Whether the extension is on the call, or is not; false while another replica is about to ring it."""
        call = self.board.live.picture.find(tenant.domain, reference)
        found = self._of(call, extension) if call else []
        return not found or any(one.phone for one in found)

    def _present(self, call: Call, extension: str) -> Supervision | None:
        """The supervision of this extension on this call, if its phone is up or ringing."""
        return next((one for one in self._of(call, extension) if one.phone), None)

    def _of(self, call: Call, extension: str) -> list[Supervision]:
        found = self.board.live.picture.supervisions_of(call)
        return [one for one in found if one.target.extension == extension]

    async def _change(self, present: Supervision, tenant: Tenant, reference: str, mode: Mode, by: By) -> bool:
        """In place and unrung; the leg spied on stays unless another one's own id was given. False when it has left."""
        async with self.snooping.turn(present.key, TURN_SECONDS) as now:
            if now is None or now.phone is None:
                return False
            call = self.board.call(tenant, reference)
            leg = spied_leg(call, reference)
            wanted = leg.id if reference == leg.id else _stays_on(now, call, leg.id)
            if now.heard is None or (now.heard.mode, now.heard.leg) != (mode, wanted):
                await self.snooping.trail.record(story.mode_changed(now, call, wanted, mode, by))
                await self.snooping.switch(now, wanted, mode)
            return True


def _stays_on(supervision: Supervision, call: Call, otherwise: str) -> str:
    """The leg that is heard; while none is, the first one, if it is still there."""
    if supervision.heard:
        return supervision.heard.leg
    first = supervision.target.leg
    return first if any(leg.id == first for leg in call.legs) else otherwise


def spied_leg(call: Call, reference: str) -> Leg:
    """The extension's leg; of two the one whose own id was given, else the aleg. Raises CallNotAnswered."""
    extensions = [leg for leg in call.legs if leg.extension is not None]
    named = [leg for leg in extensions if leg.id == reference]
    leg = next(iter(named or extensions), None)
    if leg is None or not leg.up:
        raise CallNotAnswered(call.id)
    return leg
