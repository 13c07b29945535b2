"""The service dies and comes back: the same calls under the same ids, every one of them under control."""

import time

import pytest

from tests.instruments.audibility import Table
from tests.instruments.faulty import restart
from tests.instruments.moves import TARGET, call_apart, extension, full_row, moved, parked, wait_row
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, INBOUND
from tests.instruments.stage import MOBILE, Stage

pytestmark = pytest.mark.owns


def phones(stage: Stage) -> dict[str, Phone]:
    answering = {
        number: extension(stage, number, tone, answer=0.0)
        for tone, number in enumerate(("102", "103", "104", "105"), 2)
    }
    return {"101": extension(stage, "101", 1), **answering, "mobile": stage.mobile(0, answer=0.0)}


def test_calls_up_parked_and_being_rung_are_listed_as_before(stage: Stage) -> None:
    """Then the talking one is transferred, the parked one taken out, and the ringing one answered and transferred."""
    parties = phones(stage)
    stage.start(**parties)
    talking = stage.acme.click("102", "103")
    parties["103"].wait_established()
    waiting = stage.acme.click("104", MOBILE)
    parties["mobile"].wait_established()
    ringing = stage.acme.click("101", "105")
    parties["101"].wait_ringing()
    stage.acme.wait_row(waiting, lambda row: row["state"] == "CS_EXECUTE" and row["ip"] != "")
    stage.acme.do("park", waiting, legs="aleg")
    states = {talking: "CS_EXECUTE", waiting: "CS_PARK", ringing: "CS_CONSUME_MEDIA"}
    for call_id in states:
        stage.acme.wait_row(call_id, lambda row: row["state"] == states[row["call_id"]] and row["ip"] != "")
    before = stage.acme.calls()
    assert len(before) == 3

    restart(stage)

    rows = {row["call_id"]: row for row in before}
    eventually(lambda: stage.acme.calls() == before, message=f"not the rows of before: {before}")
    stage.acme.do("transfer", waiting, ext="104", legs="bleg")
    wait_row(stage.acme, {**rows[waiting], "state": "CS_EXECUTE", "ip": "127.0.0.104"})
    parties["101"].answer()
    wait_row(stage.acme, {**rows[ringing], "state": "CS_EXECUTE"})
    stage.acme.do("transfer", talking, ext="103", legs="aleg")
    wait_row(stage.acme, rows[talking])
    Table(parties).expect(
        {
            "102": ["103"],
            "103": ["102"],
            "104": ["mobile"],
            "mobile": ["104"],
            "101": ["105"],
            "105": ["101"],
        },
        deadline=15,
    )


def test_calls_begun_and_ended_without_the_service(stage: Stage) -> None:
    """It finds the one that began meanwhile, and no ghost of the one that ended."""
    scene = call_apart(stage, INBOUND, other=extension(stage, "103", 3), target=extension(stage, TARGET, 4, answer=0.0))
    stage.service.kill()
    scene.agent.hangup()
    scene.far.wait_idle()
    scene.parties["other"].dial("101")
    scene.parties["other"].wait_established()
    stage.serve()
    (row,) = stage.acme.calls()
    assert (row["source"], row["destination"], row["direction"]) == ("103", "101", "local")
    assert row["call_id"] != scene.call_id
    stage.acme.do("transfer", row["call_id"], ext=TARGET, legs="aleg")
    scene.hears({"other": "target", "target": "other"})


def test_a_transferred_call_keeps_its_id_and_sides(stage: Stage) -> None:
    """Twice transferred, its first leg gone, it is the same call to a new process."""
    scene = call_apart(
        stage,
        CLICK,
        first=extension(stage, "102", 3, answer=0.0),
        second=extension(stage, "103", 4, answer=0.0),
    )
    before = full_row(scene)
    for number, name in (("102", "first"), ("103", "second")):
        scene.acme.do("transfer", scene.call_id, ext=number, legs="bleg")
        scene.hears({"far": name, name: "far"})
        restart(stage)
        wait_row(scene.acme, moved(before, "bleg", number))


def test_a_parked_call_ends_in_time_without_the_service(stage: Stage) -> None:
    """Killed while the mobile waits: the park's ten seconds are Asterisk's."""
    scene = call_apart(stage, CLICK)
    before = full_row(scene)
    scene.acme.do("park", scene.call_id, legs="aleg")
    start = time.monotonic()
    wait_row(scene.acme, parked(before, "aleg"))
    stage.service.kill()
    scene.hears({"far": "music"})
    scene.far.wait_idle(12)
    assert 9 < time.monotonic() - start < 12
    stage.serve()
    assert scene.acme.calls() == []
