"""Supervisions, read out of the bridges, phones and Snoop channels that carry their ids."""

from dataclasses import dataclass
from enum import StrEnum

from service import ids
from service.calls.model import Bridge, Channel

_PREFIX = "patchbay"


class Mode(StrEnum):
    """What a supervisor does: hears both; is heard by the extension as well; is heard by both."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"


@dataclass(frozen=True, slots=True)
class Target:
    """What a supervision's bridge is named after: whose supervisor is on which call, and on which leg at first."""

    domain: str
    extension: str
    call_id: str
    leg: str

    def render(self) -> str:
        return "/".join((_PREFIX, self.domain, self.extension, self.call_id, self.leg))

    @classmethod
    def parse(cls, name: str) -> "Target | None":
        """The target in a bridge's name, None for a bridge that is not a supervision's."""
        parts = name.split("/")
        return cls(*parts[1:]) if len(parts) == 5 and parts[0] == _PREFIX else None


@dataclass(frozen=True, slots=True)
class Snoop:
    """A Snoop channel: in which mode it spies on which leg, and whether the supervisor hears it.

    `age` sorts Snoops oldest first.
    """

    id: str
    mode: Mode
    leg: str
    age: tuple[float, str]
    bridged: bool


@dataclass(frozen=True, slots=True)
class Supervision:
    """One supervisor on one call. `phone` is None before it is rung and after it has gone; `snoops`, oldest first.

    `tones` are the Snoop channels through which its parties hear that they are supervised, oldest first.
    """

    key: str
    target: Target
    created: float
    phone: Channel | None
    phone_bridged: bool
    snoops: tuple[Snoop, ...]
    tones: tuple[Channel, ...] = ()

    @property
    def age(self) -> tuple[float, str]:
        """Sorts supervisions oldest first, in every replica alike."""
        return self.created, self.key

    @property
    def references(self) -> tuple[str, ...]:
        """The ids that lead to its call, the likeliest first; after a merge the call has another than the first."""
        return self.target.call_id, self.target.leg, *(snoop.leg for snoop in self.snoops)

    @property
    def heard(self) -> Snoop | None:
        """The Snoop in force: of those the supervisor hears the newest, which is to replace the others."""
        return next((snoop for snoop in reversed(self.snoops) if snoop.bridged), None)

    @property
    def mode(self) -> Mode | None:
        """The mode in force."""
        return self.heard.mode if self.heard else None


def read(key: str, bridge: Bridge, members: list[Channel]) -> Supervision | None:
    """The supervision of a bridge of ours; `members` are all channels that carry its key."""
    target = Target.parse(bridge.name)
    if target is None:
        return None
    phone = next((channel for channel in members if channel.id == ids.phone_id(key)), None)
    ordered = sorted(members, key=lambda channel: channel.age_key)
    return Supervision(
        key=key,
        target=target,
        created=bridge.created,
        phone=phone,
        phone_bridged=phone is not None and phone.id in bridge.channels,
        snoops=tuple(snoop for channel in ordered if (snoop := _snoop(channel, bridge))),
        tones=tuple(channel for channel in ordered if ids.is_tone(channel.id)),
    )


def _snoop(channel: Channel, bridge: Bridge) -> Snoop | None:
    mode = ids.snoop_mode(channel.id)
    if mode is None:
        return None
    return Snoop(channel.id, Mode(mode), channel.resource, channel.age_key, channel.id in bridge.channels)
