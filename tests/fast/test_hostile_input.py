"""Whatever a client sends: the contract's error, and Asterisk is asked for nothing but the presence of plain names."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fast.fake_ari import Asked, FakeAri
from tests.fast.fake_calls import Exchange, FakeCall
from tests.fast.serving import HOTLINES, Answer, Serving
from tests.fast.test_call_answers import SUPERVISION, failed
from tests.fast.test_click2call_answers import RIGHT, click
from tests.fast.test_click2call_answers import failed as api_failed
from tests.instruments.hostile import CORPUS

# The service's own thread draws its jitter meanwhile, which hypothesis takes for a strategy's doing.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")
LOOK_UP = re.compile(r"GET /endpoints/PJSIP/[0-9A-Za-z][0-9A-Za-z_.-]{0,63}%40acme\.test")
NUMBER = re.compile(r"\+?[0-9]{2,32}")
FILLERS = re.compile(r"[ .()-]")
RANDOM = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
TEXT = st.text(min_size=1) | st.text("0123456789@/&${}[];,^|_*#+.-%\r\n\x00", min_size=1)


def only_looked_up(asked: Iterable[Asked]) -> None:
    """Asterisk was asked whether extensions of plain names are there, and nothing else."""
    assert [str(request) for request in asked if not LOOK_UP.fullmatch(str(request))] == []


def spare(text: str) -> str:
    """A test's name for a text that may be long."""
    return repr(text[:30]) + (f"…{len(text)}" if len(text) > 30 else "")


@pytest.fixture
def call(exchange: Exchange) -> FakeCall:
    return exchange.talking()


def ask(service: Serving, call_id: str, verb: str, **body: str) -> Answer:
    return service.post(f"/v1/call/{quote(call_id, safe='')}/{verb}", json.dumps(body))


def spoilt_ext(ari: FakeAri, service: Serving, call: FakeCall, text: str) -> None:
    for verb in (*SUPERVISION, "transfer"):
        more = {"legs": "bleg"} if verb == "transfer" else {}
        with ari.asked_inside() as asked:
            answer = ask(service, call.call_id, verb, ext=text, **more)
        if text.strip(" ") not in ("101", "102", "103"):
            assert answer.seen == failed(verb, "ext" if text.strip(" ") else "data")
            only_looked_up(asked)


def spoilt_legs(ari: FakeAri, service: Serving, call: FakeCall, text: str) -> None:
    for verb in ("transfer", "park"):
        with ari.asked_inside() as asked:
            answer = ask(service, call.call_id, verb, ext="103", legs=text)
        if text.strip(" ") not in ("aleg", "bleg"):
            assert answer.seen == failed(verb, "legs" if text.strip(" ") else "data")
            assert asked == []


def spoilt_call_id(ari: FakeAri, service: Serving, call: FakeCall, text: str) -> None:
    for verb in (*SUPERVISION, "transfer", "park"):
        with ari.asked_inside() as asked:
            answer = ask(service, text, verb, ext="103", legs="bleg")
        if text not in (call.call_id, call.aleg, call.bleg):
            assert answer.seen == failed(verb, "call")
            assert asked == []


def spoilt_click(ari: FakeAri, service: Serving, field: str, text: str) -> None:
    """What is no number is refused as such, and what is one is called as it stands."""
    number = FILLERS.sub("", text.strip(" "))
    with ari.asked_inside() as asked:
        answer = click(service, **{field: text})
    if field == "phone_number" and NUMBER.fullmatch(number):
        (request,) = [one for one in asked if one.method == "POST"]
        assert request.query["extension"] == number
        assert request.body["variables"]["__PATCHBAY_CALL"].endswith(f"/101/{number}")
        return
    if field != "phone_number" and text.strip(" ") in (*"101 102 103 104".split(), *HOTLINES.values()):
        return
    error = {"extension": "extension_invalid", "hotline": "number_call_out_invalid"}.get(field, "data_is_required")
    assert answer.seen == api_failed(error if text.strip(" ") else "data_is_required")
    only_looked_up(asked)


@pytest.mark.parametrize("text", CORPUS, ids=spare)
def test_every_trick_in_every_field(ari: FakeAri, service: Serving, call: FakeCall, text: str) -> None:
    """One after the other on one call, which is there to the end."""
    spoilt_ext(ari, service, call, text)
    spoilt_legs(ari, service, call, text)
    if "/" not in (text, text.strip("/")) and text not in (".", ".."):
        spoilt_call_id(ari, service, call, text)
    for field in RIGHT:
        spoilt_click(ari, service, field, text)
    assert call.call_id in service.get().body.decode()


@RANDOM
@given(text=TEXT)
def test_random_text_in_every_field(ari: FakeAri, service: Serving, exchange: Exchange, text: str) -> None:
    ari.clear()
    call = exchange.talking()
    spoilt_ext(ari, service, call, text)
    spoilt_legs(ari, service, call, text)
    for field in RIGHT:
        spoilt_click(ari, service, field, text)
    spoilt_call_id(ari, service, call, text)


@RANDOM
@given(
    body=st.binary()
    | st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), st.lists).map(repr)
)
def test_random_bodies(ari: FakeAri, service: Serving, exchange: Exchange, body: bytes | str) -> None:
    """Never a fault of ours."""
    with ari.asked_inside() as asked:
        for path in ("/v1/call/x/transfer", "/v1/call/x/park", "/v1/call/x/listen", "/api/click2call"):
            answer = service.post(path, body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass"))
            assert answer.status in (200, 400, 404)
    only_looked_up(asked)


@RANDOM
@given(path=st.binary(max_size=60))
def test_random_paths(service: Serving, path: bytes) -> None:
    """Never a fault of ours, never a redirect."""
    for prefix in ("/", "/v1/call/", "/api/"):
        assert service.get(prefix + quote(path, safe="/%")).status in (200, 404, 405)
