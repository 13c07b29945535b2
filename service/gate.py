"""The outbound limits where they are kept: in Asterisk, whose dialplan asks for them before each call outside.

The service writes them there, at every connection and whenever the tenants are read again, and hears of each refusal.
Counting is Asterisk's too, so all replicas and all phones share one count, whatever becomes of this process.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from service import dialplan, ids, switchboard
from service.ari.models import Event
from service.background import Background
from service.calls.picture import Change
from service.errors import DoNotCall, Unavailable
from service.log import logger, safe
from service.metrics import REFUSALS
from service.switchboard import Switchboard, asked
from service.tenants import Tenant, TenantBook, Tenants
from service.waiting import GONE, user_event

ALLOWED = "allowed"
WRITTEN = "SUCCESS"
REVISION = "PATCHBAY_REVISION"  # a global variable of Asterisk's: which limits it was given since it started
RETRY_SECONDS = 2.0
WRITERS = 8  # channels that write at the same time; as many again are left to the requests


class Gate:
    """Gives Asterisk the limits of the tenants file, and lets a click-to-call through before anybody is rung."""

    def __init__(self, board: Switchboard, book: TenantBook, background: Background) -> None:
        self.board = board
        self.ari = board.ari
        self.book = book
        self._background = background
        self._written: Tenants | None = None
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        """At each new connection. What cannot be written is tried again, for as long as it takes."""
        self._written = None
        try:
            await self._write()
        except Unavailable as error:
            logger.error("Asterisk did not take the outbound limits, trying again: %s", error)
            self.renew()

    def renew(self) -> None:
        """After the tenants were read again; returns at once."""
        self._background.start(self._persist(), "outbound limits")

    def notice(self, events: Sequence[Event], changes: Sequence[Change]) -> None:
        """A listener of `Live`: logs and counts what the gate refuses, to a phone or to a click."""
        for event in events:
            if event.type == "ChannelUserevent" and event.eventname == dialplan.GATE_RECEIPT:
                self._note(event)

    def _note(self, event: Event) -> None:
        told = event.userevent
        reason = told.get("Status", "")
        if reason in REFUSALS:
            caller = event.channel.name if event.channel else ""
            about = {"ids": {"tenant": told.get("Domain", "")}}
            logger.warning(
                "outbound call refused, %s: %s to %s", reason, safe(caller), safe(told.get("Number", "")), extra=about
            )
            self.board.live.metrics.outbound_refused.labels(reason).inc()

    def limits(self, tenant: Tenant) -> bool:
        """Whether the gate may refuse a call of this tenant's; if not, nobody has to wait for its word."""
        return tenant.outbound.limited or not self.book.current.outbound.enabled

    async def let_through(self, call_id: str, start: Callable[[], Awaitable[None]]) -> None:
        """Starts the call, whose first channel asks at the gate before it rings anybody.

        Raises DoNotCall, and Unavailable; in both cases nobody is rung, or not any more.
        """
        await self._write()
        try:
            status = await self._told(dialplan.GATE_RECEIPT, call_id, call_id, start)
        except Unavailable:
            await self.board.take_back(call_id)
            raise
        if status != ALLOWED:
            raise DoNotCall(status)

    async def _told(self, event: str, key: str, channel: str, start: Callable[[], Awaitable[None]]) -> str:
        """Starts a channel; the Status that its dialplan tells in this event. Raises Unavailable."""
        with self.board.live.expect(user_event(event, "Id", key, "Status", channel)) as receipt:
            await start()
            try:
                async with asyncio.timeout(switchboard.RECEIPT_SECONDS):
                    status = await receipt
            except TimeoutError as error:
                raise Unavailable(f"no event {event}") from error
        if status == GONE:
            raise Unavailable(f"no event {event} before the end of its channel")
        return status

    async def _persist(self) -> None:
        while self._written is not self.book.current:
            try:
                await self._write()
            except Unavailable as error:
                logger.debug("outbound limits: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _write(self) -> None:
        """Brings Asterisk's limits up to date, unless they are; raises Unavailable."""
        async with self._turn:
            tenants = self.book.current
            if self._written is tenants:
                return
            policies = rendered(tenants)
            revision = hashlib.sha256(json.dumps(policies).encode()).hexdigest()
            if await asked(self.ari.asterisk_get_global_var(REVISION)) != revision:
                await asked(self.ari.asterisk_set_global_var(REVISION, ""))  # until all of it is there
                await self._write_all(policies)
                await asked(self.ari.asterisk_set_global_var(REVISION, revision))
                logger.info("outbound limits of %d tenants given to Asterisk", len(tenants.all))
            self._written = tenants

    async def _write_all(self, policies: Mapping[str, str]) -> None:
        """What holds for everybody first: it may be there to stop them."""
        first, *others = policies.items()
        await self._write_one(*first)
        for begin in range(0, len(others), WRITERS):
            await asyncio.gather(*(self._write_one(*one) for one in others[begin : begin + WRITERS]))

    async def _write_one(self, whose: str, policy: str) -> None:
        key = ids.new_key()
        variables = dialplan.policy(key, whose, policy)
        target = {"app": self.board.live.app}
        channel = ids.policy_id(key)
        request = self.ari.channels_originate(channel, dialplan.POLICY, target, variables, dialplan.RING_SECONDS)
        status = await self._told(dialplan.POLICY_RECEIPT, key, channel, partial(asked, request))
        if status != WRITTEN:
            raise Unavailable(f"limits of {whose}: {status}; is func_db.so loaded?")


def rendered(tenants: Tenants) -> dict[str, str]:
    """The limits as the gate reads them, by domain; those for all come first."""
    return {dialplan.EVERYBODY: tenants.outbound.render()} | {
        tenant.domain: tenant.outbound.render() for tenant in tenants.all
    }
