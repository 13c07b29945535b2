"""The supervision recipe: a bridge in which a supervisor's phone meets a Snoop channel on the extension's leg.

A Snoop's direction is fixed when it is made, so a mode is changed by making another and putting it in the first one's
place. The two must not be in the bridge together: the newer would whisper to the leg what the older hears of it.
Everything stands in ids and the bridge's name, so any replica can go on with it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import NoReturn

from service import dialplan, ids
from service.ari.client import Direction
from service.ari.errors import AriError, AriNotFound, AriRefused, AriUnreachable
from service.audit import story
from service.audit.entry import By, Entry
from service.audit.trail import Trail
from service.calls.model import Call, Leg
from service.calls.supervision import Mode, Snoop, Supervision, Target
from service.errors import CallNotAnswered, Refused, Unavailable
from service.switchboard import Switchboard, asked
from service.turns import Turns
from service.waiting import GONE, in_stasis, side_by_side

# What the supervisor hears of the leg, and who hears the supervisor: nobody, the leg's phone, it and who it talks to.
DIRECTIONS: dict[Mode, tuple[Direction, Direction]] = {
    Mode.LISTEN: ("both", "none"),
    Mode.WHISPER: ("both", "out"),
    Mode.BARGE: ("both", "both"),
}
ENTER_SECONDS = 2.0  # a Snoop enters the application in about 2 ms
LEAVING_SECONDS = 1.0  # a leg that is ending is gone some milliseconds after its Snoop; on a busy machine later
FLOWING_SECONDS = 0.06  # the first two packets of a new Snoop are silent: it takes another's place after them
FORGOTTEN_SECONDS = 0.1  # five packets
VISIBLE_SECONDS = 1.0  # Asterisk announces a bridge before it answers the request; this bounds a lost event
GONE_SECONDS = 1.0  # a channel that is hung up is gone in some milliseconds


class Snooping:
    """Makes, changes and ends supervisions."""

    def __init__(self, board: Switchboard, trail: Trail) -> None:
        self.board = board
        self.ari = board.ari
        self.trail = trail
        self._turns = Turns()

    @asynccontextmanager
    async def turn(self, key: str, seconds: float | None = None) -> AsyncIterator[Supervision | None]:
        """The turn to change a supervision, which is given as it is then; None when there is none.

        A client's change and the Keeper's tending would each hang up what the other has just made. Raises Unavailable
        when the turn does not come within the time.
        """
        async with self._turns.turn(key, seconds):
            yield self.board.live.picture.supervision(key)

    async def begin(self, call: Call, leg: Leg, extension: str, mode: Mode, by: By) -> bool:
        """Tells the audit log, spies on the leg and rings the supervisor; if a step fails, undoes those before it.

        False when another replica was quicker to begin the same: then this one is undone as well. Raises
        CallNotAnswered when the leg ends meanwhile, Unavailable when the log cannot be written or Asterisk refuses.
        """
        key = ids.new_key()
        target = Target(call.domain, extension, call.id, leg.id)
        told = story.rung(key, call, leg, extension, mode, by)
        await self.trail.record(told)
        snoop = ids.snoop_id(key, mode)
        async with self.turn(key), AsyncExitStack() as undo:
            undo.push_async_callback(self._tell_failed, told)
            undo.push_async_callback(self.clear, key)
            await side_by_side(
                asked(self.ari.bridges_create(ids.bridge_id(key), target.render())),
                self.make_snoop(snoop, leg.id, *DIRECTIONS[mode]),
            )
            if await self._outrun(key):
                return False
            await self._put_in(key, snoop, leg.id)
            await self._ring(ids.phone_id(key), call.domain, extension, show=leg.extension or leg.number)
            undo.pop_all()
            return True

    async def _outrun(self, key: str) -> bool:
        """Whether the same supervisor's bridge for the same call was there before ours. One of two is told so."""
        live = self.board.live
        await live.until(lambda: live.picture.supervision(key) is not None, VISIBLE_SECONDS)
        ours = live.picture.supervision(key)
        call = live.picture.supervised_call(ours) if ours else None
        if ours is None or call is None:
            return False
        others = live.picture.supervisions_of(call)
        return any(one.age < ours.age for one in others if one.target.extension == ours.target.extension)

    async def _tell_failed(self, told: Entry) -> None:
        with suppress(Unavailable):  # the next service finds it without an end
            await self.trail.ended(told, story.NEVER_HEARD)

    async def _ring(self, phone: str, domain: str, extension: str, show: str) -> None:
        """Rings the supervisor; the picture has the phone by then, so that the next request finds it there."""
        variables = dialplan.ring(extension, domain, show=show, side=None)
        target = {"app": self.board.live.app, "formats": dialplan.FORMATS}
        await self.board.ring(phone, target, variables)

    async def switch(self, supervision: Supervision, leg: str, mode: Mode) -> None:
        """Changes the mode, or the leg, of a supervisor in place; in one's turn. Raises CallNotAnswered, Unavailable.

        Of two replicas that do so at once both succeed, and the newer Snoop stays.
        """
        snoop = ids.snoop_id(supervision.key, mode)
        await self.make_snoop(snoop, leg, *DIRECTIONS[mode])
        await asyncio.sleep(FLOWING_SECONDS)
        older = self._older(supervision.key, snoop)
        await asyncio.gather(*(self._take_out(supervision.key, old) for old in older if old.bridged))
        try:
            await self._put_in(supervision.key, snoop, leg)
        except Refused:
            if not self._overtaken(supervision):
                raise
        await asyncio.gather(*(self.hang_up(old.id) for old in older))

    def _older(self, key: str, snoop: str) -> Sequence[Snoop]:
        """The supervision's Snoops that were made before this one, while this one is there."""
        supervision = self.board.live.picture.supervision(key)
        snoops = supervision.snoops if supervision else ()
        return next((snoops[:place] for place, one in enumerate(snoops) if one.id == snoop), ())

    def _overtaken(self, before: Supervision) -> bool:
        """Whether the supervisor hears a Snoop by now that was not there before."""
        now = self.board.live.picture.supervision(before.key)
        return now is not None and now.heard is not None and now.heard.id not in {one.id for one in before.snoops}

    async def free(self, supervision: Supervision) -> None:
        """Takes all Snoops off their leg, the tone's too, so that `spy` can put one on it anew; in one's turn.

        Seen on Debian's Asterisk 22.10.1: when the RTP sequence numbers of a leg's new partner begin below the old
        one's last, that leg's Snoops miss what the partner says and whisper nothing, until the leg has been without
        any Snoop for a packet.
        """
        live = self.board.live
        old = [*(snoop.id for snoop in supervision.snoops), *(tone.id for tone in supervision.tones)]
        await asyncio.gather(*map(self.hang_up, old))
        await live.until(lambda: not any(map(live.picture.channel, old)), GONE_SECONDS)

    async def stays_free(self, key: str) -> bool:
        """Whether a supervisor who hears no Snoop hears none for as long as it takes a leg to forget the last one."""
        await asyncio.sleep(FORGOTTEN_SECONDS)
        supervision = self.board.live.picture.supervision(key)
        return supervision is not None and not supervision.snoops

    async def spy(self, key: str, leg: str, mode: Mode) -> None:
        """Lets a supervisor who hears no Snoop hear one; in one's turn. Raises CallNotAnswered, Unavailable.

        Of two replicas that do so at once the quicker one does it, and a change of mode goes before both.
        """
        snoop = ids.snoop_id(key, mode)
        await self.make_snoop(snoop, leg, *DIRECTIONS[mode])
        if self._older(key, snoop):
            await self.hang_up(snoop)
        else:
            await self._put_in(key, snoop, leg)

    async def _put_in(self, key: str, snoop: str, leg: str) -> None:
        try:
            await self.ari.bridges_add_channel(ids.bridge_id(key), snoop)
        except AriError as error:
            if self._is_in(key, snoop):
                return  # only the answer was lost
            await self.hang_up(snoop)
            await self._refuse(leg, error)

    def _is_in(self, key: str, snoop: str) -> bool:
        supervision = self.board.live.picture.supervision(key)
        return supervision is not None and any(one.id == snoop and one.bridged for one in supervision.snoops)

    async def _take_out(self, key: str, snoop: Snoop) -> None:
        with suppress(AriError):  # it has ended, and so is out
            await self.ari.bridges_remove_channel(ids.bridge_id(key), snoop.id)

    async def make_snoop(self, snoop: str, leg: str, spy: Direction, whisper: Direction) -> None:
        """Returns when the Snoop is in the application. Raises CallNotAnswered, Unavailable."""
        with self.board.live.expect(in_stasis(snoop)) as entered:
            try:
                await self.ari.channels_snoop(leg, snoop, app=self.board.live.app, spy=spy, whisper=whisper)
            except AriError as error:
                lost = isinstance(error, AriUnreachable) and entered.done()  # only the answer was lost
                if not lost:
                    await self._refuse(leg, error)
            await self._entered(entered)

    async def _refuse(self, leg: str, error: AriError) -> NoReturn:
        """Says what an error means: Asterisk's word for a leg that ends just then is 404, or 500, as for much else."""
        live = self.board.live
        if isinstance(error, AriRefused):
            gone = await live.until(lambda: live.picture.channel(leg) is None, LEAVING_SECONDS)
            if gone or isinstance(error, AriNotFound):
                raise CallNotAnswered(str(error)) from error
        raise Unavailable(str(error)) from error

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
        """Ends a supervision, whatever there is of it, and sees that it is gone."""
        live = self.board.live
        members = [member.id for member in live.picture.members(key)]
        await asyncio.gather(*map(self.hang_up, members))
        with suppress(AriError):  # gone already, or out of reach: then the next snapshot finds it
            await self.ari.bridges_destroy(ids.bridge_id(key))
        await live.until(lambda: not any(map(live.picture.channel, members)), GONE_SECONDS)

    async def hang_up(self, channel: str) -> None:
        """Ends a channel of ours; one that is gone already is what was wanted."""
        try:
            await self.ari.channels_hangup(channel)
        except AriError:
            return
