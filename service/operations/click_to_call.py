"""Rings an extension, and when it answers calls a number, showing the tenant's hotline."""

import asyncio
import re
import time
from dataclasses import dataclass
from functools import partial

from service import dialplan, ids
from service.calls.record import CallRecord, Direction, Side
from service.errors import ExtensionUnknown, HotlineUnknown, Unavailable
from service.gate import Gate
from service.switchboard import Switchboard
from service.tenants import Tenant

# Asterisk announces the first channel before it answers the request; this only bounds the wait for a lost event.
VISIBLE_SECONDS = 1.0

_FILLERS = re.compile(r"[ .()-]")
_NUMBER = re.compile(r"\+?[0-9]{2,32}")


@dataclass(frozen=True)
class Click:
    """Who calls whom, through which hotline. `number` is what `dialable` made of the client's text."""

    extension: str
    hotline: str
    number: str


def dialable(text: str) -> str | None:
    """A phone number without its fillers, None when it is no number."""
    number = _FILLERS.sub("", text)
    return number if _NUMBER.fullmatch(number) else None


async def click_to_call(board: Switchboard, gate: Gate, tenant: Tenant, click: Click) -> str:
    """Starts the call and returns its id; the extension may still be ringing for a minute.

    Raises Unavailable, ExtensionUnknown, HotlineUnknown, ExtensionOffline, DoNotCall, in this order.
    """
    board.require_ready()
    online, inside = await asyncio.gather(
        board.is_online(tenant, click.extension), _is_extension(board, tenant, click.number)
    )
    hotline = tenant.hotlines.get(click.hotline)
    if hotline is None:
        raise HotlineUnknown(click.hotline)
    if not online:
        await board.require_online(tenant, click.extension)
    call_id = ids.new_call_id()
    direction = Direction.LOCAL if inside else Direction.OUTBOUND
    record = CallRecord(
        call_id, tenant.domain, direction, int(time.time()), source=click.extension, destination=click.number
    )
    limited = not inside and gate.limits(tenant)
    onward = dialplan.dial_inside(record) if inside else dialplan.dial_outside(record, click.hotline, hotline.trunk)
    variables = {
        **dialplan.ring(click.extension, tenant.domain, show=click.number, side=Side.ALEG),
        **onward,
        **({} if inside or limited else dialplan.carried(record)),
    }
    start = partial(_originate, board, record, variables)
    try:
        await (gate.let_through(call_id, start) if limited else start())
    except Unavailable:
        await _take_back(board, record)
        raise
    picture = board.live.picture
    await board.live.until(lambda: picture.find(record.domain, record.call_id) is not None, VISIBLE_SECONDS)
    return call_id


async def _is_extension(board: Switchboard, tenant: Tenant, number: str) -> bool:
    try:
        await board.is_online(tenant, number)
    except ExtensionUnknown:
        return False
    return True


async def _originate(board: Switchboard, record: CallRecord, variables: dialplan.Variables) -> None:
    target = {
        "context": dialplan.DIAL_CONTEXT,
        "extension": record.destination,
        "priority": "1",
        "formats": dialplan.FORMATS,
    }
    await board.ring(record.call_id, target, variables)


async def _take_back(board: Switchboard, record: CallRecord) -> None:
    """Ends a call that was begun without an answer to us; its first channel is gone once somebody has picked up."""
    call = board.live.picture.find(record.domain, record.call_id)
    await asyncio.gather(*(board.take_back(leg.id) for leg in (call.legs if call else ())))
