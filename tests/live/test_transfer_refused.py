"""Targets that do not take the call: the tenant's dialplan decides, which here lets the caller go."""

import pytest

from tests.instruments.moves import SIDES, TARGET, call_apart, extension, moved, name_on, party_on, refuser, wait_row
from tests.instruments.scene import CLICK, INBOUND, LOCAL
from tests.instruments.stage import Stage


@pytest.mark.parametrize("legs", SIDES)
@pytest.mark.parametrize("status", ["486 Busy Here", "603 Decline", "480 Temporarily Unavailable", "404 Not Found"])
def test_a_target_that_refuses_ends_the_call(stage: Stage, status: str, legs: str) -> None:
    """The transfer was accepted, the target was rung once, all are released."""
    scene = call_apart(stage, CLICK)
    with refuser(stage, TARGET, status) as target:
        scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=legs)
        party_on(scene, legs).wait_idle()
        scene.acme.wait_gone(scene.call_id)
        assert len(target.rings) == 1
    scene.agent.wait_idle()
    scene.far.wait_idle()


def test_a_target_on_another_call_is_busy(stage: Stage) -> None:
    """A one-line phone that talks to somebody else; that call does not notice."""
    scene = call_apart(
        stage,
        INBOUND,
        target=extension(stage, TARGET, 3, lines=1),
        friend=extension(stage, "103", 4, answer=0.0),
    )
    scene.parties["target"].dial("103")
    scene.parties["target"].wait_established()
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs="aleg")
    scene.far.wait_idle()
    scene.acme.wait_gone(scene.call_id)
    scene.hears({"target": "friend", "friend": "target"})


@pytest.mark.parametrize("legs", SIDES)
def test_the_moved_side_hangs_up_before_the_target_answers(stage: Stage, legs: str) -> None:
    """The target stops ringing."""
    scene = call_apart(stage, LOCAL, target=extension(stage, TARGET, 3))
    before = dict(scene.row() or {})
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=legs)
    scene.parties["target"].wait_ringing()
    wait_row(scene.acme, moved(before, legs, TARGET))
    party_on(scene, legs).hangup()
    scene.parties["target"].wait_idle()
    scene.acme.wait_gone(scene.call_id)


@pytest.mark.parametrize("legs", SIDES)
def test_a_target_that_sends_its_calls_elsewhere(stage: Stage, legs: str) -> None:
    """302: the phone it names is rung in the tenant's dialplan and takes the side."""
    scene = call_apart(stage, CLICK, target=extension(stage, "103", 3, answer=0.0))
    before = dict(scene.row() or {})
    with refuser(stage, TARGET, "302 Moved Temporarily", "sip:103@acme.test"):
        scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=legs)
        kept = name_on(scene, legs)
        scene.hears({kept: "target", "target": kept})
        wait_row(scene.acme, moved(before, legs, "103"))
        other = "aleg" if legs == "bleg" else "bleg"
        scene.acme.do("park", scene.call_id, legs=other)
        scene.hears({kept: "music"})
