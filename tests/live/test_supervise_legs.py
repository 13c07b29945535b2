"""Whose leg is spied on, and whose phones ring."""

import pytest

from tests.instruments.scene import AGENT, CLICK, INBOUND, KINDS, LOCAL
from tests.instruments.stage import ACME, Stage
from tests.instruments.supervision import (
    BARGE,
    BOSS,
    CHIEF,
    LISTEN,
    WHISPER,
    call_and_boss,
    only_the_call,
    supervised,
    table,
    unique_id,
)


def test_of_two_extensions_the_one_whose_own_id_was_given(stage: Stage) -> None:
    """Not the aleg then; the number shown is its own."""
    scene = call_and_boss(stage, LOCAL)
    scene.acme.do(WHISPER, unique_id(stage, f"102@{ACME}"), ext=BOSS)
    scene.hears(table(agent="far", far="agent", boss=WHISPER))
    assert [ring.number for ring in scene.parties["boss"].rings] == ["102"]


def test_a_supervisor_goes_over_to_the_other_extension(stage: Stage) -> None:
    """By that leg's own id, unrung; by the call's id the leg stays the one it is."""
    scene = supervised(stage, LOCAL, WHISPER)
    scene.acme.do(WHISPER, unique_id(stage, f"102@{ACME}"), ext=BOSS)
    scene.hears(table(agent="far", far="agent", boss=WHISPER))
    scene.acme.do(BARGE, scene.call_id, ext=BOSS)
    scene.hears(table(agent="far", far="agent", boss=BARGE))
    scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
    scene.hears(table(agent="far", far="agent", boss=WHISPER))
    scene.acme.do(WHISPER, unique_id(stage, f"101@{ACME}"), ext=BOSS)
    scene.hears(table(boss=WHISPER))
    assert len(scene.parties["boss"].rings) == 1


@pytest.mark.parametrize("kind", [CLICK, INBOUND])
def test_the_mobiles_own_id_names_the_call_and_not_the_leg(stage: Stage, kind: str) -> None:
    """The extension hears the whisper, the mobile never."""
    scene = call_and_boss(stage, kind)
    scene.acme.do(WHISPER, unique_id(stage, "carrier"), ext=BOSS)
    scene.hears(table(boss=WHISPER))


def test_a_supervisor_who_talks_already_is_rung_like_any_phone(stage: Stage) -> None:
    """The call it was in is on hold meanwhile, and goes on afterwards."""
    scene = call_and_boss(stage, INBOUND, None, chief=stage.phone(CHIEF, 4, answer=0.0))
    boss = scene.parties["boss"]
    own = boss.dial(CHIEF)
    boss.wait_established()
    boss.hold(own)
    scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
    ring = boss.wait_ringing()
    assert ring.number == AGENT
    boss.answer(ring.call_id)
    scene.talking(boss="agent far", chief="music")
    boss.hangup(ring.call_id)
    stage.nothing_of_ours()
    boss.resume(own)
    scene.talking(boss="chief", chief="boss")


@pytest.mark.parametrize("kind", KINDS)
def test_a_party_of_the_call_is_rung_like_any_phone(stage: Stage, kind: str) -> None:
    """Also as the supervisor of its own call; refusing that changes nothing."""
    scene = call_and_boss(stage, kind)
    scene.agent.answer_after = None
    scene.acme.do(LISTEN, scene.call_id, ext=AGENT)
    ring = scene.agent.wait_ringing()
    scene.agent.reject(ring.call_id)
    only_the_call(scene)


def test_all_phones_of_a_supervisor_ring(stage: Stage) -> None:
    """One picks up, the other stops."""
    scene = call_and_boss(stage, INBOUND, None, desk=stage.phone(BOSS, 4))
    boss, desk = scene.parties["boss"], scene.parties["desk"]
    scene.acme.do(BARGE, scene.call_id, ext=BOSS)
    for phone in (boss, desk):
        assert phone.wait_ringing().number == AGENT
    desk.answer()
    boss.wait_idle()
    scene.hears(table(desk=BARGE))
    scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
    scene.hears(table(desk=WHISPER))
    assert (len(boss.rings), len(desk.rings)) == (1, 1)
