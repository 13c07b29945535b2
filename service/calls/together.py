"""Which events may be applied at one time: what comes in one go is read as one change, but for what has to be seen.

A call is then read anew five times in its life instead of sixteen, and whoever listens is told as often.
"""

from collections.abc import Iterable, Iterator

from service.ari.models import Event
from service.calls.reduce import LINKEDID
from service.ids import OURS

BEGIN, END = "ChannelCreated", "ChannelDestroyed"
# What may make a call one that is answered; before it ends it is to be seen so.
TURNS = frozenset((BEGIN, "ChannelStateChange", "ChannelEnteredBridge"))
BRIDGED = frozenset(("ChannelEnteredBridge", "ChannelLeftBridge"))


def parts(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The events in parts to be applied together, in order.

    Between two parts a call is seen as it begins, before it rings another phone, in the park and out of it, and as it
    was before its end. Each event about a channel or a bridge of ours is a part of its own: what a supervisor heard for
    a moment has been heard.
    """
    part: list[Event] = []
    turned = False
    for event in events:
        alone = _is_ours(event)
        if part and (alone or event.type == BEGIN or (turned and event.type == END)):
            yield part
            part, turned = [], False
        part.append(event)
        turned = turned or event.type in TURNS
        if alone or _begins(event) or _parks(event):
            yield part
            part, turned = [], False
    if part:
        yield part


def _is_ours(event: Event) -> bool:
    channel, bridge = event.channel, event.bridge
    return (channel is not None and channel.id.startswith(OURS)) or (bridge is not None and bridge.id.startswith(OURS))


def _begins(event: Event) -> bool:
    """Whether it makes the first channel of a call."""
    channel = event.channel
    return event.type == BEGIN and channel is not None and channel.channelvars.get(LINKEDID) == channel.id


def _parks(event: Event) -> bool:
    bridge = event.bridge
    return event.type in BRIDGED and bridge is not None and bridge.bridge_type == "holding"
