"""Channels and bridges as the picture keeps them, and the calls that are read out of them."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from service.calls.record import CallRecord, Direction, LegRecord, Side

# Channels that Asterisk makes for its own purposes; a party to a call is never one of them.
INTERNAL = frozenset(
    (
        "Local",
        "Snoop",
        "Announcer",
        "Recorder",
        "CBAnn",
        "CBRec",
        "Surrogate",
        "Bridge",
        "Message",
        "UnicastRTP",
        "MulticastRTP",
        "AudioSocket",
        "WebSocket",
        "Async",
    )
)
# What `app_name` says of a leg that calls others, and between their end and its own.
DIALLING = "Dial"
# What it says of a leg that somebody else's Dial(), Queue() or originate holds.
HELD_BY_ANOTHER = frozenset(("", "AppDial", "AppDial2", "AppQueue"))
# Any other application is as good as the next: a leg that goes from one to another has not changed.
ANY_OTHER = "other"
# The states of a channel that Asterisk calls and that has not answered; one that calls Asterisk is in Ring.
RUNG = frozenset(("Down", "Ringing"))
PARK_BRIDGE = "park-"

# Sorts calls oldest first; within a second by the number at the end of Asterisk's linkedids, which grows. Ends in the
# call's id, so that no two are the same.
Age = tuple[int, int, str, str]


class State(StrEnum):
    """FreeSWITCH's words for what the aleg is doing."""

    INIT = "CS_INIT"
    CONSUME_MEDIA = "CS_CONSUME_MEDIA"
    EXECUTE = "CS_EXECUTE"
    PARK = "CS_PARK"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of Asterisk. `created` is in seconds since 1970; `dialled` is what an incoming channel asked for.

    What follows from the name is asked for often: `endpoint` is extension and domain, when the channel is one of a
    tenant's phones; `internal` is what no party to a call is; `age_key` sorts channels oldest first, those made in the
    same millisecond by the number that Asterisk gives them.
    """

    id: str
    name: str
    state: str
    number: str
    app: str
    created: float
    linkedid: str
    dialled: str
    tenantid: str
    call: CallRecord | None
    leg: LegRecord | None
    internal: bool = field(init=False, compare=False)
    endpoint: tuple[str, str] | None = field(init=False, compare=False)
    age_key: tuple[float, str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        internal, endpoint, serial = _told_by_name(self.name)
        object.__setattr__(self, "internal", internal)
        object.__setattr__(self, "endpoint", endpoint)
        object.__setattr__(self, "age_key", (self.created, serial))

    @property
    def technology(self) -> str:
        return _technology(self.name)

    @property
    def resource(self) -> str:
        """What the channel leads to; of a Snoop: the id of the channel it spies on."""
        return _resource(self.name)

    @property
    def up(self) -> bool:
        return self.state == "Up"

    @property
    def rung(self) -> bool:
        """True for a leg that is called and has not answered."""
        return self.state in RUNG

    @property
    def side(self) -> Side:
        """The side it has of its own: what we gave it, else the caller's when it came in, else the called party's."""
        if self.leg:
            return self.leg.side
        return Side.ALEG if self.dialled else Side.BLEG

    @property
    def runs_own_application(self) -> bool:
        """True for a leg that is in the dialplan by itself; one that is rung may run what Dial()'s option b names."""
        return not self.rung and self.app not in HELD_BY_ANOTHER


@dataclass(frozen=True, slots=True)
class Bridge:
    """One bridge of Asterisk and the ids of the channels in it. `created` is in seconds since 1970."""

    id: str
    name: str
    holding: bool
    basic: bool
    created: float
    channels: frozenset[str]

    @property
    def parking(self) -> bool:
        return self.holding and self.name.startswith(PARK_BRIDGE)


@dataclass(frozen=True, slots=True)
class Leg:
    """One party of a call, as its tenant sees it.

    `extension` is set for the tenant's own phones and for nobody else's; `movable` means that taking it away from
    where it is does not break the call that rings it.
    """

    channel: Channel
    side: Side
    extension: str | None
    number: str
    movable: bool

    @property
    def id(self) -> str:
        return self.channel.id

    @property
    def up(self) -> bool:
        return self.channel.up


@dataclass(frozen=True, slots=True)
class Call:
    """One conversation of one tenant. `created` is in seconds since 1970; `channels` are the ids of all its legs."""

    id: str
    domain: str
    linkedid: str
    direction: Direction
    created: int
    source: str
    destination: str
    state: State
    aleg: Leg | None
    bleg: Leg | None
    channels: frozenset[str]
    aliases: frozenset[str]

    @property
    def age(self) -> Age:
        return self.created, len(self.linkedid), self.linkedid, self.id

    @property
    def parked(self) -> bool:
        return self.state is State.PARK

    @property
    def legs(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in (self.aleg, self.bleg) if leg)

    @property
    def answered(self) -> bool:
        return len(self.legs) == 2 and all(leg.up for leg in self.legs)

    @property
    def signalling_leg(self) -> Leg | None:
        """The leg whose address the list shows: the aleg's, or the one that waits while the call is parked."""
        if self.parked:
            return self.legs[0] if self.legs else None
        return self.aleg

    def leg(self, side: Side) -> Leg | None:
        return self.aleg if side is Side.ALEG else self.bleg

    def record(self) -> CallRecord:
        """What has to stand on the call's channels for it to be the same call after one of its legs has moved."""
        return CallRecord(self.id, self.domain, self.direction, self.created, self.source, self.destination)


def told_apart(app_name: str) -> str:
    """An application as far as it matters to a call which one it is."""
    return app_name if app_name == DIALLING or app_name in HELD_BY_ANOTHER else ANY_OTHER


def _technology(name: str) -> str:
    return name.partition("/")[0]


def _resource(name: str) -> str:
    return name.partition("/")[2].rpartition("-")[0]


@lru_cache(maxsize=1024)  # a channel is told of some ten times in its life, most of them within a second
def _told_by_name(name: str) -> tuple[bool, tuple[str, str] | None, str]:
    """Whether it is internal, its endpoint, and its serial number."""
    internal = _technology(name) in INTERNAL
    return internal, None if internal else _endpoint(_resource(name)), name.rpartition("-")[2]


def _endpoint(resource: str) -> tuple[str, str] | None:
    extension, at, domain = resource.rpartition("@")
    return (extension, domain) if at and extension and domain else None
