"""Moves one leg of a call to another extension; the other leg is hung up."""

from service.calls.model import Call, Leg
from service.calls.record import Side
from service.errors import CallNotAnswered
from service.switchboard import Destination, Switchboard
from service.tenants import Tenant

# A phone with one line needs a moment between the end of a call and the next one's ringing.
SAME_PHONE_PAUSE_SECONDS = 0.3


async def transfer(board: Switchboard, tenant: Tenant, reference: str, extension: str, side: Side) -> Call:
    """Sends the leg on this side to the extension; a parked call's waiting leg whichever side is named.

    Returns once Asterisk has taken it over. Raises Unavailable, CallNotFound, ExtensionUnknown, ExtensionOffline,
    CallNotAnswered, in this order.
    """
    board.require_ready()
    board.call(tenant, reference)
    await board.require_online(tenant, extension)
    call = await board.settled_call(tenant, reference)
    moved = _moved(call, side)
    released = call.leg(moved.side.other)
    pause = SAME_PHONE_PAUSE_SECONDS if released and released.extension == extension else 0.0
    to = Destination(tenant.domain, extension, pause=pause)
    await board.redirect(call.record(), moved, released, to, peer=extension)
    return call


def _moved(call: Call, side: Side) -> Leg:
    leg = call.signalling_leg if call.parked else call.leg(side)
    if leg is None or not leg.movable:
        raise CallNotAnswered(call.id)
    return leg
