"""What a service that starts finds of the supervisions in its audit log: those that go on, those that ended unseen."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from service.ari.models import Event
from service.audit import entry, story
from service.audit.trail import Trail
from service.background import Background
from service.calls.picture import Change
from service.calls.supervision import Mode
from service.errors import Unavailable
from service.live import Live

# Another replica's line stands there before its first request to Asterisk, which may take five seconds to be answered.
UNSEEN_SECONDS = 10.0


class Succession:
    """Closes the books of those before, once, when the first picture is complete."""

    def __init__(self, trail: Trail, live: Live, background: Background) -> None:
        self.trail = trail
        self.live = live
        self._background = background
        self._left = trail.going_on()
        self._taken = False

    def notice(self, events: Sequence[Event], changes: Sequence[Change]) -> None:
        """A listener of `Live`."""
        if not events and not self._taken:
            self._taken = True
            self._background.start(self._take_over(), "the succession")

    async def _take_over(self) -> None:
        with suppress(Unavailable):
            await self._continue()
        await asyncio.sleep(UNSEEN_SECONDS)
        with suppress(Unavailable):
            await self._close()

    async def _continue(self) -> None:
        """Their first lines stand in this log or in another's, so nobody is let go when this one cannot be written."""
        picture = self.live.picture
        for one in picture.supervisions():
            call = picture.supervised_call(one)
            if one.phone is None or call is None:
                continue  # it is over
            last = self.trail.last(one.key)
            leg, mode = (one.heard.leg, one.heard.mode) if one.heard else (one.target.leg, Mode.LISTEN)
            await self.trail.record(story.goes_on(entry.Event.CONTINUES, one, call, leg, mode, last))

    async def _close(self) -> None:
        """What is not on Asterisk any more; what is, the Keeper tends to its end."""
        present = self.live.picture.supervision_keys()
        for key in (self._left.keys() & self.trail.going_on().keys()) - present:
            await self.trail.ended(self._left[key], story.UNSEEN)
