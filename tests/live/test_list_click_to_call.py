"""A click-to-call from its first moment to its last: who rings, who sees and hears what, what the list says."""

import pytest

from tests.instruments.audibility import Table
from tests.instruments.client import Client, Row
from tests.instruments.moves import (
    NOT_ANSWERED,
    PARK_FAILED,
    SIDES,
    TARGET,
    address,
    answer_of,
    extension,
    parked,
    refuser,
    wait_fields,
    wait_row,
)
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.stage import HOTLINES, MOBILE, Stage

HOTLINE, SECOND_HOTLINE = HOTLINES["acme.test"]
RINGING_TONE = 425
"""Hz, indications.conf."""


def pair(
    stage: Stage, agent: float | None = None, mobile: float | None = None, refuse: int | None = None
) -> tuple[Phone, Phone]:
    """Extension 101 and the mobile, each with the seconds after which it answers."""
    phones = extension(stage, "101", 1, answer=agent), stage.mobile(2, answer=mobile, refuse=refuse)
    stage.start(agent=phones[0], mobile=phones[1])
    return phones


def row_of(call_id: str, state: str, **but: str) -> Row:
    wanted = {
        "call_id": call_id,
        "context": "acme.test",
        "source": "101",
        "destination": MOBILE,
        "direction": "outbound",
        "ip": address("101"),
        "state": state,
    }
    return {**wanted, **but}


def refuses_all(client: Client, call_id: str) -> None:
    """Neither side can be moved or parked, but the call is known."""
    for side in SIDES:
        assert answer_of(client.ask("transfer", call_id, ext=TARGET, legs=side)) == NOT_ANSWERED
        assert answer_of(client.ask("park", call_id, legs=side)) == PARK_FAILED


def test_each_stage_has_its_state(stage: Stage) -> None:
    """The extension rings, the mobile rings, both talk, one is parked, one is taken out, nobody is there."""
    agent, mobile = pair(stage)
    call_id = stage.acme.click("101", MOBILE)
    agent.wait_ringing()
    row = wait_fields(stage.acme, **row_of(call_id, "CS_CONSUME_MEDIA"))
    agent.answer()
    mobile.wait_ringing()
    row = wait_row(stage.acme, {**row, "state": "CS_EXECUTE"})
    mobile.answer()
    Table({"agent": agent, "mobile": mobile}).expect({"agent": ["mobile"], "mobile": ["agent"]})
    assert stage.acme.calls() == [row]
    stage.acme.do("park", call_id, legs="aleg")
    wait_row(stage.acme, parked(row, "aleg"))
    agent.answer_after = 0.0
    stage.acme.do("transfer", call_id, ext="101", legs="bleg")
    Table({"agent": agent, "mobile": mobile}).expect({"agent": ["mobile"], "mobile": ["agent"]})
    assert stage.acme.calls() == [row]
    agent.hangup()
    stage.acme.wait_gone(call_id)
    mobile.wait_idle()


def test_a_phone_that_says_nothing_leaves_the_call_created(stage: Stage) -> None:
    """No ringing is told of: CS_INIT, listed and refused as what it is."""
    with refuser(stage, "101", "100 Trying"), refuser(stage, TARGET, "486 Busy Here"):
        call_id = stage.acme.click("101", MOBILE)
        wait_fields(stage.acme, **row_of(call_id, "CS_INIT", ip=""))
        refuses_all(stage.acme, call_id)
        stage.pbx.cli("channel request hangup all")
        stage.acme.wait_gone(call_id)


def test_the_id_is_known_from_the_moment_of_the_answer(stage: Stage) -> None:
    """Ten in a row: the very next request finds the call."""
    agent, _ = pair(stage)
    target = extension(stage, TARGET, 3)
    target.start()
    for _ in range(10):
        call_id = stage.acme.click("101", MOBILE)
        row = stage.acme.row(call_id)
        assert row is not None
        assert row["state"] in ("CS_INIT", "CS_CONSUME_MEDIA")
        assert {**row, "state": "", "ip": "", "created_time": ""} == row_of(call_id, "", ip="", created_time="")
        refuses_all(stage.acme, call_id)
        agent.wait_ringing()
        agent.reject()
        agent.wait_idle()
        stage.acme.wait_gone(call_id)


@pytest.mark.parametrize("hotline", [HOTLINE, SECOND_HOTLINE])
def test_the_extension_sees_the_number_and_the_mobile_the_hotline(stage: Stage, hotline: str) -> None:
    """On their displays."""
    agent, mobile = pair(stage, agent=0.0)
    stage.acme.click("101", MOBILE, hotline)
    assert mobile.wait_ringing().number == hotline
    assert agent.rings[-1].number == MOBILE


def test_the_extension_hears_ringing_until_the_mobile_answers(stage: Stage) -> None:
    """Viet Nam's ringing tone, then the mobile."""
    agent, mobile = pair(stage, agent=0.0)
    stage.acme.click("101", MOBILE)
    mobile.wait_ringing()
    mark = agent.mark()
    eventually(lambda: agent.heard_since(mark, [RINGING_TONE]), deadline=8, message="no ringing tone")
    mobile.answer()
    Table({"agent": agent, "mobile": mobile}).expect({"agent": ["mobile"], "mobile": ["agent"]})


@pytest.mark.parametrize("refuse", [486, 480])
def test_a_mobile_that_does_not_take_it_releases_the_extension(stage: Stage, refuse: int) -> None:
    """Busy, or not to be reached."""
    agent, mobile = pair(stage, agent=0.0, refuse=refuse)
    call_id = stage.acme.click("101", MOBILE)
    eventually(lambda: agent.ended and not agent.calls, message="the agent was not rung and let go")
    stage.acme.wait_gone(call_id)
    assert not mobile.calls


@pytest.mark.parametrize("status", ["486 Busy Here", "603 Decline", "500 Server Internal Error"])
def test_an_extension_that_does_not_take_it(stage: Stage, status: str) -> None:
    """The mobile is never rung."""
    mobile = stage.mobile(2, answer=0.0)
    stage.start(mobile=mobile)
    with refuser(stage, "101", status):
        call_id = stage.acme.click("101", MOBILE)
        stage.acme.wait_gone(call_id)
    assert not mobile.rings


def test_an_extension_that_hangs_up_while_the_mobile_rings(stage: Stage) -> None:
    """The mobile stops ringing."""
    agent, mobile = pair(stage, agent=0.0)
    call_id = stage.acme.click("101", MOBILE)
    mobile.wait_ringing()
    agent.hangup()
    mobile.wait_idle()
    stage.acme.wait_gone(call_id)


@pytest.mark.parametrize("who", ["agent", "mobile"])
def test_either_side_s_hang_up_releases_the_other(stage: Stage, who: str) -> None:
    """And the call leaves the list."""
    phones = dict(zip(("agent", "mobile"), pair(stage, agent=0.0, mobile=0.0), strict=True))
    call_id = stage.acme.click("101", MOBILE)
    for phone in phones.values():
        phone.wait_established()
    phones[who].hangup()
    for phone in phones.values():
        phone.wait_idle()
    stage.acme.wait_gone(call_id)


def test_a_number_may_hold_what_people_write_between_digits(stage: Stage) -> None:
    """Spaces, dots, dashes and brackets are left out, the plus is dialled."""
    agent, mobile = pair(stage, agent=0.0, mobile=0.0)
    call_id = stage.acme.click("101", "+84 90-912.34(56)")
    mobile.wait_established()
    assert mobile.invite(mobile.rings[-1]).startswith("INVITE sip:+84909123456@")
    assert agent.rings[-1].number == "+84909123456"
    wait_fields(stage.acme, **row_of(call_id, "CS_EXECUTE", destination="+84909123456"))


def test_a_number_that_is_an_extension_rings_it(stage: Stage) -> None:
    """`local`, with the extension's own number on the other one's display, whatever the hotline."""
    agent, colleague = extension(stage, "101", 1, answer=0.0), extension(stage, "102", 2)
    stage.start(agent=agent, colleague=colleague)
    call_id = stage.acme.click("101", "102")
    assert colleague.wait_ringing().number == "101"
    assert agent.rings[-1].number == "102"
    row = wait_fields(stage.acme, **row_of(call_id, "CS_EXECUTE", destination="102", direction="local"))
    colleague.answer()
    Table({"agent": agent, "colleague": colleague}).expect({"agent": ["colleague"], "colleague": ["agent"]})
    assert stage.acme.calls() == [row]


def test_an_extension_that_sends_its_calls_elsewhere(stage: Stage) -> None:
    """302: the phone it names is the calling one, and the mobile is called when that one answers."""
    other, mobile = extension(stage, "103", 1, answer=0.0), stage.mobile(2, answer=0.0)
    stage.start(other=other, mobile=mobile)
    with refuser(stage, "101", "302 Moved Temporarily", "sip:103@acme.test"):
        call_id = stage.acme.click("101", MOBILE)
        Table({"other": other, "mobile": mobile}).expect({"other": ["mobile"], "mobile": ["other"]})
        wait_fields(stage.acme, **row_of(call_id, "CS_EXECUTE", source="103", ip=address("103")))
        stage.acme.do("transfer", call_id, ext="103", legs="bleg")
        Table({"other": other, "mobile": mobile}).expect({"other": ["mobile"], "mobile": ["other"]})


@pytest.mark.timeout(120)
def test_nobody_ever_answers(stage: Stage) -> None:
    """An extension, a called number and a target of a transfer, each rung for a minute and then let be."""
    phones = {
        "silent": extension(stage, "101", 1),
        "caller": extension(stage, "102", 2, answer=0.0),
        "called": extension(stage, "103", 3),
        "kept": extension(stage, "105", 5, answer=0.0),
        "target": extension(stage, TARGET, 4),
    }
    stage.start(**phones)
    for extension_, number in (("101", "103"), ("102", "103"), ("105", "102")):
        stage.acme.click(extension_, number)
    eventually(lambda: len(stage.acme.calls()) == 3)
    to_move = next(row["call_id"] for row in stage.acme.calls() if row["source"] == "105")
    phones["kept"].wait_established()
    eventually(lambda: len(phones["caller"].calls) == 2, message="102 is not in both calls")
    stage.acme.do("transfer", to_move, ext=TARGET, legs="aleg")
    phones["target"].wait_ringing()
    eventually(lambda: not stage.acme.calls(), deadline=70, message="calls are left")
    for phone in phones.values():
        phone.wait_idle()
    assert len(phones["called"].rings) == 1
