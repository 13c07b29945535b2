"""The demo dialplan by itself: who may call whom, what they see and hear, and that it needs no service."""

from collections.abc import Iterator

import pytest

from tests.instruments.audibility import Table
from tests.instruments.moves import extension
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.scene import INBOUND_NUMBER
from tests.instruments.stage import GLOBEX, HOTLINES, MOBILE, Stage


@pytest.fixture
def unserved(stage: Stage) -> Iterator[Stage]:
    """The stage with the service killed; it is there again afterwards."""
    stage.service.kill()
    yield stage
    stage.serve()


def talk(**parties: Phone) -> None:
    """Both hear each other, and either one's hang-up is the other's."""
    caller, called = parties
    Table(parties).expect({caller: [called], called: [caller]})
    parties[called].hangup()
    parties[caller].wait_idle()


def told_and_released(phone: Phone, number: str, status: str) -> None:
    """Somebody says why, and the call ends with this SIP status, never answered."""
    mark = phone.mark()
    phone.dial(number)
    eventually(lambda: phone.ended, deadline=15, message="not released")
    assert phone.ended[-1].reason.startswith(status)
    assert phone.sound_since(mark) > 1


def test_an_extension_calls_another_of_its_tenant(stage: Stage) -> None:
    """And shows its number; the other tenant's phone of the same number does not ring."""
    caller, called = extension(stage, "101", 1), extension(stage, "102", 2)
    stranger = stage.phone("102", 3, GLOBEX)
    stage.start(caller=caller, called=called, stranger=stranger)
    caller.dial("102")
    assert called.wait_ringing().number == "101"
    called.answer()
    talk(caller=caller, called=called)
    assert not stranger.rings


@pytest.mark.parametrize("number", [MOBILE, "+84909123456", "113"])
def test_an_outside_number_sees_the_hotline(stage: Stage, number: str) -> None:
    """And is dialled as it was typed."""
    caller, mobile = extension(stage, "101", 1), stage.mobile(2)
    stage.start(caller=caller, mobile=mobile)
    caller.dial(number)
    ring = mobile.wait_ringing()
    assert ring.number == HOTLINES["acme.test"][0]
    assert mobile.invite(ring).startswith(f"INVITE sip:{number}@")
    mobile.answer()
    talk(caller=caller, mobile=mobile)


def test_each_tenant_s_number_leads_to_its_own_extension(stage: Stage) -> None:
    """The phone sees the mobile's number."""
    parties = {"mobile": stage.mobile(2), "acme": extension(stage, "101", 1), "globex": stage.phone("101", 3, GLOBEX)}
    stage.start(**parties)
    for number, name, other in ((INBOUND_NUMBER, "acme", "globex"), (HOTLINES[GLOBEX][0], "globex", "acme")):
        rung = len(parties[other].rings)
        parties["mobile"].dial(number)
        assert parties[name].wait_ringing().number == MOBILE
        parties[name].answer()
        Table(parties).expect({"mobile": [name], name: ["mobile"]})
        parties["mobile"].hangup()
        parties[name].wait_idle()
        assert len(parties[other].rings) == rung


@pytest.mark.parametrize("number", ["199", "999", "2", "*99", "7000"])
def test_a_number_nobody_has(stage: Stage, number: str) -> None:
    """Inside: told so and released."""
    phone = extension(stage, "101", 1).start()
    told_and_released(phone, number, "404")


@pytest.mark.parametrize("number", ["105", "600"])
def test_nobody_s_phone_is_there(stage: Stage, number: str) -> None:
    """The extension's, or any of the ring group: told so and released."""
    phone = extension(stage, "101", 1).start()
    told_and_released(phone, number, "480")


def test_a_busy_extension(stage: Stage) -> None:
    """The caller gets the phone's own answer."""
    caller, called = extension(stage, "101", 1), extension(stage, "102", 2, refuse=486)
    stage.start(caller=caller, called=called)
    caller.dial("102")
    eventually(lambda: caller.ended)
    assert caller.ended[-1].reason.startswith("486")


def test_calls_need_no_service(unserved: Stage) -> None:
    """Made, answered and hung up: local, outbound and inbound, with nobody listening to ARI."""
    agent, colleague, mobile = (
        extension(unserved, "101", 1, answer=0.0),
        extension(unserved, "102", 2, answer=0.0),
        unserved.mobile(3, answer=0.0),
    )
    unserved.start(agent=agent, colleague=colleague, mobile=mobile)
    agent.dial("102")
    talk(agent=agent, colleague=colleague)
    agent.dial(MOBILE)
    talk(agent=agent, mobile=mobile)
    mobile.dial(INBOUND_NUMBER)
    talk(mobile=mobile, agent=agent)
