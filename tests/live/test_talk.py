"""The four kinds of call, before anything is done to them."""

import pytest

from tests.instruments.scene import KINDS, call_up
from tests.instruments.stage import Stage


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_hear_each_other(stage: Stage, kind: str) -> None:
    """The call is up, listed, and audible both ways."""
    scene = call_up(stage, kind)
    scene.talking()
    assert scene.row() == {
        "call_id": scene.call_id,
        "context": "acme.test",
        "created_time": (scene.row() or {})["created_time"],
        "destination": scene.far_number if scene.far_side == "bleg" else "101",
        "direction": scene.direction,
        "ip": "127.0.0.1",
        "source": scene.far_number if scene.far_side == "aleg" else "101",
        "state": "CS_EXECUTE",
    }
