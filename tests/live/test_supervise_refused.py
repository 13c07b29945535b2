"""A supervisor who does not come, or not for long: the call never notices, and nothing is left."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.instruments.refuser import Refuser
from tests.instruments.scene import CLICK, INBOUND, KINDS, LOCAL, OUTBOUND, call_up
from tests.instruments.stage import ACME, Stage
from tests.instruments.supervision import BARGE, BOSS, CHIEF, LISTEN, WHISPER, call_and_boss, only_the_call, ringing


@contextmanager
def _refuser(stage: Stage, status: str, contact: str = "") -> Iterator[Refuser]:
    password = stage.pbx.secrets.phones[f"{BOSS}@{ACME}"]
    proxy = f"127.0.0.1:{stage.pbx.sip_port}"
    with Refuser(BOSS, ACME, password=password, proxy=proxy, status=status, contact=contact) as refuser:
        yield refuser


@pytest.mark.parametrize(
    ("kind", "status"), [(CLICK, "603 Decline"), (INBOUND, "404 Not Found"), (LOCAL, "503 Service Unavailable")]
)
def test_a_phone_that_refuses(stage: Stage, kind: str, status: str) -> None:
    """Rung once, and not again."""
    with _refuser(stage, status) as refuser:
        scene = call_up(stage, kind)
        scene.acme.do(BARGE, scene.call_id, ext=BOSS)
        only_the_call(scene)
        assert refuser.rings == ["101"]


@pytest.mark.parametrize(("kind", "refuse"), [(OUTBOUND, 486), (INBOUND, 480)])
def test_a_busy_phone(stage: Stage, kind: str, refuse: int) -> None:
    """Busy at once, or not to be disturbed; a second request rings anew."""
    scene = call_up(stage, kind, boss=stage.phone(BOSS, 3, refuse=refuse))
    for _ in range(2):
        scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
        only_the_call(scene)


@pytest.mark.parametrize("kind", KINDS)
def test_a_supervisor_rejects(stage: Stage, kind: str) -> None:
    """After some ringing."""
    scene = ringing(stage, kind, BARGE)
    scene.talking()
    scene.parties["boss"].reject()
    only_the_call(scene)


def test_a_supervisor_hangs_up_at_once(stage: Stage) -> None:
    """Ten times, in the very moment of the answer."""
    scene = call_and_boss(stage, INBOUND, None)
    boss = scene.parties["boss"]
    for _ in range(10):
        scene.acme.do(BARGE, scene.call_id, ext=BOSS)
        boss.wait_ringing()
        boss.answer()
        boss.hangup()
        boss.wait_idle()
        stage.nothing_of_ours()
    only_the_call(scene)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["agent", "far"])
def test_the_call_ends_while_its_supervisor_rings(stage: Stage, kind: str, who: str) -> None:
    """The ringing stops."""
    scene = ringing(stage, kind, LISTEN)
    scene.parties[who].hangup()
    scene.parties["boss"].wait_idle()
    scene.acme.wait_gone(scene.call_id)
    stage.nothing_of_ours()


def test_a_phone_that_moved(stage: Stage) -> None:
    """A 302 to a colleague's phone."""
    with _refuser(stage, "302 Moved Temporarily", f"sip:{CHIEF}@127.0.0.1:{stage.pbx.sip_port}") as refuser:
        scene = call_up(stage, INBOUND, chief=stage.phone(CHIEF, 4, answer=0.0))
        scene.acme.do(BARGE, scene.call_id, ext=BOSS)
        only_the_call(scene)
        assert refuser.rings == ["101"]
