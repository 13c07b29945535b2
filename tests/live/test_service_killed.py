"""kill -9 of the service in a busy moment: Asterisk keeps every call, and the next process has them all in hand.

Twenty calls talk, three of them supervised, and two more are parked. The supervised ones are real phones, whose sound
is measured; so is that of one parked phone. The other seventeen are sipp's, which speaks at one end and sends back what
it hears at the other: of all forty legs Asterisk's own counters must go up, of packets from the phone and to it.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.instruments.audibility import MUSIC_NAME, Table
from tests.instruments.client import Client, Row
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.sipp import Sipp, answerers, callers
from tests.instruments.stage import ACME, GLOBEX, MOBILE, Stage
from tests.instruments.supervision import LISTEN, WHISPER
from tests.instruments.witness import Witness

pytestmark = [pytest.mark.owns, pytest.mark.usefixtures("service_afterwards")]

CROWD = 18
"""Calls of sipp's, from 105 of globex to the carrier; one of them is parked."""

TALKING, PARKED = 20, 2

OTHERS = {
    "seller": "seller",
    "lead": "seller",
    "clerk": "partner chief",
    "partner": "clerk",
    "chief": "clerk partner",
}
"""Who hears whom from beginning to end; the seller's mobile is an echo."""


class Hour:
    """The calls, and whose phones are in which."""

    def __init__(self, stage: Stage, crowd: Sipp) -> None:
        self.stage = stage
        self.crowd = crowd
        self.witness = Witness(stage)
        self.waiting = stage.phone("104", 1, GLOBEX, answer=0.0)
        self.phones: dict[str, Phone] = {
            "agent": stage.phone("101", 1),
            "other": stage.phone("102", 2, answer=0.0),
            "boss": stage.phone("103", 3, answer=0.0),
            "seller": stage.phone("104", 4),
            "lead": stage.phone("105", 5, answer=0.0),
            "clerk": stage.phone("101", 6, GLOBEX),
            "partner": stage.phone("102", 7, GLOBEX, answer=0.0),
            "chief": stage.phone("103", 0, GLOBEX, answer=0.0),
        }
        self.table = stage.start(**self.phones)
        self.waiting.start()

    def begin(self) -> None:
        """Everybody calls, and those who supervise are let in."""
        for caller, number in (("agent", "102"), ("clerk", "102"), ("seller", MOBILE)):
            self.phones[caller].dial(number)
        self.waiting.dial(MOBILE)
        eventually(lambda: len(self.rows()) == TALKING + PARKED and self.stage.settled(), deadline=15)
        for client, mode, source, extension in (
            (self.stage.acme, LISTEN, "101", "103"),
            (self.stage.acme, LISTEN, "104", "105"),
            (self.stage.globex, WHISPER, "101", "103"),
        ):
            client.do(mode, of(client, source)[0], ext=extension)

    def rows(self) -> list[Row]:
        """Both tenants' calls, oldest first in each."""
        return [*self.stage.acme.calls(), *self.stage.globex.calls()]

    def expect(self, **heard: str) -> None:
        """Who hears whom beside `OTHERS`, apart by spaces; whoever is not named hears nobody."""
        everybody = OTHERS | heard
        self.table.expect({listener: voices.split() for listener, voices in everybody.items()}, deadline=15)

    def legs(self) -> set[str]:
        """The channels of all phones that talk to another phone."""
        phones = set(self.witness.ids("PJSIP/"))
        mixing = (bridge for bridge in self.witness.bridges() if bridge["bridge_type"] == "mixing")
        pairs = (set(bridge["channels"]) for bridge in mixing)
        return {leg for pair in pairs if len(pair) == 2 and pair <= phones for leg in pair}

    def flowing(self, legs: set[str]) -> None:
        """Waits until sound has come from each of these legs' phones, and gone to it, once more."""
        before = self.witness.packets()

        def went_on() -> bool:
            return more(before, now := self.witness.packets()) >= legs and legs <= now.keys()

        eventually(went_on, message="not every leg has sound", pause=0.1)


def more(before: Mapping[str, tuple[int, int]], now: Mapping[str, tuple[int, int]]) -> set[str]:
    """Those whose counters have all gone up."""
    return {one for one in before.keys() & now.keys() if now[one][0] > before[one][0] and now[one][1] > before[one][1]}


def of(client: Client, source: str) -> list[str]:
    """Ids of the calls that this number makes, oldest first."""
    return [row["call_id"] for row in client.calls() if row["source"] == source]


@contextmanager
def busy_hour(stage: Stage) -> Iterator[Hour]:
    with (
        answerers(stage),
        callers(stage, "105", MOBILE, GLOBEX, calls=CROWD, rate=20.0, talk=True) as crowd,
    ):
        hour = Hour(stage, crowd)
        try:
            hour.begin()
            yield hour
        finally:
            stage.pbx.cli("channel request hangup all")  # while there is somebody to take it


def test_a_busy_service_is_killed(stage: Stage) -> None:
    """All talk on, the parked end in time, a hang-up counts; the rest is listed as before and can be operated on."""
    with busy_hour(stage) as hour:
        hour.expect(agent="other", other="agent", boss="agent other")
        parked_at = park_two(hour)
        before, legs = hour.rows(), hour.legs()
        assert (len(before), len(legs)) == (TALKING + PARKED, 2 * TALKING)
        stage.service.kill()
        without_the_service(hour, legs, parked_at)
        stage.serve()
        with_the_next(hour, before)
        over(hour)


def park_two(hour: Hour) -> float:
    """The extension of one call, the mobile of another; when it was asked for the first."""
    globex, parked_at = hour.stage.globex, time.monotonic()
    globex.do("park", of(globex, "104")[0], legs="bleg")
    globex.do("park", of(globex, "105")[0], legs="aleg")
    eventually(lambda: [row["state"] for row in hour.rows()].count("CS_PARK") == PARKED, message="not parked")
    return parked_at


def without_the_service(hour: Hour, legs: set[str], parked_at: float) -> None:
    """All talk on, but for one call that is hung up; its supervisor stays. The parked wait for their ten seconds."""
    hour.expect(agent="other", other="agent", boss="agent other")
    hour.flowing(legs)
    Table({"waiting": hour.waiting}).expect({"waiting": [MUSIC_NAME]})
    hour.phones["agent"].hangup()
    hour.phones["other"].wait_idle()
    hour.waiting.wait_idle(12)
    eventually(lambda: not any(name.startswith("park-") for name in hour.stage.bridges()), message="still parked")
    assert 9 < time.monotonic() - parked_at < 12
    assert len(hour.legs() & legs) == 2 * (TALKING - 1)
    hour.flowing(hour.legs())
    assert len(hour.phones["boss"].calls) == 1


def with_the_next(hour: Hour, before: list[Row]) -> None:
    """What goes on is listed as before, in every field; one supervisor is let go; a transfer, a park, a listen."""
    acme, globex = hour.stage.acme, hour.stage.globex
    gone = [row for row in before if row["state"] == "CS_PARK" or (row["context"], row["source"]) == (ACME, "101")]
    left = [row for row in before if row not in gone]
    assert len(left) == TALKING - 1
    eventually(lambda: hour.rows() == left, message=f"not the rows of before: {left}")
    hour.phones["boss"].wait_idle()
    moved, parked, *_ = of(globex, "105")
    globex.do("transfer", moved, ext="104", legs="bleg")
    globex.do("park", parked, legs="aleg")
    acme.do("listen", of(acme, "104")[0], ext="103")
    globex.wait_row(moved, lambda row: row["source"] == "104" and row["state"] == "CS_EXECUTE")
    globex.wait_row(parked, lambda row: row["state"] == "CS_PARK")
    hour.expect(boss="seller")
    Table({"waiting": hour.waiting}).expect({"waiting": ["waiting"]})


def over(hour: Hour) -> None:
    """All are hung up: nothing is left, and no call of sipp's had another end than that."""
    hour.stage.pbx.cli("channel request hangup all")
    eventually(lambda: not hour.stage.channels() + hour.stage.bridges() + hour.rows(), message="something is left")
    told = hour.crowd.wait(5)
    assert (told.answered, told.released, told.failed) == (CROWD, CROWD, 0), hour.crowd.told()
