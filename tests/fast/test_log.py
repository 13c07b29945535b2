"""The log: one line an entry with its ids, no secret in it, and no way for anybody's text to forge a line."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service import journal, log
from service.ari.models import Event
from service.calls import reduce
from service.log import bind, logger, rebind, safe
from tests.fast.channels import trunk
from tests.fast.replay import events, start, steps

Printed = Callable[[], str]
SECRET = "mKd0-Xq_3vN8rT5wYb1LzJ7hGf2sPc9uAeRi4oQtE6U"  # as `python -m service token` makes them
ODD = "s3cret.of/an+operator~=="
HEAD = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG  |INFO   |WARNING|ERROR  ) "


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Printed]]:
    """`configure`, to a string; afterwards the log is as it was."""
    root, level, handlers = logging.getLogger(), logging.getLogger().level, list(logging.getLogger().handlers)
    own = logger.level

    def start(level: str = "info", **how: bool) -> Printed:
        out = io.StringIO()
        monkeypatch.setattr("sys.stderr", out)
        log.configure(level, {SECRET, ODD}.__contains__, **how)
        return out.getvalue

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    logger.setLevel(own)


def test_a_line(configured: Callable[..., Printed]) -> None:
    """Time, level, what happened, and the ids it happened to."""
    printed = configured()
    with bind(request="r1"):
        rebind(tenant="acme.test")
        logger.info("done", extra={"ids": {"call": "c1"}})
    logger.info("outside")
    first, second = printed().splitlines()
    assert re.fullmatch(HEAD + "done request=r1 tenant=acme.test call=c1", first)
    assert re.fullmatch(HEAD + "outside", second)


def test_binds_nest(configured: Callable[..., Printed]) -> None:
    """What was bound inside is forgotten outside."""
    printed = configured()
    with bind(request="r1"):
        with bind(call="c1"):
            logger.info("inner")
        logger.info("outer")
    assert [re.sub(HEAD, "", line) for line in printed().splitlines()] == [
        "inner request=r1 call=c1",
        "outer request=r1",
    ]


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_level(configured: Callable[..., Printed], level: str, count: int) -> None:
    """Less is not told."""
    printed = configured(level)
    for kind in (logger.debug, logger.info, logger.warning, logger.error):
        kind("told")
    assert len(printed().splitlines()) == count


def test_libraries_debug_lines_stay_out(configured: Callable[..., Printed]) -> None:
    """websockets prints the headers of its handshake at debug, the ARI password among them."""
    printed = configured("debug")
    logging.getLogger("websockets.client").debug("> Authorization: Basic c2VjcmV0")
    logging.getLogger("asyncio").debug("noise")
    assert printed() == ""


def test_hostile_text_begins_no_line(configured: Callable[..., Printed]) -> None:
    """Neither in a message, nor in an id, nor in a traceback."""
    printed = configured()
    forged = "x\n2026-01-01 00:00:00,000 INFO    forged tenant=globex.test\r\x85\u2028\x1b[2J"
    logger.info("%s", forged)
    with bind(call=forged):
        logger.info("bound")
    try:
        raise ValueError(forged)
    except ValueError:
        logger.exception("failed")
    lines = printed().splitlines()
    assert len([line for line in lines if re.match(HEAD, line)]) == 3
    assert not [line for line in lines if line.startswith("2026-01-01")]
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("secret", [SECRET, ODD])
@pytest.mark.parametrize(
    "place",
    ["/v1/call/%s/listen", "token=%s", "Bearer%%20%s", "x@%s:5060", "<%s>", "%s", "%s,", "GET /%s?a=b", "a&t=%s"],
)
def test_a_token_is_blotted_out(configured: Callable[..., Printed], place: str, secret: str, as_json: bool) -> None:
    """Wherever it stands in a message, an id or a traceback."""
    printed = configured(as_json=as_json)
    for spelt in (quote(secret, safe=""), "".join(f"%{ord(sign):02x}" for sign in secret)):
        said = place % spelt
        with bind(refused=said):
            logger.info("asked for %s", said)
        try:
            raise ValueError(said)
        except ValueError:
            logger.exception("failed")
        assert spelt not in printed()
    assert printed().count("[token]") == 6


def test_a_token_with_a_slash_in_it_is_blotted_out(configured: Callable[..., Printed]) -> None:
    """As base64 makes them."""
    printed = configured()
    for value, said in ((ODD, "[token]"), (f"Bearer {ODD}", "'Bearer [token]'")):
        with bind(refused=value):
            logger.info("asked")
        assert printed().endswith(f"asked refused={said}\n")


def test_what_is_no_token_stays(configured: Callable[..., Printed]) -> None:
    """Also what has one inside."""
    printed = configured()
    logger.info("%s %sx", SECRET[:-1], SECRET)
    assert f"{SECRET[:-1]} {SECRET}x" in printed()


def test_no_value_makes_a_long_line(configured: Callable[..., Printed]) -> None:
    printed = configured()
    with bind(refused="[" * 30_000):
        logger.info("asked")
    assert len(printed()) < 400


@given(st.text())
def test_safe_text_is_one_word_or_quoted(text: str) -> None:
    """So a value cannot pass for the next key."""
    said = safe(text)
    assert said.isprintable()
    assert said == text or said[0] == said[-1] in "'\""
    assert " " not in said or said[0] in "'\""


def test_json(configured: Callable[..., Printed]) -> None:
    """One object a line, whatever is in it."""
    printed = configured(as_json=True)
    with bind(call="c1"):
        logger.warning("a\nb %s", "\udcff")
    entry = json.loads(printed())
    assert (entry["level"], entry["message"], entry["call"]) == ("warning", "a\nb \udcff", "c1")
    assert len(printed().splitlines()) == 1


def test_a_strange_event_is_told_without_its_content(configured: Callable[..., Printed]) -> None:
    """Callers' numbers are none of the log's business there."""
    printed = configured()
    with pytest.raises(ValidationError) as caught:
        Event.model_validate({"type": "Dial", "channel": {"id": 7, "name": "secret-number"}})
    log.StrangeEvents().tell(caught.value)
    assert printed().endswith(
        "an event that is not understood: channel.id: Input should be a valid string; channel.state: Field required; "
        "channel.creationtime: Field required\n"
    )


@pytest.mark.parametrize("text", ["{", '{"type":"Dial","userevent":{"' + "x" * 100_000 + '\\n":1}}'])
def test_a_strange_event_makes_no_long_line(configured: Callable[..., Printed], text: str) -> None:
    printed = configured()
    with pytest.raises(ValidationError) as caught:
        Event.model_validate_json(text)
    log.StrangeEvents().tell(caught.value)
    (line,) = printed().splitlines()
    assert len(line) < 700


def test_many_strange_events_make_few_lines(
    configured: Callable[..., Printed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there is one line in a while, which tells how many had none."""
    now = 0.0
    printed, strange = configured(), log.StrangeEvents(lambda: now)
    with pytest.raises(ValidationError) as caught:
        Event.model_validate({})
    for _ in range(1000):
        strange.tell(caught.value)
    assert len(printed().splitlines()) == log.STRANGE_LINES
    now = log.STRANGE_SECONDS
    strange.tell(caught.value)
    assert f"an event, after {1000 - log.STRANGE_LINES} others, that is not understood: " in printed()


def test_the_first_failure_is_news(configured: Callable[..., Printed]) -> None:
    """Its repetitions are for debug."""
    printed = configured()
    for failures in range(3):
        log.outage(failures, OSError("refused"))
    (line,) = printed().splitlines()
    assert re.fullmatch(HEAD + "Asterisk is out of reach, connecting again: refused", line)


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        (
            "click_to_call",
            ["began: outbound 101 to 0909123456", "answered: outbound 101 to 0909123456", "ended"],
        ),
        ("inbound_given_up", ["began: inbound 0909123456 to 02873001234", "ended"]),
        ("local", ["began: local 101 to 102", "answered: local 101 to 102", "ended"]),
        (
            "transfer_twice",
            [
                "began: outbound 101 to 0909123456",
                "answered: outbound 101 to 0909123456",
                "answered: outbound 102 to 0909123456",
                "answered: outbound 103 to 0909123456",
                "ended",
            ],
        ),
        (
            "park",
            [
                "began: outbound 101 to 0909123456",
                "answered: outbound 101 to 0909123456",
                "parked",
                "left the park",
                "answered: outbound 102 to 0909123456",
                "ended",
            ],
        ),
    ],
)
def test_turning_points(configured: Callable[..., Printed], name: str, turns: list[str]) -> None:
    """A call's story, with its id and tenant on each line."""
    printed = configured()
    recorded = steps(name)
    picture = start(recorded)
    for event in events(recorded):
        journal.turning_points([event], reduce.apply(picture, event))
    form = re.compile(HEAD + r"call (.+) call=([0-9a-f-]{36}) tenant=acme\.test")
    told = [form.fullmatch(line) for line in printed().splitlines()]
    assert [line and line[2] for line in told] == turns
    assert len({line and line[3] for line in told}) == 1


def test_a_callers_number_cannot_forge_a_turning_point(configured: Callable[..., Printed]) -> None:
    """It is quoted as soon as it is not one printable word."""
    printed = configured()
    caller = trunk(dialled="02873001234", tenant="acme.test", number="1\ncall ended call=x")
    event = Event(type="ChannelCreated", channel=caller)
    journal.turning_points([event], reduce.apply(start(steps("local")), event))
    (line,) = printed().splitlines()
    assert r"began: inbound '1\ncall ended call=x' to 02873001234" in line


def test_what_an_outage_changed(configured: Callable[..., Printed]) -> None:
    """One line after each reconnect, and one for each call that is new or gone."""
    printed = configured()
    recorded = steps("supervision")
    quiet = [step.picture() for step in recorded if not isinstance(step, Event)]
    journal.complete(quiet[0], quiet[3])
    journal.complete(quiet[3], quiet[3])
    journal.complete(quiet[3], quiet[-1])
    first, adopted, same, last, ended = printed().splitlines()
    assert first.endswith("1 calls, 1 of them new, 0 ended unseen, 1 supervisions")
    assert re.fullmatch(HEAD + r"call adopted: \w+ \d+ to \d+ call=([0-9a-f-]{36}) tenant=acme\.test", adopted)
    assert same.endswith("1 calls, 0 of them new, 0 ended unseen, 1 supervisions")
    assert last.endswith("picture complete: 0 channels, 0 calls, 0 of them new, 1 ended unseen, 0 supervisions")
    assert ended.endswith(" call ended unseen call=" + adopted.partition(" call=")[2])
