"""Outbound limits on a real Asterisk: what is over them reaches neither a phone nor the carrier, whoever asks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.instruments.control import PhoneError
from tests.instruments.failures import another_client
from tests.instruments.limits import Limits
from tests.instruments.moves import extension, refuser
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, INBOUND_NUMBER, OUTBOUND, call_up
from tests.instruments.service import Service
from tests.instruments.stage import MOBILE, Stage

pytestmark = pytest.mark.owns

ABROAD = "0012125550100"
LOCAL_ONLY = 'allow = ["0[1-9]XXXXXXXX"]'


@pytest.fixture
def limits(stage: Stage) -> Iterator[Limits]:
    """None at first, none afterwards."""
    limits = Limits(stage)
    yield limits
    limits.clear()


def ring_and_reject(limits: Limits, stage: Stage, number: str = MOBILE) -> None:
    """A click that is allowed: 101 rings, and will not."""
    with refuser(stage, "101", "486 Busy Here") as phone:
        assert b'"call_uuid"' in limits.click("101", number)
        eventually(lambda: phone.rings, message="not rung")
        eventually(lambda: not stage.channels(), message="Asterisk still holds something")


def has_refused(limits: Limits, calls: float) -> bool:
    return limits.refused("at_once") == calls


@pytest.mark.parametrize(
    ("acme", "everybody", "reason"),
    [
        ('allow = ["0908XXXXXX", "+84."]', "", "number"),
        ('allow = ["X."]\ndeny = ["0909."]', "", "number"),
        ("enabled = false", "", "stopped"),
        ("", "enabled = false", "stopped"),
        ("per_minute = 1", "", "per_minute"),
        ("per_day = 1", "", "per_day"),
        ("at_once = 1", "", "at_once"),
    ],
)
def test_a_limit_refuses_before_anything_rings(
    stage: Stage, limits: Limits, acme: str, everybody: str, reason: str
) -> None:
    """A click, and a phone's own call; where a count has to be full, one call of another phone has filled it."""
    limits.set(acme, everybody)
    agent, caller, first, mobile = (
        extension(stage, "101", 1),
        extension(stage, "102", 2),
        extension(stage, "103", 3),
        stage.mobile(4),
    )
    stage.start(agent=agent, caller=caller, first=first, mobile=mobile)
    if reason not in ("number", "stopped"):
        first.dial(MOBILE)
        mobile.wait_ringing()
        first.wait_alerting()
    if reason.startswith("per_"):
        first.hangup()
        eventually(lambda: not stage.channels(), message="still there")
    rung = len(mobile.rings)
    limits.refuse_click(reason)
    limits.refuse_phone(reason, caller)
    assert (len(agent.rings), len(mobile.rings)) == (0, rung)
    assert f"outbound call refused, {reason}: PJSIP/102@acme.test-" in stage.service.log
    assert f"Outbound call of acme.test to {MOBILE} refused: {reason}" in stage.pbx.log.read_text()


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    [
        ("0[35789]XXXXXXXX", ["0909123456", "0312345678"], ["0112345678", "090912345", "09091234567", "+0909123456"]),
        ("+84.", ["+84909123456", "+841"], ["+84", "84909123456", "0084909123456", "+85909123456"]),
        ("NZX", ["210", "999"], ["110", "201", "20", "2100"]),
    ],
)
def test_asterisk_reads_a_pattern_as_it_is_meant(
    stage: Stage, limits: Limits, pattern: str, allowed: list[str], refused: list[str]
) -> None:
    """The same numbers pass on the PBX as in the fast tests."""
    limits.set(f'allow = ["{pattern}"]')
    with refuser(stage, "101", "486 Busy Here"):
        for number in refused:
            limits.refuse_click("number", number=number)
        for number in allowed:
            assert b'"call_uuid"' in limits.click("101", number)
        eventually(lambda: not stage.channels(), message="Asterisk still holds something")


def test_as_many_patterns_as_there_may_be(stage: Stage, limits: Limits) -> None:
    """The last of a list just short enough counts, for what is allowed and for what is not."""
    many = [f"0{number:09d}" for number in range(80)]
    limits.set(f"allow = {many}\ndeny = {many[:79]}")
    with refuser(stage, "101", "486 Busy Here"):
        limits.refuse_click("number", number=many[78])
        assert b'"call_uuid"' in limits.click("101", many[79])
        eventually(lambda: not stage.channels(), message="Asterisk still holds something")


def test_ten_clicks_at_once_through_two_replicas(stage: Stage, limits: Limits, tmp_path: Path) -> None:
    """Three may be: three are rung, whichever replica they came through."""
    limits.set("at_once = 3")
    agent = extension(stage, "101", 1).start()
    settings = stage.service.settings
    other = Service(tmp_path, **settings | {"app": settings["app"] + "-b"}).start()
    try:
        with another_client(stage, other.url) as second, ThreadPoolExecutor(10) as pool:
            clients = [stage.acme.http, second]
            body = {"extension": "101", "hotline": "02873001234", "phone_number": MOBILE}
            counted = limits.refused("at_once")
            answers = list(pool.map(lambda turn: clients[turn % 2].post("/api/click2call", json=body).text, range(10)))
        assert sum("call_uuid" in answer for answer in answers) == 3, answers
        assert sum("do_not_call" in answer for answer in answers) == 7
        agent.wait_rings(3)
        eventually(lambda: limits.refused("at_once") == counted + 7, message="each replica counts all")
        assert len(stage.acme.calls()) == 3
        limits.refuse_click("at_once")
        assert len(agent.rings) == 3
    finally:
        other.stop()


def test_many_calls_at_the_same_instant(stage: Stage, limits: Limits) -> None:
    """Side by side in Asterisk's own threads, as phones dial: three pass, turn after turn."""
    stage.mobile(1).start()
    limits.set("at_once = 3")
    counted, callers, turns = limits.refused("at_once"), 32, 4
    call = {"endpoint": f"Local/{MOBILE}@acme.test/n", "app": stage.service.settings["app"]}
    with (
        httpx.Client(
            base_url=stage.pbx.ari_url, auth=("patchbay", stage.pbx.secrets.ari_password), verify=NO_TLS
        ) as ari,
        ThreadPoolExecutor(16) as pool,
    ):
        for turn in range(1, turns + 1):
            list(pool.map(lambda _: ari.post("/channels", params=call).raise_for_status(), range(callers)))
            refused = counted + turn * (callers - 3)
            eventually(partial(has_refused, limits, refused), message="not all but three")
            stage.pbx.cli("channel request hangup all")
            eventually(lambda: not stage.channels(), message="still there")


def test_the_counts_outlive_the_service(stage: Stage, limits: Limits) -> None:
    """Killed with a call up: phones meet the same limits meanwhile, and so does the next process."""
    limits.set("at_once = 1\nper_day = 2")
    scene = call_up(stage, CLICK, other=extension(stage, "102", 3))
    other, rung = scene.parties["other"], len(scene.far.rings)
    stage.service.kill()
    other.dial(MOBILE)
    eventually(lambda: other.ended, message="not refused")
    assert other.ended[-1].reason.startswith("403")
    stage.serve()
    limits.refuse_click("at_once", extension="102")
    scene.far.hangup()
    eventually(lambda: not stage.channels(), message="still there")
    other.dial(MOBILE)
    scene.far.wait_rings(rung + 1)
    other.hangup()
    eventually(lambda: not stage.channels(), message="still there")
    limits.refuse_click("per_day", extension="102")


@pytest.mark.parametrize(("limit", "seconds"), [("per_minute", 60), ("per_day", 86400)])
def test_a_call_counts_for_as_long_as_is_said(stage: Stage, limits: Limits, limit: str, seconds: int) -> None:
    """And not a moment more; one that a wrong clock has put into the future does not count."""
    limits.set(f"{limit} = 1")
    with refuser(stage, "101", "486 Busy Here"):
        limits.made(ago=seconds - 30)
        limits.refuse_click(limit)
    for ago in (seconds + 1, -3600):
        limits.made(ago=ago)
        ring_and_reject(limits, stage)
    assert limits.stored("calls", "acme.test/0") is None


def test_everything_is_stopped_at_once_but_what_is_up(stage: Stage, limits: Limits) -> None:
    """A call that is up talks on; one whose extension still rings gets no further; and then it is all as before."""
    scene = call_up(stage, CLICK, other=extension(stage, "102", 3))
    other, rung = scene.parties["other"], len(scene.far.rings)
    limits.set("per_minute = 100")
    stage.acme.click("102", MOBILE)
    other.wait_ringing()
    limits.set("per_minute = 100", everybody="enabled = false")
    limits.refuse_click("stopped", extension="102")
    with suppress(PhoneError):  # it can be over before the phone has said that it talks
        other.answer()
    other.wait_idle()
    assert len(scene.far.rings) == rung
    scene.talking(other="")
    limits.set()
    stage.acme.click("102", MOBILE)
    other.wait_ringing()


def test_what_is_not_outside_is_never_touched(stage: Stage, limits: Limits) -> None:
    """With everything stopped: inbound and local calls, and the emergency numbers, which no count holds either."""
    limits.set("enabled = false\nat_once = 1\nper_minute = 1\nper_day = 1", everybody="enabled = false")
    agent, colleague, mobile = (
        extension(stage, "101", 1, answer=0.0),
        extension(stage, "102", 2, answer=0.0),
        stage.mobile(3, answer=0.0),
    )
    stage.start(agent=agent, colleague=colleague, mobile=mobile)
    dials: tuple[Callable[[], object], ...] = (
        lambda: mobile.dial(INBOUND_NUMBER),
        lambda: colleague.dial("101"),
        lambda: stage.acme.click("101", "102"),
        lambda: stage.acme.click("101", "113"),
        lambda: agent.dial("115"),
        lambda: agent.dial("115"),
    )
    for dial in dials:
        dial()
        agent.wait_established()
        eventually(stage.settled, message="not up")
        agent.hangup()
        eventually(lambda: not stage.channels(), message="still there")
    assert [ring.number for ring in mobile.rings] == ["02873001234"] * 3


def test_a_phone_cannot_send_a_call_where_it_may_not_call(stage: Stage, limits: Limits) -> None:
    """302 from a called phone, 302 from the extension of a click, and REFER: each asks at the gate."""
    limits.set(LOCAL_ONLY)
    scene = call_up(stage, OUTBOUND, caller=extension(stage, "102", 3))
    rung = len(scene.far.rings)
    with refuser(stage, "103", "302 Moved Temporarily", f"sip:{ABROAD}@acme.test"):
        counted, caller = limits.refused("number"), scene.parties["caller"]
        caller.dial("103")
        eventually(lambda: caller.ended, message="still dialling")
        eventually(lambda: limits.refused("number") == counted + 1, message="302: not counted")
        stage.acme.click("103", MOBILE)
        eventually(lambda: limits.refused("number") == counted + 2, message="302 of the extension: not counted")
    scene.agent.transfer(ABROAD)
    scene.far.wait_idle()
    eventually(lambda: limits.refused("number") == counted + 3, message="REFER: not counted")
    assert len(scene.far.rings) == rung


def test_a_place_is_held_as_long_as_the_leg_outside(stage: Stage, limits: Limits) -> None:
    """Also when the phone that called has sent it on; and no longer, also when that phone talks on inside."""
    limits.set("at_once = 1")
    third = extension(stage, "103", 4)
    scene = call_up(stage, OUTBOUND, other=extension(stage, "102", 3, answer=0.0), third=third)
    scene.agent.transfer("102")
    scene.agent.wait_idle()
    scene.hears({"far": "other", "other": "far"})
    limits.refuse_phone("at_once", scene.agent)
    scene.far.hangup()
    eventually(lambda: not stage.channels(), message="still there")
    scene.agent.dial(MOBILE)
    scene.agent.wait_established()
    limits.refuse_click("at_once", extension="103")
    (row,) = stage.acme.calls()
    stage.acme.do("transfer", row["call_id"], ext="102", legs="aleg")
    scene.hears({"agent": "other", "other": "agent"})
    stage.acme.click("103", MOBILE)
    third.wait_ringing()


def test_a_click_that_its_phone_sends_outside_has_two_places(stage: Stage, limits: Limits) -> None:
    """The one it was let through with waits for the number clicked, also while the phone's choice is rung."""
    limits.set("at_once = 2")
    mobile = stage.mobile(1)
    stage.start(agent=extension(stage, "101", 2), mobile=mobile)
    with refuser(stage, "103", "302 Moved Temporarily", "sip:0908000000@acme.test"):
        stage.acme.click("103", MOBILE)
        mobile.wait_ringing()
        limits.refuse_click("at_once")
