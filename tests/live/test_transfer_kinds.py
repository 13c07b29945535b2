"""Transfer of either side of each kind of call: who is left talking to whom, and what the list says."""

import pytest

from tests.instruments.moves import (
    SIDES,
    TARGET,
    call_apart,
    extension,
    full_row,
    moved,
    name_on,
    other_side,
    party_on,
    wait_row,
)
from tests.instruments.scene import KINDS
from tests.instruments.stage import Stage


@pytest.mark.parametrize("legs", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_named_leg_goes_to_the_extension_and_the_other_is_let_go(stage: Stage, kind: str, legs: str) -> None:
    """The kept side talks to the target, which took the released one's side; the call is the same call."""
    scene = call_apart(stage, kind, target=extension(stage, TARGET, 3))
    before = full_row(scene)
    scene.talking()

    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=legs)

    target = scene.parties["target"]
    target.wait_ringing()
    party_on(scene, other_side(legs)).wait_idle()
    after = moved(before, legs, TARGET)
    wait_row(scene.acme, after)
    target.answer()
    kept = name_on(scene, legs)
    scene.hears({kept: "target", "target": kept})
    wait_row(scene.acme, after)
    assert scene.acme.calls() == [after]

    party_on(scene, legs).hangup()
    target.wait_idle()
    scene.acme.wait_gone(scene.call_id)
