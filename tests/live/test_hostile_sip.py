"""What a phone and a carrier write into SIP is text: it is no dial string, no function, and no line of a log."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.instruments.faulty import Exchange
from tests.instruments.hostile import EXTENSIONS, FUNCTIONS, HEADERS, NUMBERS, PATTERNS, SEPARATORS, SIGNS
from tests.instruments.moves import extension, refuser
from tests.instruments.paper import trail
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.scene import INBOUND_NUMBER
from tests.instruments.stage import ACME, GLOBEX, HOTLINES, Stage
from tests.instruments.stranger import Attempt, Login, Stranger
from tests.instruments.supervision import BOSS
from tests.instruments.witness import Witness

pytestmark = pytest.mark.owns

ABROAD = "0012125550100"
MOVED, THERE = "302 Moved Temporarily", f"sip:PJSIP%2F{ABROAD}%40carrier@acme.test"
CONTACTS = [
    "127.0.0.1:{port},30,g",
    "127.0.0.1,30,U(demo-carrier)",
    f"x&PJSIP/carrier/sip:{ABROAD}",
    "x&PJSIP/carrier",
    "x%26PJSIP/carrier",
    "x;y,30",
]
"""Users of a Contact: before its @ an option of Dial() less, a subroutine more, another channel."""

SAME_AS_DIALLED = re.compile(r"0[0-9]{2,}|[+][0-9]{2,}|11[0-9]")
"""What leads outside in the demo dialplan."""

INSIDE = re.compile(r"[1-8][0-9]{2}|[*]8")  # *8 takes what rings at a colleague's
TRICKS = [*SEPARATORS, *FUNCTIONS, *HEADERS, *PATTERNS, *EXTENSIONS, *SIGNS, *NUMBERS]
DIALLED = [
    *(text for text in TRICKS if text.strip() and (SAME_AS_DIALLED.fullmatch(text) or not INSIDE.fullmatch(text))),
    *(f"0901{text}" for text in ("&PJSIP/102", ",1,g", "${SHELL(id)}", ";x", '"', "\n12", "\0", "-1", "\uff11")),
    "9" * 300,
    f"{ABROAD}@carrier",
]
NOT_TEXT = ["0901%ff", "%2b84%ff%fe", "1%ff1", "%23%ff"]
"""Percent-encoded, and no UTF-8 when decoded."""

CALLERS = {
    "quotes": '"a\\"b\'c;d" <sip:0909@carrier.invalid>',
    "parameters": "<sip:0909;phone-context=x@carrier.invalid>",
    "a header": "<sip:0909%0d%0aX-Evil:%201@carrier.invalid>",
    "a header in the name": '"x%0d%0aX-Evil: 1" <sip:0909@carrier.invalid>',
    "a function": '"${SHELL(id)}" <sip:%24%7bGLOBAL(HOTLINE_acme.test)%7d@carrier.invalid>',
    "no text": "<sip:%ff%fe@carrier.invalid>",
    "an end": "<sip:0909%00x@carrier.invalid>",
    "full width": '"\uff11" <sip:%EF%BC%91%EF%BC%92@carrier.invalid>',
    "the terminal": "<sip:%1b%5b2J@carrier.invalid>",
    "a line": "<sip:%E2%80%A82026-01-01%2000%3A00%3A00%20INFO%20forged@carrier.invalid>",
    "a page": '"<script>" <sip:%3Cscript%3E@carrier.invalid>',
    "two": "<sip:101&102@carrier.invalid>",
    "overlong": f'"{"x" * 300}" <sip:{"9" * 900}@carrier.invalid>',
}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def warned(stage: Stage) -> int:
    return stage.pbx.log.read_text().count("has registered a contact that is not dialled")


@pytest.mark.parametrize("way", ["dialled", "click-to-call", "called by click-to-call", "in a group"])
def test_a_phone_s_contact_is_no_dial_string(stage: Stage, way: str) -> None:
    """Nobody rings, at the carrier or elsewhere; and where another phone is rung as well, it alone."""
    evil, others = ("102", "101") if way == "in a group" else ("101", "102")
    caller, colleague = extension(stage, others, 1, answer=0.0), extension(stage, "103", 2)
    stranger, mobile = stage.phone("101", 3, GLOBEX), stage.mobile(4)
    stage.start(caller=caller, colleague=colleague, stranger=stranger, mobile=mobile)
    ask: Callable[[], object] = {
        "dialled": lambda: caller.dial("101"),
        "click-to-call": lambda: stage.acme.click("101", others),
        "called by click-to-call": lambda: stage.acme.click(others, "101"),
        "in a group": lambda: caller.dial("600"),
    }[way]
    for known in CONTACTS:
        begun, rung = warned(stage), len(colleague.rings)
        with refuser(stage, evil, MOVED, THERE, known) as phone:
            ask()
            eventually(lambda begun=begun: warned(stage) > begun, message=f"not seen: {known}")  # type: ignore[misc]
            if way == "in a group":
                colleague.wait_rings(rung + 1)
            stage.pbx.cli("channel request hangup all")
            eventually(lambda: not stage.channels(), message=f"left after {known}")
            caller.wait_idle()
        assert not phone.rings + stranger.rings + mobile.rings, known


def test_a_number_is_digits_or_leads_nowhere(stage: Stage) -> None:
    """From a phone that knows its password; the carrier is called at what was dialled, to the letter, or not at all."""
    colleague, stranger, mobile = extension(stage, "102", 1), stage.phone("101", 2, GLOBEX), stage.mobile(3)
    stage.start(colleague=colleague, stranger=stranger, mobile=mobile)
    texts = {text.partition("\0")[0] for text in DIALLED}  # SIP's %00 is C's end of a text
    outside = {text for text in texts if SAME_AS_DIALLED.fullmatch(text)}
    login = Login("101", stage.pbx.secrets.phones[f"101@{ACME}"])

    def dial(number: str) -> Attempt:
        with Stranger(stage.pbx.sip_port, ACME) as phone:
            return phone.invite(number, "101", login, patient=False)

    numbers = [*(quote(text, safe="") for text in DIALLED), *NOT_TEXT]
    with ThreadPoolExecutor(4) as pool:
        attempts = list(pool.map(dial, numbers))
    assert not [(number, one) for number, one in zip(numbers, attempts, strict=True) if one.status < 400]
    eventually(lambda: not stage.channels(), message="Asterisk still holds something")
    mobile.wait_rings(len(outside))
    assert {mobile.invite(ring).split()[1].partition("@")[0] for ring in mobile.rings} == {
        f"sip:{number}" for number in outside
    }
    assert {ring.number for ring in mobile.rings} == {HOTLINES[ACME][0]}
    assert not colleague.rings + stranger.rings
    eventually(lambda: not stage.acme.calls(), message="a call that is over is still listed")


@pytest.mark.parametrize("number", NOT_TEXT)
def test_what_is_no_text_hides_no_call(stage: Stage, number: str) -> None:
    """While such a number is being answered, ARI and the list tell of all others."""
    caller, called = extension(stage, "102", 1), extension(stage, "103", 2)
    stage.start(caller=caller, called=called)
    caller.dial("103")
    called.wait_ringing()
    login = Login("101", stage.pbx.secrets.phones[f"101@{ACME}"])
    with Stranger(stage.pbx.sip_port, ACME) as phone, ThreadPoolExecutor(1) as pool:
        attempt = pool.submit(phone.invite, number, "101", login)
        eventually(lambda: len(stage.channels()) > 2, message="not there")
        assert len(Witness(stage).channels()) > 2
        stage.acme.http.get("/ready").raise_for_status()
        assert "103" in [row["destination"] for row in stage.acme.calls()]
        stage.pbx.cli("channel request hangup all")
        assert attempt.result().status >= 400


def test_a_caller_s_number_is_text_wherever_it_is_told(stage: Stage) -> None:
    """In the list, both logs, the metrics, and what the phones are sent: whole, on one line, and never carried out."""
    agent, boss = extension(stage, "101", 1, answer=0.0), extension(stage, BOSS, 2)
    stage.start(agent=agent, boss=boss)
    login, begun = Login("carrier", stage.pbx.secrets.carrier_password), len(stage.service.log)
    for what, sender in CALLERS.items():
        rung = len(boss.rings)
        with Stranger(stage.pbx.sip_port, "carrier.invalid") as carrier:
            assert carrier.invite(INBOUND_NUMBER, "carrier", login, sender=sender).status == 200, what
            eventually(Exchange(stage).pairs, message=f"not up: {what}")
            row = stage.acme.only_call()
            assert HOTLINES[ACME][0] not in row["source"], what
            stage.acme.do("listen", row["call_id"], ext=BOSS)
            boss.wait_rings(rung + 1)
            (line,) = trail(stage, row["call_id"])
            assert (line["event"], line["source"]) == ("rung", row["source"]), what
            agent.hangup()
            eventually(lambda: not stage.channels(), message=f"left after {what}")
        for phone in (agent, boss):
            assert_plain(phone, what)
    metrics = stage.acme.http.get("/metrics").text
    for told in (stage.service.log[begun:], metrics):
        assert not [line for line in told.splitlines() if CONTROL.search(line)]
        assert "\nX-Evil" not in told
    eventually(lambda: not stage.acme.calls(), message="a call that is over is still listed")


def assert_plain(phone: Phone, what: str) -> None:
    """The INVITE it was sent has the headers of any other."""
    names = {line.partition(":")[0] for line in phone.invite(phone.rings[-1]).splitlines()[1:]}
    assert not {name for name in names if not re.fullmatch(r"[A-Za-z-]+", name) or "Evil" in name}, what
