"""The signalling addresses the list shows: asked of Asterisk once for each leg that is to be shown."""

import re
from collections import deque
from collections.abc import Callable, Sequence

from service.ari.client import AriClient
from service.ari.errors import AriError
from service.ari.models import Event
from service.background import Background
from service.calls.model import Call, Channel, Leg
from service.calls.picture import Change
from service.live import Live

INCOMING = "CHANNEL(pjsip,remote_addr)"
OUTGOING = "CHANNEL(pjsip,target_uri)"
AT_ONCE = 4  # at a start thousands are asked for, and an operation's requests are not to stand in line behind them

_HOST = re.compile(r"(?:sips?:)?(?:[^@>]*@)?(\[[0-9A-Fa-f:.]+\]|[^:;?>]+)")


class Addresses:
    """Addresses by channel id, filled in the background; `listeners` are told of each channel whose address comes."""

    def __init__(self, live: Live, background: Background) -> None:
        self.live = live
        self._background = background
        self.listeners: list[Callable[[str], None]] = []
        self._known: dict[str, str] = {}
        self._due: deque[Channel] = deque()
        self._asking = 0

    def of(self, leg: Leg | None) -> str:
        """The address of a leg, without port; "" while unknown."""
        return self._known.get(leg.id, "") if leg else ""

    def notice(self, events: Sequence[Event], changes: Sequence[Change]) -> None:
        """A listener of `Live`: asks for the legs that have come, forgets those that have gone."""
        if not events:
            self._due.clear()
            self._known = {leg: host for leg, host in self._known.items() if host and self.live.picture.channel(leg)}
        for event in events:
            if event.type == "ChannelDestroyed" and event.channel:
                self._known.pop(event.channel.id, None)
        calls = list(self.live.picture.all_calls()) if not events else [c.after for c in changes if c.after]
        for call in calls:
            self._ask_for(call)

    def _ask_for(self, call: Call) -> None:
        leg = call.signalling_leg
        if leg and leg.id not in self._known and leg.channel.state != "Down":
            self._known[leg.id] = ""
            self._due.append(leg.channel)
            if self._asking < AT_ONCE:
                self._asking += 1
                self._background.start(self._ask_all(), "addresses")

    async def _ask_all(self) -> None:
        """One of those who ask; ends when nothing is left to ask."""
        try:
            while self._due:
                await self._ask(self._due.popleft())
        finally:
            self._asking -= 1

    async def _ask(self, channel: Channel) -> None:
        if channel.id not in self._known:
            return
        address = await ask(self.live.ari, channel)
        if address and channel.id in self._known:
            self._known[channel.id] = address
            for listener in self.listeners:
                listener(channel.id)


async def ask(ari: AriClient, channel: Channel) -> str:
    """The far end's address of a PJSIP channel; "" for any other, or when Asterisk does not tell."""
    if channel.technology != "PJSIP":
        return ""
    try:
        text = await ari.channels_get_variable(channel.id, INCOMING if channel.dialled else OUTGOING)
    except AriError:
        return ""
    return host(text)


def host(text: str) -> str:
    """The host in an address with port, or in a SIP URI; "" when there is none."""
    found = _HOST.match(text.strip().strip("<>"))
    return found.group(1).strip("[]") if found else ""
