"""What every operation needs of the PBX: its checks, in the contract's words, and the redirect recipe."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from service import dialplan, ids
from service.ari.client import Query
from service.ari.errors import AriError, AriNotFound, AriRefused, AriUnreachable
from service.calls.model import Call, Leg
from service.calls.record import CallRecord, LegRecord
from service.errors import (
    CallNotAnswered,
    CallNotFound,
    ExtensionOffline,
    ExtensionUnknown,
    Unavailable,
)
from service.live import Live
from service.tenants import Tenant
from service.turns import Turns
from service.waiting import GONE, begun, user_event

# Digits, or a name of two characters and more: the one-letter extensions of a dialplan are nobody's phone.
EXTENSION = re.compile(r"[0-9]{1,32}|[0-9A-Za-z][0-9A-Za-z_.-]{1,63}")
SETTLED_SECONDS = 1.0  # between an answer and the bridge, or from one bridge to the next, lie some milliseconds
# Asterisk begins what it is asked within some 5 ms. It is told a full second of its own clock until which it may begin;
# that lies up to a second before this, and never behind it.
DUE_SECONDS = 3.0
RING_SECONDS = DUE_SECONDS - 1.0  # what was answered by then has begun
RECEIPT_SECONDS = DUE_SECONDS + 1.0  # what has not begun by then never will
BEGUN_SECONDS = 1.0  # the dialplan begins within a millisecond or never; this only bounds the wait for a lost event
AFTERWARDS_SECONDS = 1.0  # for one more request about something that went wrong
CONFLICT = 409  # what Asterisk answers to an id that it has already
TAKEN = "taken"
TURN_SECONDS = 0.01  # another replica moves a leg of the same call, which takes it some 5 ms

T = TypeVar("T")


@dataclass(frozen=True)
class Destination:
    """Where a moved leg goes: an extension of a context. `pause`: seconds its phone-to-be needs to become free."""

    context: str
    exten: str
    pause: float = 0.0
    park_seconds: int = 0


class Switchboard:
    """One Asterisk, as the operations see it."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.ari = live.ari
        self.most_calls = 0
        self._moves = Turns()

    async def prepare(self) -> None:
        """At each new connection: how many calls Asterisk holds at most; 0: no limit. Raises AriError."""
        self.most_calls = (await self.ari.asterisk_get_info()).config.max_channels

    def require_ready(self) -> None:
        """Raises Unavailable while the picture is not known to be true."""
        if not self.live.ready:
            raise Unavailable("Asterisk is out of reach")

    def call(self, tenant: Tenant, reference: str) -> Call:
        """The tenant's call of this id or leg id. Raises CallNotFound."""
        call = self.live.picture.find(tenant.domain, reference)
        if call is None:
            raise CallNotFound(reference)
        return call

    async def settled_call(self, tenant: Tenant, reference: str) -> Call:
        """The same call once its answered legs have arrived in their bridge, which takes a moment after the answer."""

        def settled() -> bool:
            return all(leg.movable or not leg.up for leg in self.call(tenant, reference).legs)

        await self.live.until(settled, SETTLED_SECONDS)
        return self.call(tenant, reference)

    async def is_online(self, tenant: Tenant, extension: str) -> bool:
        """Whether a phone is registered for it. Raises ExtensionUnknown when the tenant has no such extension."""
        if EXTENSION.fullmatch(extension) is None:
            raise ExtensionUnknown(extension)
        name = f"{extension}@{tenant.domain}"
        try:
            endpoint = await self.ari.endpoints_get("PJSIP", name)
        except AriNotFound:
            raise ExtensionUnknown(extension) from None
        except AriError as error:
            raise Unavailable(str(error)) from error
        if endpoint.resource != name:
            raise ExtensionUnknown(extension)
        return endpoint.state == "online"

    async def require_online(self, tenant: Tenant, extension: str) -> None:
        """Raises ExtensionUnknown or ExtensionOffline."""
        if not await self.is_online(tenant, extension):
            raise ExtensionOffline(extension)

    async def ring(self, channel: str, target: Query, variables: dialplan.Variables) -> None:
        """Originates `channel`, which rings a phone and when that answers goes to `target`; now or never.

        Raises Unavailable when Asterisk refuses, or does not answer in time: then the time to begin is over, and the
        channel, if there was one, is ended.
        """
        with self.live.expect(begun(channel)) as beginning:
            await self._originate(channel, target, {**variables, **self._due()})
            with suppress(TimeoutError):
                async with asyncio.timeout(BEGUN_SECONDS):
                    if await beginning == GONE:
                        raise Unavailable("ring: Asterisk begins no call")

    async def _originate(self, channel: str, target: Query, variables: dialplan.Variables) -> None:
        started = time.monotonic()
        try:
            async with asyncio.timeout(DUE_SECONDS):
                await self.ari.channels_originate(channel, dialplan.RING, target, variables, dialplan.RING_SECONDS)
        except AriRefused as error:
            raise Unavailable(str(error)) from error
        except (AriUnreachable, TimeoutError) as error:
            await self.take_back(channel)
            raise Unavailable(f"ring: {error!r}") from error
        if time.monotonic() - started > RING_SECONDS:
            await self.take_back(channel)
            raise Unavailable("ring: the answer came too late to be sure of it")

    async def take_back(self, channel: str) -> None:
        """Ends a channel that Asterisk may have made without our hearing of it."""
        with suppress(AriError, TimeoutError):
            async with asyncio.timeout(AFTERWARDS_SECONDS):
                await self.ari.channels_hangup(channel)

    async def redirect(self, record: CallRecord, leg: Leg, released: Leg | None, to: Destination, peer: str) -> None:
        """Takes a leg out of what it is doing and sends it elsewhere, letting another leg go first; now or never.

        One request does it all: from then on it is Asterisk's work, whatever becomes of this process. `peer` is the
        number that stands on the other side until somebody answers there. Raises CallNotFound or CallNotAnswered when
        the leg was gone by then, Unavailable when the dialplan has no such extension, or Asterisk refuses or is full.
        """
        variables = partial(
            dialplan.redirect,
            channel=leg.id,
            record=record,
            leg=LegRecord(leg.side, peer),
            release=released.channel.name if released else "",
            pause=to.pause,
            park_seconds=to.park_seconds,
            context=to.context,
            exten=to.exten,
            most_calls=0 if leg.channel.runs_own_application else self.most_calls,
        )
        # Of moves that would undo each other Asterisk refuses those after the first; see patchbay-redirect.
        async with self._moves.turn(record.call_id, RECEIPT_SECONDS):
            status = await self._in_turn(leg, variables)
        self._judge(status, record, leg)

    async def _in_turn(self, leg: Leg, variables: Callable[[str], dialplan.Variables]) -> str:
        """The status of a redirect, which waits until no other replica's moves a leg of the same call."""
        until = time.monotonic() + RECEIPT_SECONDS
        while True:
            status = await self._carried_out(leg, variables)
            if status != TAKEN or time.monotonic() > until:
                return status
            await asyncio.sleep(TURN_SECONDS)

    def _due(self) -> dialplan.Variables:
        return dialplan.due(self.live.clock.at(time.monotonic() + DUE_SECONDS))

    async def _carried_out(self, leg: Leg, variables: Callable[[str], dialplan.Variables]) -> str:
        """The status of one try; TAKEN when it is another replica's turn.

        What counts is the receipt: the answer to the request may be lost.
        """
        key = ids.new_key()
        channel = ids.redirect_id(key)
        target = {"app": self.live.app, "otherChannelId": ids.turn_id(leg.channel.linkedid)}
        asks = {**variables(key), **self._due()}
        with self.live.expect(user_event(dialplan.RECEIPT, "Id", key, "Status", channel)) as receipt:
            try:
                async with asyncio.timeout(RECEIPT_SECONDS):
                    with suppress(AriUnreachable):
                        await self.ari.channels_originate(
                            channel, dialplan.REDIRECT, target, asks, dialplan.RING_SECONDS
                        )
                    status = await receipt
            except TimeoutError:
                status = GONE
            except AriError as error:
                if isinstance(error, AriRefused) and error.status == CONFLICT:
                    return TAKEN
                raise Unavailable(str(error)) from error
        return await self._without_receipt(key, leg) if status == GONE else status

    async def _without_receipt(self, key: str, leg: Leg) -> str:
        """The same, told by the leg itself, when answer and receipt may both have been lost."""
        try:
            async with asyncio.timeout(AFTERWARDS_SECONDS):
                moved = await self.ari.channels_get_variable(leg.id, dialplan.MOVED)
        except AriNotFound:
            return "NOCHANNEL"
        except (AriError, TimeoutError) as error:
            raise Unavailable("no receipt for a redirect") from error
        return "SUCCESS" if moved == key else "no receipt"

    def _judge(self, status: str, record: CallRecord, leg: Leg) -> None:
        if status == "NOCHANNEL":
            if self.live.picture.find(record.domain, record.call_id) is None:
                raise CallNotFound(record.call_id)
            raise CallNotAnswered(leg.id)
        if status != "SUCCESS":
            raise Unavailable(f"redirect: {status}")


async def asked(request: Awaitable[T]) -> T:
    """The answer to an ARI request; a refusal or silence is Unavailable."""
    try:
        return await request
    except AriError as error:
        raise Unavailable(str(error)) from error
