"""The supervision recipe: a bridge in which a supervisor's phone meets a Snoop channel on the extension's leg.

A Snoop's direction is fixed when it is made, so a mode is changed by making another and putting it in the first one's
place. The two must not be in the bridge together: the newer would whisper to the leg what the older hears of it.
Everything stands in ids and the bridge's name, so any replica can go on with it.
"""

import asyncio
from contextlib import AsyncExitStack, suppress

from service import dialplan, ids
from service.ari.client import Direction
from service.ari.errors import AriConflict, AriError, AriRefused, AriUnreachable
from service.audit import story
from service.audit.entry import By, Entry
from service.audit.trail import Trail
from service.calls.model import Call, Leg
from service.calls.supervision import Mode, Snoop, Supervision, Target
from service.errors import CallNotAnswered, Unavailable
from service.switchboard import Switchboard, asked
from service.waiting import GONE, in_stasis, side_by_side

# What the supervisor hears of the leg, and who hears the supervisor: nobody, the leg's phone, it and who it talks to.
DIRECTIONS: dict[Mode, tuple[Direction, Direction]] = {
    Mode.LISTEN: ("both", "none"),
    Mode.WHISPER: ("both", "out"),
    Mode.BARGE: ("both", "both"),
}
ENTER_SECONDS = 2.0  # a Snoop enters the application in about 2 ms
TAKEN_RETRIES = 10  # the id of a Snoop that was just hung up is free some milliseconds later
TAKEN_RETRY_SECONDS = 0.05
FLOWING_SECONDS = 0.06  # the first two packets of a new Snoop are silent: it takes another's place after them
FORGOTTEN_SECONDS = 0.1  # five packets
GONE_SECONDS = 1.0  # a channel that is hung up is gone in some milliseconds


class Snooping:
    """Makes, changes and ends supervisions."""

    def __init__(self, board: Switchboard, trail: Trail) -> None:
        self.board = board
        self.ari = board.ari
        self.trail = trail

    async def begin(self, call: Call, leg: Leg, extension: str, mode: Mode, by: By) -> None:
        """Tells the audit log, spies on the leg and rings the supervisor; if a step fails, undoes those before it.

        Raises CallNotAnswered when the leg ends meanwhile, Unavailable when the log cannot be written or Asterisk
        refuses.
        """
        key = ids.new_key()
        target = Target(call.domain, extension, call.id, leg.id)
        told = story.rung(key, call, leg, extension, mode, by)
        await self.trail.record(told)
        snoop = ids.snoop_id(key, mode, leg.id)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._tell_failed, told)
            undo.push_async_callback(self.clear, key)
            await side_by_side(
                asked(self.ari.bridges_create(ids.bridge_id(key), target.render())),
                self.make_snoop(snoop, leg.id, *DIRECTIONS[mode]),
            )
            await self._put_in(key, snoop)
            await self._ring(ids.phone_id(key), call.domain, extension, show=leg.extension or leg.number)
            undo.pop_all()

    async def _tell_failed(self, told: Entry) -> None:
        with suppress(Unavailable):  # the next service finds it without an end
            await self.trail.ended(told, story.NEVER_HEARD)

    async def _ring(self, phone: str, domain: str, extension: str, show: str) -> None:
        """Rings the supervisor; the picture has the phone by then, so that the next request finds it there."""
        variables = dialplan.ring(extension, domain, show=show, side=None)
        target = {"app": self.board.live.app, "formats": dialplan.FORMATS}
        await self.board.ring(phone, target, variables)

    async def switch(self, supervision: Supervision, leg: str, mode: Mode) -> None:
        """Changes the mode, or the leg, of a supervisor in place. Raises CallNotAnswered, Unavailable."""
        snoop = ids.snoop_id(supervision.key, mode, leg)
        if any(present.id == snoop for present in supervision.snoops):
            await self.hang_up(snoop)  # of an earlier change, and on its way out
            await self.board.live.until(lambda: self.board.live.picture.channel(snoop) is None, GONE_SECONDS)
        await self.make_snoop(snoop, leg, *DIRECTIONS[mode])
        await asyncio.sleep(FLOWING_SECONDS)
        await asyncio.gather(*(self._take_out(supervision.key, old) for old in supervision.snoops if old.bridged))
        await self._put_in(supervision.key, snoop)
        await asyncio.gather(*(self.hang_up(old.id) for old in supervision.snoops if old.id != snoop))

    async def renew(self, supervision: Supervision) -> None:
        """Takes all Snoops off their leg, the tone's too, and puts the one in force on it anew.

        Raises CallNotAnswered, Unavailable.

        Seen on Debian's Asterisk 22.10.1: when the RTP sequence numbers of a leg's new partner begin below the old
        one's last, that leg's Snoops miss what the partner says and whisper nothing, until the leg has been without
        any Snoop for a packet.
        """
        live, heard = self.board.live, supervision.heard
        old = [*(snoop.id for snoop in supervision.snoops), *supervision.tones]
        await asyncio.gather(*map(self.hang_up, old))
        await live.until(lambda: not any(map(live.picture.channel, old)), GONE_SECONDS)
        await asyncio.sleep(FORGOTTEN_SECONDS)
        now = live.picture.supervision(supervision.key)
        if heard and now and not now.snoops:
            await self.spy(supervision.key, heard.leg, heard.mode)

    async def spy(self, key: str, leg: str, mode: Mode) -> None:
        """Puts a Snoop of this mode on the leg into the supervision's bridge. Raises CallNotAnswered, Unavailable."""
        snoop = ids.snoop_id(key, mode, leg)
        await self.make_snoop(snoop, leg, *DIRECTIONS[mode])
        await self._put_in(key, snoop)

    async def _put_in(self, key: str, snoop: str) -> None:
        try:
            await asked(self.ari.bridges_add_channel(ids.bridge_id(key), snoop))
        except Unavailable:
            if self._is_in(key, snoop):
                return  # only the answer was lost
            await self.hang_up(snoop)
            raise

    def _is_in(self, key: str, snoop: str) -> bool:
        supervision = self.board.live.picture.supervision(key)
        return supervision is not None and any(one.id == snoop and one.bridged for one in supervision.snoops)

    async def _take_out(self, key: str, snoop: Snoop) -> None:
        with suppress(AriError):  # it has ended, and so is out
            await self.ari.bridges_remove_channel(ids.bridge_id(key), snoop.id)

    async def make_snoop(self, snoop: str, leg: str, spy: Direction, whisper: Direction) -> None:
        """Returns when the Snoop is in the application. Raises CallNotAnswered, Unavailable."""
        with self.board.live.expect(in_stasis(snoop)) as entered:
            for attempt in range(TAKEN_RETRIES):
                try:
                    await self.ari.channels_snoop(leg, snoop, app=self.board.live.app, spy=spy, whisper=whisper)
                    break
                except AriUnreachable as error:
                    if entered.done():
                        break  # only the answer was lost
                    raise Unavailable(str(error)) from error
                except AriRefused as error:
                    await self._forgive_taken_id(snoop, leg, attempt, error)
            await self._entered(entered)

    async def _forgive_taken_id(self, snoop: str, leg: str, attempt: int, error: AriRefused) -> None:
        """Returns when another try is worth it: Asterisk says 500 to a taken id, and to a leg that just ends."""
        picture = self.board.live.picture
        if error.status == 404 or picture.channel(leg) is None:
            raise CallNotAnswered(str(error)) from error
        taken = isinstance(error, AriConflict) or picture.channel(snoop) is not None
        if not taken or attempt == TAKEN_RETRIES - 1:
            raise Unavailable(str(error)) from error
        await asyncio.sleep(TAKEN_RETRY_SECONDS)

    async def _entered(self, entered: "asyncio.Future[str]") -> None:
        try:
            async with asyncio.timeout(ENTER_SECONDS):
                how = await entered
        except TimeoutError as error:
            raise Unavailable("a Snoop did not arrive") from error
        if how == GONE:
            raise CallNotAnswered("the leg ended")

    async def admit(self, supervision: Supervision) -> None:
        """Lets the supervisor's phone, which has answered, into the bridge."""
        await self.ari.bridges_add_channel(ids.bridge_id(supervision.key), ids.phone_id(supervision.key))

    async def clear(self, key: str) -> None:
        """Ends a supervision, whatever there is of it."""
        members = self.board.live.picture.members(key)
        await asyncio.gather(*(self.hang_up(member.id) for member in members))
        try:
            await self.ari.bridges_destroy(ids.bridge_id(key))
        except AriError:
            return  # gone already, or out of reach: then the next snapshot finds it

    async def hang_up(self, channel: str) -> None:
        """Ends a channel of ours; one that is gone already is what was wanted."""
        try:
            await self.ari.channels_hangup(channel)
        except AriError:
            return
