"""A phone that sends its calls elsewhere (302) decides on a number of its tenant's dialplan, and on nothing else.

Asterisk by itself dials what the Contact of a 302 names: with a slash in it, any channel it can make.
"""

import pytest

from tests.instruments.moves import extension, refuser
from tests.instruments.polling import eventually
from tests.instruments.stage import GLOBEX, HOTLINES, MOBILE, Stage

MOVED = "302 Moved Temporarily"
AROUND = [
    "PJSIP/101%40globex.test",
    "pjsip%2F101%40globex.test",
    "Local/101%40globex.test",
    "Local/ring%40patchbay-ring/n",
    "101%40globex.test",
]
"""Users of a Contact that name 101 of the other tenant, one way or another."""


@pytest.mark.parametrize("way", ["dialled", "click-to-call", "called by click-to-call"])
def test_never_to_another_tenant(stage: Stage, way: str) -> None:
    """The caller is told that nothing came of it, and the other tenant's phone never rings."""
    caller, stranger = extension(stage, "102", 1, answer=0.0), stage.phone("101", 3, GLOBEX)
    stage.start(caller=caller, stranger=stranger)
    for user in AROUND:
        with refuser(stage, "101", MOVED, f"sip:{user}@acme.test") as moved:
            if way == "dialled":
                caller.dial("101")
            elif way == "click-to-call":
                stage.acme.click("101", "102")
            else:
                stage.acme.click("102", "101")
            eventually(lambda moved=moved: moved.rings, message="not rung")  # type: ignore[misc]
            eventually(lambda: not stage.channels(), message=f"left after {user}", deadline=10)
        assert not stranger.rings, user


@pytest.mark.parametrize("user", ["PJSIP/0909123456%40carrier", "PJSIP%2F0909123456%40carrier", "0909123456"])
def test_to_the_trunk_only_as_the_tenant(stage: Stage, user: str) -> None:
    """Through the tenant's own dialplan, whose hotline is what the number sees: not past it."""
    caller, mobile = extension(stage, "102", 1), stage.mobile(2)
    stage.start(caller=caller, mobile=mobile)
    with refuser(stage, "101", MOVED, f"sip:{user}@acme.test"):
        caller.dial("101")
        ring = mobile.wait_ringing()
        assert ring.number == HOTLINES["acme.test"][0]
        assert mobile.invite(ring).startswith(f"INVITE sip:{MOBILE}@")
        caller.hangup()
        mobile.wait_idle()


def test_a_ring_group_and_a_carrier_send_nobody_anywhere(stage: Stage) -> None:
    """What they say is no number of the caller's choosing."""
    caller, colleague, stranger = extension(stage, "101", 1), extension(stage, "103", 2), stage.phone("101", 3, GLOBEX)
    stage.start(caller=caller, colleague=colleague, stranger=stranger)
    with refuser(stage, "102", MOVED, "sip:PJSIP/101%40globex.test@acme.test") as moved:
        for number in ("600", "700"):
            colleague_rings = len(colleague.rings)
            caller.dial(number)
            colleague.wait_rings(colleague_rings + 1)
            eventually(lambda: moved.rings)
            caller.hangup()
            caller.wait_idle()
    assert not stranger.rings
