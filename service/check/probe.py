"""A channel that is made, asked and hung up: nothing else can tell of the dialplan, of music and of declined messages.

It is a Local channel with a name of ours, which no replica takes for a call. It lies outside the dialplan until it is
dialled, into patchbay-check. An end after SECONDS is built in, so that even a check that is killed leaves nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.ari.client import AriClient
from service.ari.errors import AriError, AriNotFound
from service.ari.models import Event
from service.check.events import Hearing
from service.ids import OURS, new_key
from service.waiting import Match, in_stasis

CONTEXT, EXTEN = "patchbay-check", "music"
APPLICATION = "MusicOnHold"  # what that extension runs
SECONDS = 20
ENTER_SECONDS = 2.0
POLL_SECONDS = 0.02
MUSIC_SECONDS = 0.5  # without music the application ends at once, with it after a second
VARIABLE = "PATCHBAY_CHECK"


class Probe:
    """The open channel, and what can be learned through it."""

    def __init__(self, ari: AriClient, ear: Hearing) -> None:
        self.ari = ari
        self.ear = ear
        key = new_key()
        self.channel = f"{OURS}check-{key}-1"
        self.other = f"{OURS}check-{key}-2"

    async def make(self) -> None:
        """Makes the channel, dialled nowhere yet."""
        end = {"TIMEOUT(absolute)": str(SECONDS)}
        endpoint = f"Local/{EXTEN}@{CONTEXT}/n"
        await self.ari.channels_create(self.channel, self.other, endpoint, self.ear.app, end)
        await self.ear.hear(in_stasis(self.channel), ENTER_SECONDS)

    async def remove(self) -> None:
        """Hangs the channel up and waits until it is gone."""
        with suppress(AriNotFound):
            await self.ari.channels_hangup(self.channel)
        await self.ear.hear(_event(self.channel, "ChannelDestroyed"), ENTER_SECONDS)

    async def exists(self, context: str, exten: str = "") -> bool:
        """Whether the dialplan has this context, or this extension of it."""
        place = f"{context},{exten},1" if exten else context
        return await self.ari.channels_get_variable(self.channel, f"DIALPLAN_EXISTS({place})") == "1"

    async def tells_variables(self) -> bool:
        """Whether setting a variable makes an event; known once a later event of the channel has come."""
        await self.ari.channels_set_variable(self.channel, VARIABLE, "1")
        await self.ari.channels_hangup(self.channel)
        await self.ear.hear(_event(self.channel, "ChannelDestroyed"), ENTER_SECONDS)
        return any(_event(self.channel, "ChannelVarset")(event) for event in self.ear.heard)

    async def plays_music(self) -> bool:
        """Dials patchbay-check, whose music ends at once when there is none."""
        await self.ari.channels_dial(self.channel, SECONDS)
        while (application := await self._application()) != APPLICATION:
            if application is None:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return not await self.ear.hear(_event(self.channel, "ChannelDestroyed"), MUSIC_SECONDS)

    async def _application(self) -> str | None:
        """What the dialplan's end of the channel runs; None once it is gone."""
        try:
            other = await self.ari.channels_get(self.other)
        except AriNotFound:
            return None
        return other.dialplan.app_name if other else ""


@asynccontextmanager
async def probe(ari: AriClient, ear: Hearing) -> AsyncIterator[Probe]:
    """A channel for one or more questions; gone afterwards. Raises AriError."""
    made = Probe(ari, ear)
    try:
        await made.make()
        yield made
    finally:
        with suppress(AriError):
            await made.remove()


def _event(channel: str, kind: str) -> Match:
    def match(event: Event) -> str | None:
        return kind if event.type == kind and event.channel and event.channel.id == channel else None

    return match
