"""One small function an event type: how each changes the picture. Only a snapshot or ChannelCreated makes a channel."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from service.ari.models import Bridge as AriBridge
from service.ari.models import Channel as AriChannel
from service.ari.models import Endpoint, Event
from service.calls.model import Bridge, Channel, told_apart
from service.calls.picture import Change, Picture
from service.calls.record import CallRecord, LegRecord

LINKEDID = "CHANNEL(linkedid)"
DIALLED = "CALLERID(dnid)"
CALL = "PATCHBAY_CALL"
LEG = "PATCHBAY_LEG"
CHANNELVARS = (LINKEDID, DIALLED, CALL, LEG)


def load(
    picture: Picture, channels: Iterable[AriChannel], bridges: Iterable[AriBridge], endpoints: Iterable[Endpoint]
) -> list[Change]:
    """Fills an empty picture from a snapshot."""
    picture.put_extensions(pair for endpoint in endpoints if (pair := _extension(endpoint)))
    for channel in channels:
        picture.put_channel(_channel(channel))
    for bridge in bridges:
        picture.put_bridge(_bridge(bridge))
    return picture.settle()


def apply(picture: Picture, *events: Event) -> list[Change]:
    """Applies events together; those of other types, and about channels nobody announced, change nothing."""
    for event in events if len(events) == 1 else _news(events):
        REDUCERS.get(event.type, _ignored)(picture, event)
    return picture.settle()


def _news(events: Sequence[Event]) -> Iterable[Event]:
    """Without those that tell nothing but a channel that a later one tells anew: of a call's setup that is half."""
    told: set[str] = set()
    news: list[Event] = []
    for event in reversed(events):
        reducer = REDUCERS.get(event.type)
        if reducer is None:
            continue
        if event.channel:
            if reducer is _channel_changed and event.channel.id in told:
                continue
            told.add(event.channel.id)
        news.append(event)
    return reversed(news)


def _ignored(picture: Picture, event: Event) -> None:
    """Delivered for somebody who waits for it, or not asked for."""


def _channel_created(picture: Picture, event: Event) -> None:
    if event.channel:
        picture.put_channel(_channel(event.channel))


def _channel_changed(picture: Picture, event: Event) -> None:
    _refresh(picture, event.channel)


def _channel_destroyed(picture: Picture, event: Event) -> None:
    if event.channel:
        picture.drop_channel(event.channel.id)


def _dial(picture: Picture, event: Event) -> None:
    _refresh(picture, event.caller)
    _refresh(picture, event.peer)


def _entered_bridge(picture: Picture, event: Event) -> None:
    _refresh(picture, event.channel)
    if not event.bridge or not event.channel or picture.channel(event.channel.id) is None:
        return
    bridge = _bridge(event.bridge)
    picture.put_bridge(bridge)
    if bridge.basic:
        _share_linkedid(picture, bridge, event.channel.id)


def _left_bridge(picture: Picture, event: Event) -> None:
    _refresh(picture, event.channel)
    _bridge_changed(picture, event)


def _bridge_changed(picture: Picture, event: Event) -> None:
    if event.bridge and picture.bridge(event.bridge.id):
        picture.put_bridge(_bridge(event.bridge))


def _bridge_created(picture: Picture, event: Event) -> None:
    if event.bridge:
        picture.put_bridge(_bridge(event.bridge))


def _bridge_destroyed(picture: Picture, event: Event) -> None:
    if event.bridge:
        picture.drop_bridge(event.bridge.id)


REDUCERS: dict[str, Callable[[Picture, Event], None]] = {
    "ChannelCreated": _channel_created,
    "ChannelStateChange": _channel_changed,
    "ChannelDialplan": _channel_changed,
    "ChannelCallerId": _channel_changed,
    "ChannelDestroyed": _channel_destroyed,
    "Dial": _dial,
    "ChannelEnteredBridge": _entered_bridge,
    "ChannelLeftBridge": _left_bridge,
    "BridgeCreated": _bridge_created,
    "BridgeMerged": _bridge_changed,
    "BridgeDestroyed": _bridge_destroyed,
}


def _refresh(picture: Picture, told: AriChannel | None) -> None:
    if told and picture.channel(told.id):
        picture.put_channel(_channel(told))


def _share_linkedid(picture: Picture, bridge: Bridge, entered: str) -> None:
    """A merge of two calls raises no event of its own: whoever is in the bridge has the newcomer's linkedid now."""
    newcomer = picture.channel(entered)
    for member_id in bridge.channels:
        member = picture.channel(member_id)
        if newcomer and member and member.linkedid != newcomer.linkedid:
            picture.put_channel(replace(member, linkedid=newcomer.linkedid))


def _channel(told: AriChannel) -> Channel:
    variables = told.channelvars
    return Channel(
        id=told.id,
        name=told.name,
        state=told.state,
        number=told.caller.number,
        app=told_apart(told.dialplan.app_name),
        created=told.creationtime.timestamp(),
        linkedid=variables.get(LINKEDID) or told.id,
        dialled=variables.get(DIALLED) or _dialled_at_first(told),
        tenantid=told.tenantid,
        call=CallRecord.parse(variables.get(CALL, "")),
        leg=LegRecord.parse(variables.get(LEG, "")),
    )


def _dialled_at_first(told: AriChannel) -> str:
    """An incoming channel is announced before CALLERID(dnid) is set; what it asks for is the extension it begins in."""
    return told.dialplan.exten if told.state == "Ring" and not told.dialplan.app_name else ""


def _bridge(told: AriBridge) -> Bridge:
    return Bridge(
        id=told.id,
        name=told.name,
        holding=told.bridge_type == "holding",
        basic=told.bridge_class == "basic",
        created=told.creationtime.timestamp(),
        channels=frozenset(told.channels),
    )


def _extension(endpoint: Endpoint) -> tuple[str, str] | None:
    extension, at, domain = endpoint.resource.rpartition("@")
    return (extension, domain) if at and extension and domain else None
