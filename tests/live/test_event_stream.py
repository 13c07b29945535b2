"""The event stream breaks, falls silent, overflows or talks nonsense: no call suffers, and the list is true or 503."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from service.ari.client import CONNECTIONS
from service.live import BACKLOG_EVENTS
from tests.fast.fake_ari import bridge, channel
from tests.instruments.ari_proxy import AriProxy, Fault
from tests.instruments.faulty import no_faults_logged
from tests.instruments.garbage import LARGE, NOT_EVENTS, NOT_TEXT, TOO_LARGE, about_nobody
from tests.instruments.lost_events import (
    Sound,
    Told,
    colleagues,
    colleagues_stop,
    colleagues_talk,
    office,
    overloaded,
    wait_exact,
)
from tests.instruments.outage import out_of_reach
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, INBOUND, Scene, call_up
from tests.instruments.stage import Stage
from tests.instruments.supervision import BARGE, table
from tests.soak.footprint import growth, measure

pytestmark = pytest.mark.owns

SNAPSHOT = (3, 4)
"""The numbers of its requests for channels and bridges on a new connection: filter and subscription come first."""

OUT_OF_REACH = "Asterisk is out of reach"
SILENT = "open, but no event came through it"
FLOOD = 2_000
RECONNECTS = 100


def parked(scene: Scene) -> str:
    """The colleagues' call, of which 104 waits in the park; its id."""
    colleagues_talk(scene)
    (call_id,) = set(wait_exact(scene.stage)) - {scene.call_id}
    scene.acme.do("park", call_id, legs="aleg")
    scene.acme.wait_row(call_id, lambda row: row["state"] == "CS_PARK" and row["ip"] != "")
    return call_id


def reconnected(stage: Stage, proxy: AriProxy, before: int) -> bool:
    """Whether there is a new event stream, and a new picture."""
    return proxy.opened > before and stage.acme.http.get("/ready").status_code == 200


def many_connections(scene: Scene, proxy: AriProxy) -> None:
    """So many requests at one time that each has a connection of its own, which is kept."""
    slow = dict.fromkeys(range(1, CONNECTIONS + 1), Fault(seconds=0.2))
    ask = partial(scene.acme.ask, "transfer", scene.call_id, ext="199", legs="aleg")
    with proxy.watch(slow), ThreadPoolExecutor(CONNECTIONS) as clients:
        assert {one.result().status_code for one in [clients.submit(ask) for _ in slow]} == {400}


# -- lost ------------------------------------------------------------------------------


def test_closed(stage: Stage, proxy: AriProxy) -> None:
    """503 until there is a new picture; it has the same calls, under the same ids, and the log says that they are."""
    scene = office(stage)
    waiting = parked(scene)
    rows, sound, told = scene.acme.calls(), Sound(scene), Told(stage)
    with proxy.no_packets():
        proxy.cut_events()
        out_of_reach(stage, scene.call_id)
    assert wait_exact(stage) == sorted((scene.call_id, waiting))
    eventually(lambda: scene.acme.calls() == rows, message=f"not the rows of before: {rows}")
    assert told.pictures() == [(2, 0, 0)]
    assert len(told.lines(OUT_OF_REACH)) == 1
    sound.unbroken()
    scene.hears(table(boss=BARGE) | {"called": "music"})


def test_half_open(stage: Stage, proxy: AriProxy) -> None:
    """The connections are open and dead. What began unseen is adopted, what ended is cleared, and the log says so."""
    scene = office(stage)
    colleagues_talk(scene)
    (goes_on,) = set(wait_exact(stage)) - {scene.call_id}
    told = Told(stage)
    many_connections(scene, proxy)
    proxy.half_open()
    scene.agent.hangup()
    scene.far.wait_idle()
    scene.agent.dial("800")
    out_of_reach(stage, scene.call_id)
    (begun,) = set(wait_exact(stage, deadline=4)) - {goes_on}
    assert told.pictures() == [(2, 1, 1)]
    assert f"call adopted: local 101 to 800 call={begun}" in told.text
    assert f"call ended unseen call={scene.call_id}" in told.text
    assert len(told.lines(OUT_OF_REACH)) == 1
    scene.parties["boss"].wait_idle()
    stage.nothing_of_ours()
    eventually(lambda: "supervisor 103 off: the call ended" in told.text, message="not told")
    scene.acme.do("transfer", goes_on, ext="103", legs="bleg")
    scene.hears({"called": "boss", "boss": "called"})


def test_inactive(stage: Stage, proxy: AriProxy) -> None:
    """A stream that is open, answers pings and brings nothing is given up soon, and so is the next like it."""
    scene, told, opened = call_up(stage, CLICK), Told(stage), proxy.opened
    with proxy.inactive():
        eventually(lambda: not stage.service.ready(), deadline=6, message="still ready")
        out_of_reach(stage, scene.call_id)
        eventually(lambda: told.text.count(SILENT) == 2, message="the second one is not given up")
        assert proxy.opened == opened + 1
    assert wait_exact(stage) == [scene.call_id]
    assert told.pictures() == [(1, 0, 0)]
    scene.talking()


# -- more than can be kept -----------------------------------------------------------------


def test_what_comes_before_the_snapshot(stage: Stage, proxy: AriProxy) -> None:
    """What happens while it is on its way is known from events alone, and none of them is lost."""
    scene = call_up(stage, INBOUND, **colleagues(stage))
    colleagues_talk(scene)
    before, told, arrives = wait_exact(stage), Told(stage), threading.Event()
    with proxy.watch({number: Fault(then=partial(arrives.wait, 10)) for number in SNAPSHOT}) as asked:
        proxy.cut_events()
        eventually(lambda: len(asked) == len(SNAPSHOT) + 2 and proxy.quiet(), message="no snapshot is taken")
        colleagues_stop(scene)
        colleagues_talk(scene)
        arrives.set()
        after = wait_exact(stage)
    assert [one for one in after if one in before] == [scene.call_id]
    assert told.pictures() == [(2, 1, 1)]


def test_more_than_can_be_kept(stage: Stage, proxy: AriProxy) -> None:
    """Another snapshot is taken, so that nothing is missing."""
    scene = office(stage)
    colleagues_talk(scene)
    before, told, sound, opened = wait_exact(stage), Told(stage), Sound(scene), proxy.opened
    with proxy.watch(dict.fromkeys(SNAPSHOT, Fault(kept=True))) as asked:
        proxy.cut_events()
        eventually(lambda: len(asked) == len(SNAPSHOT) + 2, message="no snapshot is asked for")
        proxy.tell(*['{"type":"ChannelUserevent"}'] * BACKLOG_EVENTS)
        colleagues_stop(scene)
        colleagues_talk(scene)
        eventually(lambda: proxy.opened > opened + 1, deadline=10, message="it goes on with what it has")
        after = wait_exact(stage)
    assert f"{BACKLOG_EVENTS} events came before the snapshot they belong to" in told.text
    assert [one for one in after if one in before] == [scene.call_id]
    sound.unbroken()


# -- nonsense --------------------------------------------------------------------------------


def test_garbage(stage: Stage, proxy: AriProxy) -> None:
    """Nothing changes, on the same connection; calls that come and go meanwhile are seen, and the log can be read."""
    scene, told, opened = office(stage), Told(stage), proxy.opened
    rows, sound = scene.acme.calls(), Sound(scene)
    nobody = channel("pbx-7.7", "PJSIP/101@acme.test-00000007", dnid="102")
    with no_faults_logged(stage):
        proxy.tell(*NOT_EVENTS, *NOT_TEXT, LARGE, *about_nobody(nobody, bridge("b", "pbx-7.7")))
        colleagues_talk(scene)
        proxy.tell(*NOT_EVENTS * (FLOOD // len(NOT_EVENTS)))
        assert len(wait_exact(stage)) == 2
        colleagues_stop(scene)
        assert wait_exact(stage) == [scene.call_id]
        assert scene.acme.calls() == rows
        assert proxy.opened == opened
        assert 1 <= len(told.lines("an event that is not understood")) < 10
        assert max(map(len, told.text.splitlines())) < 1000
        proxy.tell(TOO_LARGE)
        eventually(partial(reconnected, stage, proxy, opened), message="what is too large is waited for")
        assert wait_exact(stage) == [scene.call_id]
    sound.unbroken()
    scene.acme.do("park", scene.call_id, legs=scene.agent_side)
    scene.acme.wait_row(scene.call_id, lambda row: row["state"] == "CS_PARK")


# -- again and again ---------------------------------------------------------------------------


def test_a_hundred_reconnects(stage: Stage, proxy: AriProxy) -> None:
    """Under a supervised call and others that come and go; then calls and REGISTER still work, and nothing leaks."""
    scene = office(stage)
    sound, told, before = Sound(scene), Told(stage), measure(stage)
    with no_faults_logged(stage):
        for number in range(RECONNECTS):
            if number % 10 == 0:
                (colleagues_stop if number % 20 else colleagues_talk)(scene)
            opened = proxy.opened
            proxy.cut_events()
            eventually(partial(reconnected, stage, proxy, opened), message=f"not ready again after {number}")
    assert wait_exact(stage) == [scene.call_id]
    assert len(told.pictures()) == RECONNECTS
    sound.unbroken()
    eventually(lambda: not growth(before, measure(stage), calls=5), deadline=20, message=f"more than {before}")
    eventually(lambda: not overloaded(stage), message=f"Asterisk is overloaded: {overloaded(stage)}")
    scene.parties["late"] = stage.phone("105", 0, answer=0.0)
    stage.start(late=scene.parties["late"])
    assert "105@acme.test" in stage.pbx.cli("pjsip show contacts")
    stage.acme.click("104", "105")
    scene.hears(table(boss=BARGE) | {"called": "late", "late": "called"})
