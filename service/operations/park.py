"""Cuts one leg of a call; the other hears music until a transfer takes it, or its time is up."""

from service import dialplan
from service.calls.model import Call, Leg
from service.calls.record import Side
from service.errors import CallNotAnswered
from service.switchboard import Destination, Switchboard
from service.tenants import Tenant


async def park(board: Switchboard, tenant: Tenant, reference: str, cut: Side, seconds: int) -> Call:
    """Parks the leg that faces the side to be cut, for this many seconds.

    Returns once Asterisk has taken it over. Raises Unavailable, CallNotFound, CallNotAnswered, in this order.
    """
    board.require_ready()
    call = await board.settled_call(tenant, reference)
    waiting = _waiting(call, cut)
    cut_leg = call.leg(cut)
    peer = call.source if cut is Side.ALEG else call.destination
    to = Destination(dialplan.PARK_CONTEXT, tenant.domain, park_seconds=seconds)
    await board.redirect(call.record(), waiting, cut_leg, to, peer=peer)
    return call


def _waiting(call: Call, cut: Side) -> Leg:
    leg = call.leg(cut.other)
    if call.parked or leg is None or not leg.up or not leg.movable:
        raise CallNotAnswered(call.id)
    return leg
