"""Listen, whisper, barge: who hears whom on every kind of call, and how a mode is changed."""

from itertools import pairwise
from statistics import median

import pytest

from tests.instruments.scene import CLICK, INBOUND, KINDS, LOCAL, Scene
from tests.instruments.stage import Stage
from tests.instruments.supervision import (
    BARGE,
    BOSS,
    CHIEF,
    LISTEN,
    WHISPER,
    Gaps,
    only_the_call,
    ringing,
    snoops,
    supervised,
    table,
    told,
    wait_snoops,
)

WALK = (LISTEN, WHISPER, BARGE, LISTEN, BARGE, WHISPER, LISTEN)

PACKET = 20
"""Milliseconds of one packet. An idle machine loses none at most switches; a loaded one may lose up to three at any
moment by itself. Ending the old Snoop before the new one is heard costs two packets or more, each time."""

LATE = 200
"""Milliseconds that may be on their way to a phone when its recording is read on a loaded machine."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_supervisor_walks_through_all_modes(stage: Stage, kind: str) -> None:
    """At each step the whole table is right; rung once, nobody misses a word, and the call goes on afterwards."""
    scene = supervised(stage, kind, WALK[0])
    boss = scene.parties["boss"]
    before = {name: told(phone) for name, phone in scene.parties.items()}
    row = scene.row()
    lost = [_switch(scene, mode) for _, mode in pairwise(WALK)]
    assert max(lost) <= 3 * PACKET, lost
    assert median(lost) <= PACKET, lost
    assert [ring.number for ring in boss.rings] == ["101"]
    assert {name: told(phone) for name, phone in scene.parties.items()} == before
    boss.hangup()
    only_the_call(scene)
    assert scene.row() == row


def _switch(scene: Scene, mode: str) -> int:
    """Milliseconds that the supervisor lost by it; the two parties must lose nothing."""
    supervisor = Gaps(scene, ("boss", "agent"), ("boss", "far"))
    parties = Gaps(scene, ("agent", "far"), ("far", "agent"))
    scene.acme.do(mode, scene.call_id, ext=BOSS)
    scene.hears(table(boss=mode))
    assert (parties.longest() <= 3 * PACKET, parties.missing() <= LATE, supervisor.missing() <= LATE) == (True,) * 3
    return supervisor.longest()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [WHISPER, BARGE])
def test_a_supervision_may_begin_in_any_mode(stage: Stage, kind: str, mode: str) -> None:
    """Not only listening; and the parties notice nothing of its begin."""
    scene = supervised(stage, kind, mode)
    assert [ring.number for ring in scene.parties["boss"].rings] == ["101"]
    scene.parties["boss"].hangup()
    only_the_call(scene)


@pytest.mark.parametrize("last", [BARGE, LISTEN])
def test_a_mode_set_while_ringing_is_in_force_on_answer(stage: Stage, last: str) -> None:
    """The phone goes on ringing, and was rung once."""
    scene = ringing(stage, INBOUND, WHISPER)
    scene.acme.do(last, scene.call_id, ext=BOSS)
    boss = scene.parties["boss"]
    boss.answer()
    scene.hears(table(boss=last))
    assert len(boss.rings) == 1
    assert len(snoops(stage)) == 1


def test_the_same_mode_again_does_nothing(stage: Stage) -> None:
    """It succeeds, while ringing and while talking; Asterisk's Snoop stays the same one."""
    scene = ringing(stage, LOCAL, WHISPER)
    boss, first = scene.parties["boss"], wait_snoops(stage, 1)
    scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
    assert snoops(stage) == first
    boss.answer()
    scene.hears(table(boss=WHISPER))
    scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
    scene.hears(table(boss=WHISPER))
    assert snoops(stage) == first
    assert len(boss.rings) == 1


def test_switching_without_a_pause(stage: Stage) -> None:
    """Twenty switches, each sent as soon as the one before is answered; the last is in force, one Snoop is left."""
    scene = supervised(stage, CLICK)
    for mode in (BARGE, LISTEN, WHISPER, LISTEN) * 5:
        scene.acme.do(mode, scene.call_id, ext=BOSS)
    scene.hears(table(boss=LISTEN))
    wait_snoops(stage, 1)
    assert len(scene.parties["boss"].rings) == 1


@pytest.mark.parametrize(
    ("kind", "modes"), [(INBOUND, (WHISPER, BARGE)), (LOCAL, (LISTEN, BARGE)), (CLICK, (BARGE, BARGE))]
)
def test_two_supervisors_do_not_hear_each_other(stage: Stage, kind: str, modes: tuple[str, str]) -> None:
    """Each is in its own mode; when one leaves, the other stays."""
    scene = supervised(stage, kind, modes[0], chief=stage.phone(CHIEF, 4, answer=0.0))
    scene.acme.do(modes[1], scene.call_id, ext=CHIEF)
    scene.hears(table(boss=modes[0], chief=modes[1]))
    scene.acme.do(LISTEN, scene.call_id, ext=CHIEF)
    scene.hears(table(boss=modes[0], chief=LISTEN))
    scene.parties["boss"].hangup()
    scene.hears(table(chief=LISTEN))
    scene.parties["chief"].hangup()
    only_the_call(scene)
