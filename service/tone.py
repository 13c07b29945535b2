"""The tone by which the parties of a call hear that it is supervised, as some laws ask.

Asterisk plays it, again and again from one request, on a Snoop of its own that whispers to both sides of the leg. So it
goes on when this process is gone, whatever mode the supervisor is in, and ends with the leg or the supervision.
"""

import asyncio

from service import ids
from service.ari.errors import AriError, AriNotFound
from service.calls.supervision import Supervision
from service.errors import Unavailable
from service.snooping import Snooping
from service.switchboard import asked
from service.tenants import TenantBook

# The pitch of the recorder warning tone (FS-1037C). The silence before it outlasts a new Snoop's, of two packets.
HERTZ = 1400
LEAD_MS, TONE_MS = 100, 200
# Another replica's Snoop is there a moment before its tone is.
STARTING_SECONDS = 3.0
GONE_SECONDS = 0.05  # a silent Snoop that is hung up is gone in some milliseconds, and another one can be made
SOUNDING = ("queued", "playing")


class Tone:
    """The tone of one supervision, and which of its Snoops are known to carry it."""

    def __init__(self, snooping: Snooping, tenants: TenantBook) -> None:
        self.snooping = snooping
        self.live = snooping.board.live
        self.ari = snooping.ari
        self.tenants = tenants
        self.proved: set[str] = set()
        self.since: dict[str, float] = {}

    async def see_to(self, supervision: Supervision, leg: str) -> tuple[bool, float | None]:
        """Has the tone on this leg, once, and on no other, or on none when the tenant wants none.

        Returns whether it has just begun, and in how many seconds to look again, None for at the next event. Raises
        CallNotAnswered when the leg ends meanwhile, Unavailable when the tone cannot be played.
        """
        seconds = self.tenants.current.tone_seconds(supervision.target.domain)
        tone = next((one.id for one in reversed(supervision.tones) if one.resource == leg), None) if seconds else None
        await asyncio.gather(*(self._stop(other.id) for other in supervision.tones if other.id != tone))
        if tone:
            return False, await self._prove(tone)
        if seconds:
            await self._play(ids.tone_id(supervision.key), leg, seconds)
        return bool(seconds), None

    async def _play(self, tone: str, leg: str, seconds: int) -> None:
        await self.snooping.make_snoop(tone, leg, spy="none", whisper="both")
        try:
            await asked(self.ari.channels_play(tone, tone, media(seconds)))
        except Unavailable:
            await self._stop(tone)
            raise
        self.proved.add(tone)

    async def _prove(self, tone: str) -> float | None:
        """A Snoop whose maker was killed before it played is silent: it goes, and the next look makes another."""
        if tone in self.proved:
            return None
        now = asyncio.get_running_loop().time()
        left = self.since.setdefault(tone, now) + STARTING_SECONDS - now
        if left > 0:
            return left
        del self.since[tone]
        if await self._sounds(tone):
            self.proved.add(tone)
            return None
        await self._stop(tone)
        return GONE_SECONDS

    async def _sounds(self, tone: str) -> bool:
        try:
            return (await self.ari.playbacks_get(tone)).state in SOUNDING
        except AriNotFound:
            return False
        except AriError as error:
            raise Unavailable(str(error)) from error

    async def _stop(self, tone: str) -> None:
        self.proved.discard(tone)
        await self.snooping.hang_up(tone)


def media(seconds: int) -> str:
    """What ARI is to play: the tone every `seconds`, until the channel ends."""
    return f"tone:0/{LEAD_MS},{HERTZ}/{TONE_MS},0/{seconds * 1000 - LEAD_MS - TONE_MS}"
