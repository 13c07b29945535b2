"""Asterisk reads its configuration anew in the middle of everything: nothing is lost, and operations go on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from threading import Event

import pytest

from service.calls.reduce import CHANNELVARS
from tests.instruments.failures import another_client
from tests.instruments.limits import Limits
from tests.instruments.scene import CLICK, Scene
from tests.instruments.stage import Stage
from tests.instruments.supervision import BOSS, LISTEN, MODES, supervised, table
from tests.instruments.witness import Witness

pytestmark = pytest.mark.owns

RELOADS = ("core reload", "module reload res_pjsip.so", "dialplan reload")
ROUNDS = 3
CONNECTED = "patchbay_connections_total"


@pytest.fixture
def limits(stage: Stage) -> Iterator[Limits]:
    """None afterwards."""
    limits = Limits(stage)
    yield limits
    limits.clear()


def switching(scene: Scene, over: Event) -> set[int]:
    """Switches the supervisor's mode until told to stop; every HTTP status that came."""
    statuses = set()
    modes = cycle(MODES)
    with another_client(scene.stage, scene.stage.service.url) as http:
        while not over.is_set():
            statuses.add(http.post(f"/v1/call/{scene.call_id}/{next(modes)}", json={"ext": BOSS}).status_code)
    return statuses


def reload_all(scene: Scene) -> None:
    """Again and again, while modes are switched; the list is the same each time."""
    before, over = scene.acme.calls(), Event()
    with ThreadPoolExecutor(1) as pool:
        statuses = pool.submit(switching, scene, over)
        try:
            for command in RELOADS * ROUNDS:
                scene.stage.pbx.cli(command)
                assert scene.acme.calls() == before
        finally:
            over.set()
        assert statuses.result() == {200}


def test_asterisk_reads_everything_anew(stage: Stage, limits: Limits) -> None:
    """A call that is supervised, one whose extension rings, and a count that is full are the same afterwards."""
    limits.set(acme="at_once = 1")
    ringer, target = stage.phone("102", 4), stage.phone("104", 5, answer=0.0)
    scene = supervised(stage, CLICK, LISTEN, ringer=ringer, target=target)
    inside = scene.acme.click("102", "104")
    ringer.wait_ringing()
    connected = scene.acme.metrics()[CONNECTED]

    reload_all(scene)

    assert scene.acme.metrics()[CONNECTED] == connected
    assert {tuple(channel["channelvars"]) for channel in Witness(stage).channels()} == {CHANNELVARS}
    scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
    ringer.answer()
    scene.hears(
        table(
            boss=LISTEN,
        )
        | {"ringer": "target", "target": "ringer"}
    )
    limits.refuse_click("at_once", "104")
    scene.acme.do("park", inside, legs="aleg")
    scene.hears(table(boss=LISTEN) | {"target": "music"})
    scene.acme.do("transfer", inside, ext="102", legs="bleg")
    ringer.wait_ringing()
    ringer.answer()
    scene.hears(table(boss=LISTEN) | {"ringer": "target", "target": "ringer"})
