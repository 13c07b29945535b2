"""The lines of the audit log, and what they say."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum

LONGEST = 200  # characters of a value: a client chooses some of them


class Event(StrEnum):
    """What happened to a supervision."""

    RUNG = "rung"  # the supervisor is about to be rung
    REFUSED = "refused"  # what was asked for was not done
    HEARS = "hears"  # the supervisor has answered and is about to hear the call
    MODE = "mode"  # the mode, or the leg spied on, is about to be changed
    HOLDS = "holds"  # of changes that two replicas made at once, the one that came of it
    FOLLOWS = "follows"  # the call has another leg or another party, which the supervisor is about to hear
    TONE = "tone"  # the parties hear the tone from now on, through this leg
    CONTINUES = "continues"  # a service that has just started takes over
    ENDED = "ended"


# Lines equal in these are one: replicas that share a file see the same things.
SAME: Mapping[Event, tuple[str, ...]] = {
    Event.HEARS: ("event", "key"),
    Event.HOLDS: ("key", "leg", "mode"),
    Event.FOLLOWS: ("event", "key", "leg", "mode", "source", "destination"),
    Event.TONE: ("event", "key", "leg"),
    Event.ENDED: ("event", "key"),
}


@dataclass(frozen=True, slots=True)
class By:
    """On whose request: the token's name and the request's id."""

    token: str
    request: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, as far as it is about the supervision; of what was refused as far as the client said it."""

    event: Event
    tenant: str = ""
    supervisor: str = ""
    mode: str = ""
    call: str = ""
    leg: str = ""
    source: str = ""
    destination: str = ""
    key: str = ""
    token: str = ""
    request: str = ""
    reason: str = ""

    def render(self, now: datetime, app: str, instance: str) -> bytes:
        """The line. `now` is in UTC; whatever a client chose is escaped and cut."""
        told = {name: str(value)[:LONGEST] for name, value in asdict(self).items()}
        time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({"time": time, **told, "app": app, "instance": instance}).encode()

    def stands_in(self, lines: Iterable[bytes]) -> bool:
        """Whether one of the lines says the same of the same supervision; of what holds only its last one can."""
        names = SAME[self.event]
        wanted = [getattr(self, name) for name in names]
        own = [_read(line) for line in lines if self.key.encode() in line]
        if self.event is Event.HOLDS:
            own = own[-1:]
            if any(line.get("event") == Event.ENDED for line in own):
                return True
        return any([line.get(name) for name in names] == wanted for line in own)


def going_on(lines: Iterable[bytes]) -> dict[str, Entry]:
    """The last line of each supervision that has no end yet, by key. What is no line of ours is passed over."""
    found: dict[str, Entry] = {}
    for line in lines:
        entry = _entry(_read(line))
        if entry and entry.key:
            found[entry.key] = entry
    return {key: entry for key, entry in found.items() if entry.event is not Event.ENDED}


_NAMES = [field.name for field in fields(Entry)]


def _entry(told: Mapping[str, str]) -> Entry | None:
    try:
        return replace(Entry(**{name: told[name] for name in _NAMES}), event=Event(told["event"]))  # type: ignore[arg-type]
    except (KeyError, ValueError):
        return None


def _read(line: bytes) -> Mapping[str, str]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and all(isinstance(value, str) for value in told.values()) else {}
