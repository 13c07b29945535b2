"""Park of either side of each kind of call, out of it by transfer, and to its end."""

import time

import pytest

from tests.instruments.client import Row
from tests.instruments.moves import (
    SIDES,
    TARGET,
    call_apart,
    extension,
    full_row,
    moved,
    name_on,
    other_side,
    parked,
    party_on,
    wait_row,
)
from tests.instruments.scene import KINDS, Scene
from tests.instruments.stage import Stage

PARK_SECONDS = 10


def park_one(stage: Stage, kind: str, cut: str) -> tuple[Scene, Row]:
    """A call of this kind, parked, and its row before that; the music is playing and the cut phone idle."""
    scene = call_apart(stage, kind, target=extension(stage, TARGET, 3, answer=0.0))
    before = full_row(scene)
    scene.acme.do("park", scene.call_id, legs=cut)
    party_on(scene, cut).wait_idle()
    wait_row(scene.acme, parked(before, cut))
    return scene, before


@pytest.mark.parametrize("cut", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_other_side_waits_with_music_until_a_transfer_takes_it(stage: Stage, kind: str, cut: str) -> None:
    """Named by its own side it goes to the extension, and the park's end does not reach it there."""
    scene, before = park_one(stage, kind, cut)
    start = time.monotonic()
    waiting = name_on(scene, other_side(cut))
    scene.hears({waiting: "music"})

    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=other_side(cut))

    scene.hears({waiting: "target", "target": waiting})
    after = wait_row(scene.acme, moved(before, other_side(cut), TARGET))
    while time.monotonic() < start + PARK_SECONDS + 2:
        scene.hears({waiting: "target", "target": waiting})
    assert scene.acme.calls() == [after]


@pytest.mark.parametrize("cut", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_waiting_side_is_transferred_whichever_legs_is_given(stage: Stage, kind: str, cut: str) -> None:
    """Named by the side that was cut it is the waiting leg all the same, and keeps its side."""
    scene, before = park_one(stage, kind, cut)
    waiting = name_on(scene, other_side(cut))
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=cut)
    scene.hears({waiting: "target", "target": waiting})
    wait_row(scene.acme, moved(before, other_side(cut), TARGET))


@pytest.mark.parametrize("cut", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_nobody_takes_it_and_it_is_released_after_its_ten_seconds(stage: Stage, kind: str, cut: str) -> None:
    """Ten seconds after the answer and not before; parking it again is refused and gives it no more time."""
    scene, _ = park_one(stage, kind, cut)
    start = time.monotonic()
    waiting = name_on(scene, other_side(cut))
    scene.hears({waiting: "music"})
    for legs in SIDES:
        again = scene.acme.ask("park", scene.call_id, legs=legs)
        assert (again.status_code, again.text) == (400, '{"status":"fail"}')
    party_on(scene, other_side(cut)).wait_idle(PARK_SECONDS + 2)
    assert PARK_SECONDS - 1 < time.monotonic() - start < PARK_SECONDS + 2
    scene.acme.wait_gone(scene.call_id)
