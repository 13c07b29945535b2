"""Transfers that phones make themselves, before and after the API's."""

import pytest

from tests.instruments.moves import TARGET, call_apart, extension, full_row, moved, wait_row
from tests.instruments.scene import CLICK, INBOUND, KINDS, LOCAL, OUTBOUND, Scene, call_up
from tests.instruments.stage import Stage


def refer(scene: Scene, phone: str, number: str) -> None:
    """A party of the scene transfers the one it talks to, and is gone."""
    scene.parties[phone].transfer(number)
    scene.parties[phone].wait_idle()


@pytest.mark.parametrize("kind", KINDS)
def test_the_agent_s_own_transfer_keeps_the_call(stage: Stage, kind: str) -> None:
    """REFER: the far side talks to the target, under the same id, on the same side."""
    scene = call_apart(stage, kind, target=extension(stage, TARGET, 3, answer=0.0))
    before = full_row(scene)
    refer(scene, "agent", TARGET)
    scene.hears({"far": "target", "target": "far"})
    wait_row(scene.acme, moved(before, scene.far_side, TARGET))
    assert len(scene.acme.calls()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_api_transfers_after_a_phone_has(stage: Stage, kind: str) -> None:
    """REFER to 104, then legs=<the far side> to 103: the far side is kept, then parked, then taken out."""
    scene = call_apart(
        stage,
        kind,
        target=extension(stage, TARGET, 3, answer=0.0),
        last=extension(stage, "103", 4, answer=0.0),
    )
    before = full_row(scene)
    refer(scene, "agent", TARGET)
    scene.hears({"far": "target", "target": "far"})
    scene.acme.do("transfer", scene.call_id, ext="103", legs=scene.far_side)
    scene.parties["target"].wait_idle()
    scene.hears({"far": "last", "last": "far"})
    wait_row(scene.acme, moved(before, scene.far_side, "103"))
    scene.acme.do("park", scene.call_id, legs=scene.agent_side)
    scene.hears({"far": "music"})
    scene.acme.do("transfer", scene.call_id, ext="101", legs=scene.far_side)
    scene.talking()
    wait_row(scene.acme, before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_phone_transfers_after_the_api_has(stage: Stage, kind: str) -> None:
    """The API's target sends the far side on by REFER."""
    scene = call_apart(
        stage,
        kind,
        target=extension(stage, TARGET, 3, answer=0.0),
        last=extension(stage, "103", 4, answer=0.0),
    )
    before = full_row(scene)
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=scene.far_side)
    scene.hears({"far": "target", "target": "far"})
    refer(scene, "target", "103")
    scene.hears({"far": "last", "last": "far"})
    wait_row(scene.acme, moved(before, scene.far_side, "103"))
    assert len(scene.acme.calls()) == 1


@pytest.mark.parametrize("kind", [INBOUND, LOCAL])
def test_a_held_side_is_transferred(stage: Stage, kind: str) -> None:
    """On hold it hears music; kept or let go, held or resumed, the transfer is the same."""
    scene = call_apart(stage, kind, target=extension(stage, TARGET, 3, answer=0.0))
    before = full_row(scene)
    scene.agent.hold()
    scene.hears({"far": "music"})
    wait_row(scene.acme, before)
    scene.agent.resume()
    scene.talking()
    scene.agent.hold()
    scene.hears({"far": "music"})
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=scene.far_side)
    scene.agent.wait_idle()
    scene.hears({"far": "target", "target": "far"})
    wait_row(scene.acme, moved(before, scene.far_side, TARGET))


def test_the_called_phone_s_blind_transfer_by_keys(stage: Stage) -> None:
    """## and a number: features.conf's own way, for the called party."""
    scene = call_apart(stage, INBOUND, target=extension(stage, TARGET, 3, answer=0.0))
    before = full_row(scene)
    scene.agent.press(f"##{TARGET}")
    scene.agent.wait_idle(10)
    scene.hears({"far": "target", "target": "far"})
    wait_row(scene.acme, moved(before, "aleg", TARGET))


@pytest.mark.parametrize("kind", [INBOUND, OUTBOUND])
def test_an_attended_transfer_by_keys_keeps_the_older_call(stage: Stage, kind: str) -> None:
    """*2, a number, a word with the target, hang up: two calls become one, the older."""
    scene = call_apart(stage, kind, target=extension(stage, TARGET, 3, answer=0.0))
    before = full_row(scene)
    scene.agent.press(f"*2{TARGET}")
    scene.hears({"agent": "target", "target": "agent", "far": "music"})
    assert scene.call_id in [row["call_id"] for row in scene.acme.calls()]
    scene.agent.hangup()
    scene.hears({"far": "target", "target": "far"})
    wait_row(scene.acme, moved(before, scene.far_side, TARGET))
    assert len(scene.acme.calls()) == 1
    scene.acme.do("transfer", scene.call_id, ext="101", legs=scene.far_side)
    scene.talking()
    wait_row(scene.acme, before)


def test_the_mobile_s_keys_do_nothing(stage: Stage) -> None:
    """A stranger cannot send a tenant's phone anywhere."""
    scene = call_up(stage, CLICK, target=extension(stage, TARGET, 3, answer=0.0))
    scene.far.press(f"##{TARGET}")
    scene.talking()
    assert not scene.parties["target"].rings
