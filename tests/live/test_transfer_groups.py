"""Several phones at once: ring groups, phones registered twice, queues, a conference room."""

import pytest

from tests.instruments.audibility import Table
from tests.instruments.client import Row
from tests.instruments.moves import (
    NOT_ANSWERED,
    PARK_FAILED,
    TARGET,
    address,
    answer_of,
    extension,
    moved,
    parked,
    wait_fields,
    wait_row,
)
from tests.instruments.phone import Phone
from tests.instruments.stage import MOBILE, Stage

GROUP_NUMBER, QUEUE_NUMBER = "02873001235", "02873001236"


def members(stage: Stage, **how: float | None) -> dict[str, Phone]:
    """The two phones of the ring group and of the queue, and the target of transfers."""
    return {
        "first": extension(stage, "102", 2, **how),
        "second": extension(stage, "103", 3, **how),
        "target": extension(stage, TARGET, 4, answer=0.0),
    }


def inbound(stage: Stage, number: str, **parties: Phone) -> tuple[dict[str, Phone], str]:
    """The mobile has called one of the tenant's numbers; all parties and the call's id."""
    everybody = {"mobile": stage.mobile(0), **parties}
    stage.start(**everybody)
    everybody["mobile"].dial(number)
    return everybody, stage.acme.only_call()["call_id"]


def wait_inbound(stage: Stage, call_id: str, destination: str) -> Row:
    return wait_fields(
        stage.acme,
        call_id=call_id,
        context="acme.test",
        source=MOBILE,
        destination=destination,
        direction="inbound",
        ip=address(MOBILE),
        state="CS_EXECUTE",
    )


def test_one_of_a_ring_group_answers(stage: Stage) -> None:
    """All ring, the dialled number stands in the list until one is chosen, the others stop."""
    parties, call_id = inbound(stage, GROUP_NUMBER, **members(stage))
    for name in ("first", "second"):
        parties[name].wait_ringing()
    row = wait_inbound(stage, call_id, GROUP_NUMBER)
    parties["second"].answer()
    parties["first"].wait_idle()
    Table(parties).expect({"mobile": ["second"], "second": ["mobile"]})
    row = wait_inbound(stage, call_id, "103")
    stage.acme.do("transfer", call_id, ext=TARGET, legs="aleg")
    parties["second"].wait_idle()
    Table(parties).expect({"mobile": ["target"], "target": ["mobile"]})
    wait_row(stage.acme, moved(row, "aleg", TARGET))
    assert len(stage.acme.calls()) == 1


def test_the_caller_is_taken_away_from_a_ringing_group(stage: Stage) -> None:
    """legs=aleg while both ring: both stop; the side that is rung cannot be moved."""
    parties, call_id = inbound(stage, GROUP_NUMBER, **members(stage))
    for name in ("first", "second"):
        parties[name].wait_ringing()
    row = wait_inbound(stage, call_id, GROUP_NUMBER)
    assert answer_of(stage.acme.ask("transfer", call_id, ext=TARGET, legs="bleg")) == NOT_ANSWERED
    assert answer_of(stage.acme.ask("park", call_id, legs="bleg")) == PARK_FAILED
    stage.acme.do("transfer", call_id, ext=TARGET, legs="aleg")
    for name in ("first", "second"):
        parties[name].wait_idle()
    Table(parties).expect({"mobile": ["target"], "target": ["mobile"]})
    wait_row(stage.acme, moved(row, "aleg", TARGET))


def test_a_call_is_transferred_to_a_phone_in_a_group_that_rings(stage: Stage) -> None:
    """An extension calls the group, one answers and is parked: the caller waits and goes to the other."""
    parties = {"caller": extension(stage, "101", 1), **members(stage)}
    stage.start(**parties)
    parties["caller"].dial("600")
    for name in ("first", "second"):
        parties[name].wait_ringing()
    row = wait_fields(
        stage.acme,
        call_id=stage.acme.only_call()["call_id"],
        context="acme.test",
        source="101",
        destination="600",
        direction="local",
        ip=address("101"),
        state="CS_EXECUTE",
    )
    parties["first"].answer()
    row = wait_row(stage.acme, {**row, "destination": "102"})
    stage.acme.do("park", row["call_id"], legs="bleg")
    wait_row(stage.acme, parked(row, "bleg"))
    Table(parties).expect({"caller": ["music"]})
    stage.acme.do("transfer", row["call_id"], ext="103", legs="bleg")
    parties["second"].wait_ringing()
    parties["second"].answer()
    Table(parties).expect({"caller": ["second"], "second": ["caller"]})
    wait_row(stage.acme, moved(row, "aleg", "103"))


def twice(stage: Stage, number: str) -> dict[str, Phone]:
    """Two phones registered as one extension."""
    return {
        "desk": stage.phone(number, 2, host=address(number)),
        "laptop": stage.phone(number, 3, host=address(number)),
    }


def test_both_phones_of_the_calling_extension_ring(stage: Stage) -> None:
    """Click-to-call: one answers, the other stops; the mobile is called once."""
    parties = {**twice(stage, "101"), "mobile": stage.mobile(0, answer=0.0)}
    stage.start(**parties)
    call_id = stage.acme.click("101", MOBILE)
    parties["laptop"].wait_ringing()
    parties["desk"].wait_ringing()
    row = wait_fields(stage.acme, **click_row(call_id, MOBILE, state="CS_CONSUME_MEDIA"))
    parties["laptop"].answer()
    parties["desk"].wait_idle()
    Table(parties).expect({"laptop": ["mobile"], "mobile": ["laptop"]})
    wait_row(stage.acme, {**row, "state": "CS_EXECUTE"})
    assert len(parties["mobile"].rings) == 1
    assert len(stage.acme.calls()) == 1


def test_both_phones_of_the_called_extension_ring(stage: Stage) -> None:
    """A click-to-call to an extension; and a transfer to it rings both again."""
    parties = {"caller": extension(stage, "101", 1, answer=0.0), **twice(stage, "102")}
    stage.start(**parties)
    call_id = stage.acme.click("101", "102")
    parties["laptop"].wait_ringing()
    parties["desk"].wait_ringing()
    row = wait_fields(stage.acme, **click_row(call_id, "102", direction="local"))
    parties["desk"].answer()
    parties["laptop"].wait_idle()
    Table(parties).expect({"desk": ["caller"], "caller": ["desk"]})
    stage.acme.do("transfer", call_id, ext="102", legs="aleg")
    parties["laptop"].wait_ringing()
    parties["desk"].wait_rings(2)
    wait_row(stage.acme, row)
    parties["laptop"].answer()
    parties["desk"].wait_idle()
    Table(parties).expect({"laptop": ["caller"], "caller": ["laptop"]})
    wait_row(stage.acme, row)


def click_row(call_id: str, number: str, **but: str) -> Row:
    wanted = {
        "call_id": call_id,
        "context": "acme.test",
        "source": "101",
        "destination": number,
        "direction": "outbound",
        "ip": address("101"),
        "state": "CS_EXECUTE",
    }
    return {**wanted, **but}


def test_a_waiting_caller_and_then_an_agent(stage: Stage) -> None:
    """A queue: music, then an agent answers; the talking caller is parked, and transferred out."""
    parties, call_id = inbound(stage, QUEUE_NUMBER, **members(stage))
    parties["first"].wait_ringing()
    parties["second"].wait_ringing()
    row = wait_inbound(stage, call_id, QUEUE_NUMBER)
    Table(parties).expect({"mobile": ["music"]})
    parties["first"].answer()
    parties["second"].wait_idle()
    Table(parties).expect({"mobile": ["first"], "first": ["mobile"]})
    row = wait_inbound(stage, call_id, "102")
    stage.acme.do("park", call_id, legs="bleg")
    parties["first"].wait_idle()
    Table(parties).expect({"mobile": ["music"]})
    wait_row(stage.acme, parked(row, "bleg"))
    stage.acme.do("transfer", call_id, ext=TARGET, legs="bleg")
    Table(parties).expect({"mobile": ["target"], "target": ["mobile"]})
    wait_row(stage.acme, moved(row, "aleg", TARGET))


@pytest.mark.parametrize("legs", ["aleg", "bleg"])
def test_either_side_of_a_queue_s_call_is_transferred(stage: Stage, legs: str) -> None:
    """The caller is kept, or the agent."""
    parties, call_id = inbound(stage, QUEUE_NUMBER, **members(stage))
    parties["first"].wait_ringing()
    parties["first"].answer()
    Table(parties).expect({"mobile": ["first"], "first": ["mobile"]})
    row = wait_inbound(stage, call_id, "102")
    stage.acme.do("transfer", call_id, ext=TARGET, legs=legs)
    kept, let_go = ("mobile", "first") if legs == "aleg" else ("first", "mobile")
    parties[let_go].wait_idle()
    Table(parties).expect({kept: ["target"], "target": [kept]})
    wait_row(stage.acme, moved(row, legs, TARGET))
    assert len(stage.acme.calls()) == 1


@pytest.mark.parametrize("ringing", [True, False])
def test_a_waiting_caller_is_taken_out_of_the_queue(stage: Stage, ringing: bool) -> None:
    """While agents ring, and while there is none; parked out of the queue as well."""
    agents = members(stage) if ringing else {"target": members(stage)["target"]}
    parties, call_id = inbound(stage, QUEUE_NUMBER, **agents)
    if ringing:
        parties["second"].wait_ringing()
    row = wait_inbound(stage, call_id, QUEUE_NUMBER)
    Table(parties).expect({"mobile": ["music"]})
    assert answer_of(stage.acme.ask("park", call_id, legs="aleg")) == PARK_FAILED
    stage.acme.do("park", call_id, legs="bleg")
    wait_row(stage.acme, parked(row, "bleg"))
    Table(parties).expect({"mobile": ["music"]})
    if ringing:
        parties["second"].wait_idle()
    stage.acme.do("transfer", call_id, ext=TARGET, legs="aleg")
    Table(parties).expect({"mobile": ["target"], "target": ["mobile"]})
    wait_row(stage.acme, moved(row, "aleg", TARGET))


def test_a_conference_is_a_call_for_each_who_is_in_it(stage: Stage) -> None:
    """800: each member has a row; one is transferred out of the room, the others stay."""
    parties = {
        "one": extension(stage, "101", 1),
        "two": extension(stage, "102", 2),
        "three": extension(stage, "103", 3),
        "target": extension(stage, TARGET, 4, answer=0.0),
    }
    stage.start(**parties)
    for name in ("one", "two", "three"):
        parties[name].dial("800")
        parties[name].wait_established()
    Table(parties).expect({"one": ["two", "three"], "two": ["one", "three"], "three": ["one", "two"]}, deadline=15)
    rows = {row["source"]: row for row in stage.acme.calls()}
    assert [(row["source"], row["destination"], row["direction"]) for row in stage.acme.calls()] == [
        (number, "800", "local") for number in ("101", "102", "103")
    ]
    stage.acme.do("transfer", rows["101"]["call_id"], ext=TARGET, legs="aleg")
    Table(parties).expect({"one": ["target"], "target": ["one"], "two": ["three"], "three": ["two"]}, deadline=15)
    wait_row(stage.acme, moved(rows["101"], "aleg", TARGET))
