"""Reads calls out of the channels that share a linkedid: who the two parties are, on which side, for which tenant.

The rules are DESIGN's "Identity", "Legs and sides" and "Tenant"; each is one function here.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from service import ids
from service.calls.model import DIALLING, Call, Channel, Leg, State
from service.calls.record import CallRecord, Direction, Side

# Facts about a channel that only the whole picture knows.
PartnersOf = Callable[[Channel], Iterable[Channel]]
IsParked = Callable[[Channel], bool]
IsExtension = Callable[[str, str], bool]

# A linkedid of Asterisk's own: the second its first channel was made, and a serial number.
_ASTERISKS_OWN = re.compile(r"(?:.*-)?([0-9]{10})\.[0-9]+", re.DOTALL)


class Surroundings:
    """How `derive` looks beyond the channels of one linkedid."""

    def __init__(self, partners: PartnersOf, bridged: IsParked, parked: IsParked, extension: IsExtension) -> None:
        self.partners = partners
        self.bridged = bridged
        self.parked = parked
        self.extension = extension


def derive(linkedid: str, channels: Sequence[Channel], around: Surroundings) -> list[Call]:
    """The calls in one linkedid: one for each tenant that has a part in it, most often one, none for a stranger's."""
    if ids.is_ours(linkedid):
        return []
    ordered = sorted(channels, key=lambda channel: channel.age_key)
    legs = [channel for channel in ordered if not channel.internal]
    return [_call(linkedid, domain, legs, ordered, around) for domain in _domains(legs, ordered)]


def _domains(legs: Sequence[Channel], ordered: Sequence[Channel]) -> list[str]:
    """The tenants of a linkedid: those of its phones, else the one its legs name."""
    own = dict.fromkeys(leg.endpoint[1] for leg in legs if leg.endpoint)
    if own:
        return list(own)
    named = [channel.call.domain for channel in ordered if channel.call]
    return (named or [leg.tenantid for leg in legs if leg.tenantid])[:1]


def _call(
    linkedid: str, domain: str, legs: Sequence[Channel], ordered: Sequence[Channel], around: Surroundings
) -> Call:
    records = [channel.call for channel in ordered if channel.call and channel.call.domain == domain]
    call_id = linkedid if _is_click_to_call(linkedid, domain, ordered) else ids.call_id(linkedid, domain)
    record = next((known for known in records if known.call_id == call_id), None)
    pair = _pair(domain, legs, around)
    sides = _sides(domain, pair, record)
    numbers = _Numbers(domain, record, sides)
    made = {side: _leg(channel, side, domain, numbers, around) for side, channel in sides.items()}
    parked = any(around.parked(channel) for channel in pair)
    return Call(
        id=call_id,
        domain=domain,
        linkedid=linkedid,
        direction=record.direction if record else _direction(domain, sides, around),
        created=record.created if record else _created(linkedid, ordered),
        source=numbers.of(Side.ALEG, legs),
        destination=numbers.of(Side.BLEG, legs),
        state=State.PARK if parked else _state(sides),
        aleg=made.get(Side.ALEG),
        bleg=made.get(Side.BLEG),
        channels=frozenset(leg.id for leg in legs),
        aliases=frozenset(known.call_id for known in records) - {call_id},
    )


def _is_click_to_call(linkedid: str, domain: str, ordered: Sequence[Channel]) -> bool:
    """A linkedid chosen by click-to-call is the id of the call for the tenant that clicked."""
    records = (channel.call for channel in ordered if channel.call)
    return ids.is_call_uuid(linkedid) and any(
        (record.call_id, record.domain) == (linkedid, domain) for record in records
    )


def _created(linkedid: str, ordered: Sequence[Channel]) -> int:
    """When the first channel was made, also when that one has gone; a linkedid somebody else chose does not tell."""
    own = _ASTERISKS_OWN.fullmatch(linkedid)
    return int(own.group(1)) if own else int(ordered[0].created)


def _pair(domain: str, legs: Sequence[Channel], around: Surroundings) -> list[Channel]:
    """The one or two legs that matter: the oldest, and the one it talks to, talked to, or rings."""
    if not legs:
        return []
    for first in (legs[0], *(leg for leg in legs[1:] if leg.endpoint and leg.endpoint[1] == domain)):
        pair = [first, *_partner(first, legs, around)]
        if any(leg.endpoint and leg.endpoint[1] == domain for leg in pair):
            return pair
    return [legs[0], *_partner(legs[0], legs, around)]


def _partner(first: Channel, legs: Sequence[Channel], around: Surroundings) -> list[Channel]:
    if around.parked(first):
        return []
    bridged = [leg for leg in around.partners(first) if leg in legs]
    if bridged:
        return bridged[:1]
    others = [leg for leg in legs if leg is not first and not _same_given_side(first, leg)]
    answered = [leg for leg in others if leg.up and not around.parked(leg)]
    if answered or first.rung:
        return answered[:1]
    return [leg for leg in others if not leg.up][-1:]


def _same_given_side(first: Channel, leg: Channel) -> bool:
    """Two phones of one extension, rung together, stand on the same side and are no pair."""
    return first.leg is not None and leg.leg is not None and first.leg.side is leg.leg.side


def _sides(domain: str, pair: Sequence[Channel], record: CallRecord | None) -> dict[Side, Channel]:
    """A leg we rang or moved has its side, the other takes the free one; else the older leg's own side decides."""
    if not pair:
        return {}
    settled = next((channel for channel in pair if channel.leg), pair[0])
    side = Side.ALEG if _is_first_of_click_to_call(domain, pair, record) else settled.side
    sides = {side: settled}
    sides.update((side.other, channel) for channel in pair if channel is not settled)
    return sides


def _is_first_of_click_to_call(domain: str, pair: Sequence[Channel], record: CallRecord | None) -> bool:
    """It is announced before the dialplan gives it its side."""
    if len(pair) > 1 or pair[0].leg or record is None:
        return False
    return pair[0].rung and _extension(pair[0], domain) == record.source


def _extension(channel: Channel, domain: str) -> str | None:
    endpoint = channel.endpoint
    return endpoint[0] if endpoint and endpoint[1] == domain else None


def _leg(channel: Channel, side: Side, domain: str, numbers: "_Numbers", around: Surroundings) -> Leg:
    movable = channel.runs_own_application or (channel.up and around.bridged(channel))
    return Leg(channel, side, _extension(channel, domain), numbers.present(channel, side), movable)


def _direction(domain: str, sides: dict[Side, Channel], around: Surroundings) -> Direction:
    caller, called = sides.get(Side.ALEG), sides.get(Side.BLEG)
    if caller and _extension(caller, domain) is None:
        return Direction.INBOUND if caller.dialled else Direction.OUTBOUND
    if caller and around.extension(caller.dialled, domain):
        return Direction.LOCAL
    if called:
        return Direction.LOCAL if _extension(called, domain) and caller else _direction_of_called(called, domain)
    inside = caller and caller.up and caller.app != DIALLING
    return Direction.LOCAL if inside else Direction.OUTBOUND


def _direction_of_called(called: Channel, domain: str) -> Direction:
    return Direction.INBOUND if _extension(called, domain) else Direction.OUTBOUND


def _state(sides: dict[Side, Channel]) -> State:
    aleg = sides.get(Side.ALEG)
    if len(sides) == 1 and aleg and aleg.rung:
        return State.CONSUME_MEDIA if aleg.state == "Ringing" else State.INIT
    created = not sides or (len(sides) == 1 and aleg and not aleg.up and not aleg.app)
    return State.INIT if created else State.EXECUTE


class _Numbers:
    """The numbers of a call's two sides, as its tenant sees them."""

    def __init__(self, domain: str, record: CallRecord | None, sides: dict[Side, Channel]) -> None:
        self.domain = domain
        self.record = record
        self.sides = sides

    def of(self, side: Side, legs: Sequence[Channel]) -> str:
        """The side's number: of its leg once it is chosen, else what was dialled or stood there last."""
        channel = self.sides.get(side)
        if channel and not self._still_choosing(channel, legs):
            return self.present(channel, side)
        return self._expected(side)

    def present(self, channel: Channel, side: Side) -> str:
        extension = _extension(channel, self.domain)
        if extension is not None:
            return extension
        if channel.dialled or (channel.endpoint is None and _is_number(channel.number)):
            return channel.number
        return self._expected(side) or channel.number

    def _still_choosing(self, channel: Channel, legs: Sequence[Channel]) -> bool:
        """True while several phones ring and it is open which of them will be the called party."""
        if channel.up or channel.side is Side.ALEG:
            return False
        ringing = {leg.endpoint or leg.id for leg in legs if not leg.up and leg.side is Side.BLEG}
        return len(ringing) > 1

    def _expected(self, side: Side) -> str:
        """Who stands on a side where nobody is yet, or any more."""
        facing = self.sides.get(side.other)
        if facing and facing.leg and facing.leg.peer:
            return facing.leg.peer
        if facing and facing.dialled and side is Side.BLEG:
            return facing.dialled
        if self.record:
            return self.record.source if side is Side.ALEG else self.record.destination
        return ""


def _is_number(text: str) -> bool:
    return text.removeprefix("+").isdigit()
