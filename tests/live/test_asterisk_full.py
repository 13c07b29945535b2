"""An Asterisk that is out of RTP ports, or holds as many calls as it may: calls that are up never notice.

What is refused is refused at once and leaves nothing behind; what needs no more than there is works; and when there is
room again, all does.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from service.switchboard import RECEIPT_SECONDS
from tests.instruments.failures import check, click_failure, failure
from tests.instruments.limits import HOTLINE
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, OUTBOUND, Scene, call_up
from tests.instruments.stage import MOBILE, Stage, live_stage
from tests.instruments.supervision import BOSS, LISTEN, only_the_call, unique_id
from tests.instruments.witness import Witness

pytestmark = pytest.mark.owns

FREE, TARGET = "102", "104"
NO_SOUND = "488"
"""The SIP status of a call for which Asterisk has no RTP port."""


@contextmanager
def rtp_ports(stage: Stage, count: int) -> Iterator[None]:
    """Inside, Asterisk has so many for new calls; a leg takes two."""
    file = stage.pbx.folder / "etc" / "local" / "rtp.conf"
    before, first = file.read_text(), stage.pbx.settings.ports.rtp_start
    try:
        file.write_text(f"rtpstart = {first}\nrtpend = {first + count - 1}\n")
        stage.pbx.cli("module reload res_rtp_asterisk.so")
        yield
    finally:
        file.write_text(before)
        stage.pbx.cli("module reload res_rtp_asterisk.so")


def test_out_of_rtp_ports(stage: Stage) -> None:
    """One call has them all. A phone hears why; a click and a listen ring nobody; a transfer needs no more."""
    with rtp_ports(stage, 4):
        idle = {"free": stage.phone(FREE, 4), "boss": stage.phone(BOSS, 3, answer=0.0)}
        scene = call_up(stage, CLICK, target=stage.phone(TARGET, 5, answer=0.0), **idle)
        idle["free"].dial(TARGET)
        idle["free"].wait_idle()
        assert idle["free"].ended[-1].reason.startswith(NO_SOUND)
        scene.acme.wait_gone(scene.acme.click(FREE, TARGET))
        scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
        only_the_call(scene)
        assert not [phone for phone in idle.values() if phone.rings]
        scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=scene.far_side)
        scene.hears({"far": "target", "target": "far"})
    scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
    scene.hears({"far": "target", "target": "far", "boss": "far target"})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A PBX that holds three calls."""
    folder = tmp_path_factory.mktemp("small")
    with live_stage(
        folder, f"{folder.parent.name}-small", {"asterisk.conf": "\n[options](+)\nmaxcalls = 3\n"}
    ) as stage:
        yield stage


def join_conference(stage: Stage, phone: Phone) -> None:
    """A call of one leg, which no service has a hand in."""
    phone.dial("800")
    phone.wait_established()
    leg = unique_id(stage, phone.address)
    inside = Witness(stage).bridges
    eventually(lambda: any(leg in bridge["channels"] for bridge in inside()), message="not in the conference")


def refused_at_once(scene: Scene, *attempts: tuple[str, dict[str, str]]) -> None:
    """Each verb gets its 503, all of them before anybody has waited in vain for one, and Asterisk is as it was."""
    before, started = Witness(scene.stage).still(), time.monotonic()
    for verb, body in attempts:
        answer = scene.acme.ask(verb, scene.call_id, **body)
        assert (answer.status_code, answer.content) == failure(verb, "SERVICE_UNAVAILABLE"), (verb, body)
    assert time.monotonic() - started < RECEIPT_SECONDS
    assert Witness(scene.stage).still() == before


def test_as_many_calls_as_may_be(small: Stage) -> None:
    """With one place left a leg that needs two is not touched; with none nothing begins; then it all works."""
    idle = {"target": small.phone(TARGET, 4, answer=0.0), "other": small.phone(FREE, 5)}
    scene = call_up(small, OUTBOUND, boss=small.phone(BOSS, 3, answer=0.0), **idle)
    far_moves = ("transfer", {"ext": BOSS, "legs": "bleg"}), ("park", {"legs": "aleg"})
    agent_moves = ("transfer", {"ext": BOSS, "legs": "aleg"}), ("park", {"legs": "bleg"})
    join_conference(small, idle["other"])
    refused_at_once(scene, *far_moves)
    join_conference(small, idle["target"])
    refused_at_once(scene, *far_moves, *agent_moves, (LISTEN, {"ext": BOSS}))
    click = f'{{"extension":"{BOSS}","hotline":"{HOTLINE}","phone_number":"{MOBILE}"}}'.encode()
    check(scene.acme.http, iter([("/api/click2call", click, click_failure("Unknown"))]))
    scene.talking(target="other", other="target")
    assert not scene.parties["boss"].rings
    small.nothing_of_ours()

    for phone in idle.values():
        phone.hangup()
    eventually(lambda: "1 of 3 max" in small.pbx.cli("core show channels count"), message="no room")
    scene.acme.do("park", scene.call_id, legs="aleg")
    scene.hears({"far": "music"})
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs="bleg")
    scene.hears({"far": "target", "target": "far"})
    scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
    scene.hears({"far": "target", "target": "far", "boss": "far target"})
    small.strike()
