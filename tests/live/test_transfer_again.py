"""Transfer upon transfer: the names stay with the sides, nobody is lost, one-line phones can be rung again."""

import pytest

from tests.instruments.moves import (
    SIDES,
    TARGET,
    call_apart,
    extension,
    full_row,
    moved,
    name_on,
    number_on,
    other_side,
    party_on,
    wait_row,
)
from tests.instruments.scene import CLICK, INBOUND, KINDS, OUTBOUND
from tests.instruments.stage import Stage


@pytest.mark.parametrize("kind", [CLICK, INBOUND, OUTBOUND])
def test_the_customer_is_kept_by_the_same_legs_every_time(stage: Stage, kind: str) -> None:
    """From 101 to 102 to 103 and back to 101, always naming the side the customer has."""
    colleagues = {name: extension(stage, name, tone, answer=0.0, lines=1) for name, tone in [("102", 3), ("103", 4)]}
    scene = call_apart(stage, kind, agent=extension(stage, "101", 1, answer=0.0, lines=1), **colleagues)
    before = full_row(scene)
    for number in ("102", "103", "101"):
        scene.acme.do("transfer", scene.call_id, ext=number, legs=scene.far_side)
        name = "agent" if number == "101" else number
        scene.hears({"far": name, name: "far"})
        wait_row(scene.acme, moved(before, scene.far_side, number))
    assert len(scene.acme.calls()) == 1
    assert not scene.far.ended


@pytest.mark.parametrize("kind", KINDS)
def test_the_phone_just_released_is_rung_again(stage: Stage, kind: str) -> None:
    """The page's own sample: a phone with one line that was on this very call takes it once more."""
    scene = call_apart(stage, kind, agent=extension(stage, "101", 1, answer=0.0, lines=1))
    before = full_row(scene)
    rung = len(scene.agent.rings)
    scene.acme.do("transfer", scene.call_id, ext="101", legs=scene.far_side)
    scene.agent.wait_rings(rung + 1)
    scene.talking()
    wait_row(scene.acme, before)


@pytest.mark.parametrize("legs", SIDES)
def test_sides_may_be_moved_in_turn(stage: Stage, legs: str) -> None:
    """One side goes to 104, then the newcomer is kept and the other one let go for 103."""
    scene = call_apart(
        stage, CLICK, first=extension(stage, TARGET, 3, answer=0.0), second=extension(stage, "103", 4, answer=0.0)
    )
    before = full_row(scene)
    kept = name_on(scene, legs)
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=legs)
    scene.hears({kept: "first", "first": kept})
    between = wait_row(scene.acme, moved(before, legs, TARGET))

    scene.acme.do("transfer", scene.call_id, ext="103", legs=other_side(legs))

    party_on(scene, legs).wait_idle()
    scene.hears({"first": "second", "second": "first"})
    wait_row(scene.acme, moved(between, other_side(legs), "103"))


def test_a_second_transfer_while_the_first_target_rings(stage: Stage) -> None:
    """The caller who hears ringing is taken away from it; the first target stops ringing."""
    scene = call_apart(stage, INBOUND, first=extension(stage, TARGET, 3), second=extension(stage, "103", 4, answer=0.0))
    before = full_row(scene)
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs="aleg")
    scene.parties["first"].wait_ringing()
    wait_row(scene.acme, moved(before, "aleg", TARGET))
    scene.acme.do("transfer", scene.call_id, ext="103", legs="aleg")
    scene.parties["first"].wait_idle()
    scene.hears({"far": "second", "second": "far"})
    wait_row(scene.acme, moved(before, "aleg", "103"))


def test_the_customer_is_bleg_and_the_first_target_still_rings(stage: Stage) -> None:
    """Click-to-call: legs=bleg to a phone that only rings, then legs=bleg to another one."""
    scene = call_apart(stage, CLICK, first=extension(stage, TARGET, 3), second=extension(stage, "103", 4, answer=0.0))
    before = full_row(scene)
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs="bleg")
    scene.parties["first"].wait_ringing()
    wait_row(scene.acme, moved(before, "bleg", TARGET))
    refused = scene.acme.ask("transfer", scene.call_id, ext="103", legs="aleg")
    assert (refused.status_code, refused.json()) == (400, {"status": "fail", "error": "CALL_NOT_ANSWERED"})
    scene.acme.do("transfer", scene.call_id, ext="103", legs="bleg")
    scene.parties["first"].wait_idle()
    scene.hears({"far": "second", "second": "far"})
    wait_row(scene.acme, moved(before, "bleg", "103"))


def test_a_leg_s_own_id_names_the_call(stage: Stage) -> None:
    """Asterisk's id of either leg is as good as the call's, is echoed, and `legs` still means the call's sides."""
    scene = call_apart(stage, OUTBOUND, target=extension(stage, TARGET, 3, answer=0.0))
    leg = leg_id(stage, number_on(scene, "aleg"))
    scene.acme.do("transfer", leg, ext=TARGET, legs="bleg")
    scene.hears({"far": "target", "target": "far"})


def leg_id(stage: Stage, number: str) -> str:
    """Asterisk's unique id of the channel of this extension's phone."""
    name = next(name for name in stage.channels() if name.startswith(f"PJSIP/{number}@"))
    line = stage.pbx.cli(f"core show channel {name}")
    return line.partition("UniqueID:")[2].split()[0]
