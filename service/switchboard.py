"""What every operation needs of the PBX: its checks, in the contract's words, and the redirect recipe."""

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from service import dialplan, ids
from service.ari.errors import AriError, AriNotFound
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
from service.waiting import user_event

# Digits, or a name of two characters and more: the one-letter extensions of a dialplan are nobody's phone.
EXTENSION = re.compile(r"[0-9]{1,32}|[0-9A-Za-z][0-9A-Za-z_.-]{1,63}")
SETTLED_SECONDS = 1.0  # between an answer and the bridge, or from one bridge to the next, lie some milliseconds
RECEIPT_SECONDS = 3.0  # a redirect takes some 5 ms

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

    async def redirect(self, record: CallRecord, leg: Leg, released: Leg | None, to: Destination, peer: str) -> None:
        """Takes a leg out of what it is doing and sends it elsewhere, letting another leg go first.

        One request does it all: from then on it is Asterisk's work, whatever becomes of this process. `peer` is the
        number that stands on the other side until somebody answers there. Raises CallNotFound or CallNotAnswered when
        the leg was gone by then, Unavailable when the dialplan has no such extension or Asterisk refuses.
        """
        key = ids.new_key()
        variables = dialplan.redirect(
            key,
            leg.id,
            record,
            LegRecord(leg.side, peer),
            release=released.channel.name if released else "",
            pause=to.pause,
            park_seconds=to.park_seconds,
            context=to.context,
            exten=to.exten,
        )
        with self.live.expect(user_event(dialplan.RECEIPT, "Id", key, "Status")) as receipt:
            target = {"app": self.live.app}
            await asked(
                self.ari.channels_originate(
                    ids.redirect_id(key), dialplan.REDIRECT, target, variables, dialplan.RING_SECONDS
                )
            )
            status = await self._received(receipt)
        self._judge(status, record, leg)

    async def _received(self, receipt: "asyncio.Future[str]") -> str:
        try:
            return await asyncio.wait_for(receipt, RECEIPT_SECONDS)
        except TimeoutError as error:
            raise Unavailable("no receipt for a redirect") from error

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
