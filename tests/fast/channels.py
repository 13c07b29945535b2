"""Channels and bridges made by hand, in ARI's shape, for what recordings do not reach."""

from datetime import UTC, datetime
from itertools import count

from service.ari.models import Bridge, Channel, DialplanPlace, Endpoint, Event, Party
from service.calls import reduce
from service.calls.model import Call
from service.calls.picture import Picture
from service.calls.record import CallRecord, LegRecord
from tests.fast.replay import row

ACME, GLOBEX = "acme.test", "globex.test"
MOBILE = "0909123456"
LINKEDID = "pbx-1700000000.1"
FIRST_SECOND = 1700000000

_serial = count(1)


def channel(
    name: str,
    state: str = "Up",
    *,
    linkedid: str = LINKEDID,
    number: str = "",
    app: str = "",
    dialled: str = "",
    tenant: str = "",
    call: CallRecord | str | None = None,
    leg: LegRecord | str | None = None,
    id: str = "",
) -> Channel:
    """The next channel that Asterisk makes; `name` without its serial number."""
    serial = next(_serial)
    technology_name, half = (name[:-2], name[-2:]) if name[-2:] in (";1", ";2") else (name, "")
    return Channel(
        id=id or f"pbx-{FIRST_SECOND}.{serial:06}",
        name=f"{technology_name}-{serial:08x}{half}" if not half else name,
        state=state,
        caller=Party(number=number),
        dialplan=DialplanPlace(app_name=app, exten=dialled),
        creationtime=datetime.fromtimestamp(FIRST_SECOND + serial / 1000, UTC),
        tenantid=tenant,
        channelvars={
            reduce.LINKEDID: linkedid,
            reduce.DIALLED: dialled,
            reduce.CALL: call.render() if isinstance(call, CallRecord) else call or "",
            reduce.LEG: leg.render() if isinstance(leg, LegRecord) else leg or "",
        },
    )


def phone(extension: str, state: str = "Up", *, domain: str = ACME, **more: object) -> Channel:
    """A leg of an extension; one that `dialled` something has called, any other is called."""
    app = "Dial" if more.get("dialled") else "AppDial"
    return channel(f"PJSIP/{extension}@{domain}", state, **{"number": extension, "app": app, **more})  # type: ignore[arg-type]


def trunk(state: str = "Up", **more: object) -> Channel:
    """A leg of somebody outside."""
    app = "Dial" if more.get("dialled") else "AppDial"
    return channel("PJSIP/carrier", state, **{"number": MOBILE, "app": app, **more})  # type: ignore[arg-type]


def bridge(*members: Channel, name: str = "", kind: str = "mixing", basic: bool = True) -> Bridge:
    """A bridge with these channels."""
    return Bridge(
        id=f"bridge-{next(_serial)}",
        name=name,
        bridge_type=kind,
        bridge_class="basic" if basic else "base",
        creationtime=datetime.fromtimestamp(FIRST_SECOND, UTC),
        channels=tuple(member.id for member in members),
    )


def parking(*members: Channel, domain: str = ACME) -> Bridge:
    return bridge(*members, name=f"park-{domain}", kind="holding", basic=False)


def endpoints(*names: str) -> list[Endpoint]:
    return [Endpoint(technology="PJSIP", resource=name) for name in names]


KNOWN = endpoints(*(f"{100 + n}@{domain}" for domain in (ACME, GLOBEX) for n in range(1, 6)), "carrier")


def picture(*things: Channel | Bridge) -> Picture:
    """What a snapshot of these things tells."""
    made = Picture()
    channels = [thing for thing in things if isinstance(thing, Channel)]
    reduce.load(made, channels, [thing for thing in things if isinstance(thing, Bridge)], KNOWN)
    return made


def only(of: Picture, domain: str = ACME) -> Call:
    """The tenant's one call."""
    (call,) = of.calls(domain)
    return call


def rows(of: Picture, domain: str = ACME) -> list[str]:
    return [row(call) for call in of.calls(domain)]


def event(kind: str, **parts: Channel | Bridge) -> Event:
    return Event(type=kind, **parts)  # type: ignore[arg-type]
