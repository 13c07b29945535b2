"""What the tests' judge of requests to Asterisk lets pass: what the recipes ask, and nothing that a client wrote."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from tests.fast.fake_ari import Asked, FakeAri
from tests.fast.fake_calls import Exchange
from tests.fast.test_call_answers import body_of
from tests.fast.test_click2call_answers import click
from tests.instruments.allowed import is_allowed
from tests.instruments.hostile import CORPUS

TRICKS = [text for text in CORPUS if re.fullmatch(r"[+]?[0-9]{2,32}|.+@[a-z]+[.]test", text) is None]


def fits(ari: FakeAri, asked: Asked) -> bool:
    query = f"?{urlencode(asked.query)}" if asked.query else ""
    return is_allowed(asked.method, asked.path + query, asked.body, ari)


def spoilt(asked: Asked, text: str) -> Iterator[Asked]:
    """The request with the text in the place of each value in turn, and as a value more."""
    for name in [*asked.query, "more"]:
        yield replace(asked, query={**asked.query, name: text})
    if asked.body:
        variables = asked.body["variables"]
        for name in [*variables, "more"]:
            yield replace(asked, body={"variables": {**variables, name: text}})


@pytest.fixture
def changing(exchange: Exchange, ari: FakeAri) -> list[Asked]:
    """The requests of each verb that change something; of the modes, which differ in a word, one."""
    with ari.asked_inside() as asked:
        for verb in ("listen", "transfer", "park"):
            call = exchange.talking()
            assert exchange.service.post(f"/v1/call/{call.call_id}/{verb}", body_of(verb)).status == 200
        for number in ("0909123456", "102"):
            assert click(exchange.service, phone_number=number).status == 200
    return [one for one in asked if one.method == "POST"]


def test_what_the_recipes_ask_is_allowed_and_no_trick_in_it(ari: FakeAri, changing: list[Asked]) -> None:
    """Each trick in each place of each request."""
    assert len({json.dumps([*one.query, *(one.body or {}).get("variables", ())]) for one in changing}) >= 7
    for asked in changing:
        assert fits(ari, asked), asked
        for text in TRICKS:
            assert not [one for one in spoilt(asked, text) if one != asked and fits(ari, one)]


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("DELETE", "/channels/pbx-1.99", None),
        ("DELETE", "/channels", None),
        ("DELETE", "/channels/..%2Fbridges", None),
        ("POST", "/channels", None),
        ("POST", "/channels/x/play", {"media": ["sound:x"]}),
        ("POST", "/asterisk/variable?variable=X&value=1", None),
        ("GET", "/asterisk/variable?variable=PATCHBAY_REVISION&variable=X", None),
        ("GET", "/asterisk/modules", None),
        ("PUT", "/asterisk/modules/app_system.so", None),
        ("GET", "/endpoints/PJSIP/101%40acme.test/x", None),
        ("GET", "/endpoints/PJSIP/101%2540acme.test", None),
        ("GET", "/endpoints/SIP/101%40acme.test", None),
        ("GET", "/channels?x=1", None),
        ("GET", "/channels", {}),
    ],
)
def test_what_no_recipe_asks(ari: FakeAri, method: str, target: str, body: object) -> None:
    assert not is_allowed(method, target, body, ari)


def test_another_tenant_s_extension_in_a_request_that_names_a_tenant(ari: FakeAri, changing: list[Asked]) -> None:
    for asked in changing:
        variables = (asked.body or {}).get("variables", {})
        for name in variables if "PATCHBAY_DOMAIN" in variables else ():
            assert not fits(ari, replace(asked, body={"variables": {**variables, name: "101@globex.test"}})), name


def test_a_supervisor_is_who_the_supervision_is_named_after(ari: FakeAri, changing: list[Asked]) -> None:
    made, rung = next((made, rung) for made in changing for rung in changing if rung.path == phone_of(made.path))
    variables = {**rung.body["variables"], "PATCHBAY_ENDPOINT": "101@globex.test"}
    ari.judge.hear("POST", f"{made.path}?{urlencode(made.query, safe='/')}", None)
    ari.judge.hear("POST", f"{rung.path}?{urlencode(rung.query)}", {"variables": variables})
    with pytest.raises(AssertionError, match=r"not 103@acme\.test"):
        ari.judge.content()


def phone_of(bridge: str) -> str:
    return bridge.replace("/bridges/", "/channels/").replace("-bridge", "-phone")


def test_what_is_not_allowed_is_told(ari: FakeAri) -> None:
    """Once, to whoever asks next."""
    ari.judge.hear("GET", "/ari/asterisk/modules", None)
    with pytest.raises(AssertionError, match="GET /asterisk/modules"):
        ari.judge.content()
    ari.judge.content()
