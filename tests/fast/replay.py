"""Plays recordings (`python -m tests.record` makes them) into a picture, as service/live.py does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.ari.models import Bridge, Channel, Endpoint, Event
from service.calls import reduce
from service.calls.model import Call
from service.calls.picture import Change, Picture
from tests.instruments.recorder import read

RECORDINGS = Path(__file__).parents[1] / "recordings"
NAMES = sorted(file.stem for file in RECORDINGS.glob("*.jsonl"))
TENANTS = ("acme.test", "globex.test")


@dataclass(frozen=True)
class Snapshot:
    """All channels, bridges and endpoints at a quiet moment."""

    name: str
    channels: list[Channel]
    bridges: list[Bridge]
    endpoints: list[Endpoint]

    @classmethod
    def of(cls, name: str, taken: dict[str, list[Any]]) -> "Snapshot":
        return cls(
            name,
            [Channel.model_validate(one) for one in taken["channels"]],
            [Bridge.model_validate(one) for one in taken["bridges"]],
            [Endpoint.model_validate(one) for one in taken["endpoints"]],
        )

    def picture(self) -> Picture:
        """What a service that starts now knows."""
        picture = Picture()
        reduce.load(picture, self.channels, self.bridges, self.endpoints)
        return picture


Step = Snapshot | Event


def steps(name: str) -> list[Step]:
    """A recording's snapshots and events, in order; the first is a snapshot."""
    return [
        Snapshot.of(line["name"], line["snapshot"]) if "snapshot" in line else Event.model_validate(line["event"])
        for line in read(RECORDINGS / f"{name}.jsonl")
    ]


def start(recorded: Iterable[Step]) -> Picture:
    """The picture at the beginning of a recording."""
    first = next(iter(recorded))
    assert isinstance(first, Snapshot)
    return first.picture()


def events(recorded: Iterable[Step]) -> Iterator[Event]:
    return (step for step in recorded if isinstance(step, Event))


@dataclass
class Story:
    """What tenants saw of a recording: each call's rows without repetition, and its ids."""

    rows: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def told(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if call := change.after:
                seen = self.rows.setdefault((call.domain, call.id), [])
                if not seen or seen[-1] != row(call):
                    seen.append(row(call))
            elif call := change.before:
                self.rows[call.domain, call.id].append("over")

    @property
    def calls(self) -> list[list[str]]:
        """The rows of each call, but for the instant at its end in which one leg goes after the other, in any order."""
        return [_without_the_last_instant(rows) for rows in self.rows.values()]


def _without_the_last_instant(rows: list[str]) -> list[str]:
    lived = rows[:-1] if rows[-1] == "over" else rows
    while len(lived) > 1 and lived[-1].count("leg=") < lived[-2].count("leg="):
        lived = lived[:-1]
    return lived + rows[-1:] if rows[-1] == "over" else lived


def story(recorded: list[Step]) -> Story:
    """Plays a recording from its beginning to its end."""
    told, picture = Story(), start(recorded)
    for event in events(recorded):
        told.told(reduce.apply(picture, event))
    return told


def row(call: Call) -> str:
    """A call in a line: direction, source > destination, state, and which extension or number each leg is."""
    legs = " ".join(f"{leg.side}={leg.extension or 'outside'}{'' if leg.up else '?'}" for leg in call.legs)
    return f"{call.direction} {call.source} > {call.destination} {call.state} {legs}".strip()


def contents(picture: Picture) -> dict[str, Any]:
    """All that a picture holds and all that can be asked of it."""
    return {
        "calls": sorted((call.domain, call.id, call) for call in picture.all_calls()),
        "supervisions": {found.key: found for found in picture.supervisions()},
        "channels": picture._channels,
        "bridges": picture._bridges,
        "bridge_of": picture._bridge_of,
        "by_linkedid": picture._by_linkedid,
        "by_name": picture._by_name,
        "by_key": picture._by_key,
    }
