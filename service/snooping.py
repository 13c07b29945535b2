"""The supervision recipe: a bridge in which a supervisor's phone meets a Snoop channel on the extension's leg.

A Snoop's direction is fixed when it is made, so a mode is changed by adding another and then removing the first: the
supervisor hears no gap. Everything stands in ids and the bridge's name, so any replica can go on with it.
"""

import asyncio
from contextlib import AsyncExitStack

from service import dialplan, ids
from service.ari.client import Direction
from service.ari.errors import AriConflict, AriError, AriRefused
from service.calls.model import Call, Leg
from service.calls.supervision import Mode, Supervision, Target
from service.errors import CallNotAnswered, Unavailable
from service.switchboard import Switchboard, asked
from service.waiting import in_stasis

# What the supervisor hears of the leg, and who hears the supervisor: nobody, the leg's phone, the phone and who it talks to.
DIRECTIONS: dict[Mode, tuple[Direction, Direction]] = {
    Mode.LISTEN: ("both", "none"),
    Mode.WHISPER: ("both", "out"),
    Mode.BARGE: ("both", "both"),
}
ENTER_SECONDS = 2.0  # a Snoop enters the application in about 2 ms
TAKEN_RETRIES = 10  # the id of a Snoop that was just hung up is free some milliseconds later
TAKEN_RETRY_SECONDS = 0.05


class Snooping:
    """Makes, changes and ends supervisions."""

    def __init__(self, board: Switchboard) -> None:
        self.board = board
        self.ari = board.ari

    async def begin(self, call: Call, leg: Leg, extension: str, mode: Mode) -> None:
        """Spies on the leg and rings the supervisor; if any step fails, undoes those before it.

        Raises CallNotAnswered when the leg ends meanwhile, Unavailable when Asterisk refuses.
        """
        key = ids.new_key()
        target = Target(call.domain, extension, call.id, leg.id)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.clear, key)
            await asked(self.ari.bridges_create(ids.bridge_id(key), target.render()))
            await self.spy(key, leg.id, mode)
            await asked(
                self.ari.channels_originate(
                    ids.phone_id(key),
                    dialplan.RING,
                    {"app": self.board.live.app},
                    dialplan.ring(extension, call.domain, show=leg.extension or leg.number, side=None),
                    dialplan.RING_SECONDS,
                )
            )
            undo.pop_all()

    async def switch(self, supervision: Supervision, leg: str, mode: Mode) -> None:
        """Changes the mode, or the leg, of a supervisor in place. Raises CallNotAnswered, Unavailable; then nothing changed."""
        await self.spy(supervision.key, leg, mode)
        wanted = ids.snoop_id(supervision.key, mode, leg)
        await asyncio.gather(*(self.hang_up(snoop.id) for snoop in supervision.snoops if snoop.id != wanted))

    async def spy(self, key: str, leg: str, mode: Mode) -> None:
        """Puts a Snoop of this mode on the leg into the supervision's bridge."""
        snoop = ids.snoop_id(key, mode, leg)
        await self._make_snoop(snoop, leg, mode)
        try:
            await asked(self.ari.bridges_add_channel(ids.bridge_id(key), snoop))
        except (AriRefused, Unavailable) as error:
            await self.hang_up(snoop)
            raise Unavailable(str(error)) from error

    async def _make_snoop(self, snoop: str, leg: str, mode: Mode) -> None:
        spy, whisper = DIRECTIONS[mode]
        with self.board.live.expect(in_stasis(snoop)) as entered:
            for attempt in range(TAKEN_RETRIES):
                try:
                    await self.ari.channels_snoop(leg, snoop, app=self.board.live.app, spy=spy, whisper=whisper)
                    break
                except AriRefused as error:
                    await self._forgive_taken_id(snoop, attempt, error)
            await self._entered(entered)

    async def _forgive_taken_id(self, snoop: str, attempt: int, error: AriRefused) -> None:
        """Asterisk says 500 to an id that is taken; any other refusal means that the leg is gone or not to be spied on."""
        taken = isinstance(error, AriConflict) or self.board.live.picture.channel(snoop) is not None
        if error.status == 404 or not taken or attempt == TAKEN_RETRIES - 1:
            raise CallNotAnswered(str(error)) from error
        await asyncio.sleep(TAKEN_RETRY_SECONDS)

    async def _entered(self, entered: "asyncio.Future[str]") -> None:
        try:
            if await asyncio.wait_for(entered, ENTER_SECONDS) == "gone":
                raise CallNotAnswered("the leg ended")
        except TimeoutError as error:
            raise Unavailable("a Snoop did not arrive") from error

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
