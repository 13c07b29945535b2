"""Calls that still ring: the caller may be moved, the one who is rung may not."""

import pytest

from tests.instruments.audibility import Table
from tests.instruments.client import Row
from tests.instruments.moves import (
    NOT_ANSWERED,
    PARK_FAILED,
    SIDES,
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
from tests.instruments.scene import CLICK, INBOUND, INBOUND_NUMBER, KINDS, LOCAL, OUTBOUND
from tests.instruments.stage import MOBILE, Stage

WHO = {
    CLICK: ("101", MOBILE, "outbound"),
    INBOUND: (MOBILE, "101", "inbound"),
    LOCAL: ("101", "102", "local"),
    OUTBOUND: ("101", MOBILE, "outbound"),
}
"""Caller, called party and direction of each kind."""


def ringing(stage: Stage, kind: str) -> tuple[dict[str, Phone], Row]:
    """A call whose called party rings: `caller`, `called` and an idle `target`; its row, checked in every field."""
    source, destination, direction = WHO[kind]
    parties = {
        "caller": party(stage, source, 1, answer=0.0),
        "called": party(stage, destination, 2),
        "target": extension(stage, TARGET, 3, answer=0.0),
    }
    stage.start(**parties)
    if kind == CLICK:
        call_id = stage.acme.click(source, destination)
    else:
        parties["caller"].dial(INBOUND_NUMBER if kind == INBOUND else destination)
        call_id = stage.acme.only_call()["call_id"]
    parties["called"].wait_ringing()
    row = wait_fields(
        stage.acme,
        call_id=call_id,
        context="acme.test",
        source=source,
        destination=destination,
        direction=direction,
        ip=address(source),
        state="CS_EXECUTE",
    )
    return parties, row


def party(stage: Stage, number: str, tone: int, answer: float | None = None) -> Phone:
    if number == MOBILE:
        return stage.mobile(tone, answer=answer)
    return extension(stage, number, tone, answer=answer)


@pytest.mark.parametrize("kind", KINDS)
def test_the_caller_is_moved_while_the_other_side_rings(stage: Stage, kind: str) -> None:
    """The called phone stops ringing and the caller talks to the target."""
    parties, row = ringing(stage, kind)
    stage.acme.do("transfer", row["call_id"], ext=TARGET, legs="aleg")
    parties["called"].wait_idle()
    parties["target"].wait_established()
    wait_row(stage.acme, moved(row, "aleg", TARGET))
    Table(parties).expect({"caller": ["target"], "target": ["caller"]})
    assert len(stage.acme.calls()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_rung_side_cannot_be_moved_or_parked(stage: Stage, kind: str) -> None:
    """Each is refused, the phone goes on ringing, and the call is answered as if nothing had been asked."""
    parties, row = ringing(stage, kind)
    call_id = row["call_id"]
    assert answer_of(stage.acme.ask("transfer", call_id, ext=TARGET, legs="bleg")) == NOT_ANSWERED
    for cut in ("aleg",) if kind == CLICK else SIDES:
        assert answer_of(stage.acme.ask("park", call_id, legs=cut)) == PARK_FAILED
    assert wait_row(stage.acme, row)
    parties["called"].answer()
    Table(parties).expect({"caller": ["called"], "called": ["caller"]})
    assert not parties["target"].rings


def test_a_caller_who_has_answered_may_be_parked_while_the_other_side_rings(stage: Stage) -> None:
    """In a click-to-call the extension is up before the mobile: the mobile stops ringing, the extension waits."""
    parties, row = ringing(stage, CLICK)
    stage.acme.do("park", row["call_id"], legs="bleg")
    parties["called"].wait_idle()
    wait_row(stage.acme, parked(row, "bleg"))
    Table(parties).expect({"caller": ["music"]})
    stage.acme.do("transfer", row["call_id"], ext=TARGET, legs="aleg")
    Table(parties).expect({"caller": ["target"], "target": ["caller"]})
