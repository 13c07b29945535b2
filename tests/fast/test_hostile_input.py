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
from tests.fast.serving import HOTLINES, Serving, stranger
from tests.fast.test_call_answers import SUPERVISION, failed
from tests.fast.test_click2call_answers import RIGHT, click
from tests.fast.test_click2call_answers import failed as api_failed
from tests.instruments.hostile import CORPUS
from tests.instruments.http_wire import Answer, Wire

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


# -- whole requests -------------------------------------------------------------------

ROUTES = ["/v1/call", "/api/click2call", *(f"/v1/call/x/{verb}" for verb in (*SUPERVISION, "transfer", "park"))]
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(CORPUS[:100]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["ext", "legs", "extension", "hotline", "phone_number", "x"])
FIELDS = st.lists(st.tuples(NAMES, JSONS), max_size=8)
"""Of a body; a name may come twice."""
HEADER_NAMES = """Authorization Content-Type Content-Length Transfer-Encoding Expect X-Forwarded-For X-Request-ID Origin
    Host If-None-Match Upgrade Connection Access-Control-Request-Method Cookie Accept""".split()
HEADER_VALUES = [b"chunked", b"0", b"5", b"-1", b"close", b"100-continue", b"*", b"h2c", b"Bearer token-of-acme"]
HEADERS = st.lists(
    st.tuples(st.sampled_from(HEADER_NAMES), st.binary(max_size=40) | st.sampled_from(HEADER_VALUES)), max_size=6
)
ANSWERED = {b"200", b"204", b"304", b"400", b"401", b"404", b"405", b"408", b"413", b"429"}


@RANDOM
@given(fields=FIELDS)
def test_random_fields(ari: FakeAri, service: Serving, exchange: Exchange, fields: list[tuple[str, object]]) -> None:
    """Of every kind, nested, twice over: the contract's answers, on a call that is there."""
    ari.clear()
    call_id = exchange.talking().call_id
    body = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in fields) + "}"
    with ari.asked_inside() as asked:
        for verb in (*SUPERVISION, "transfer", "park"):
            assert service.post(f"/v1/call/{call_id}/{verb}", body).status == 400
        assert json.loads(service.post("/api/click2call", body).body)["status_code"] == -9999
    only_looked_up(asked)


@RANDOM
@given(method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS"]), headers=HEADERS, query=st.binary(max_size=40))
def test_random_heads(
    ari: FakeAri, service: Serving, method: str, headers: list[tuple[str, bytes]], query: bytes
) -> None:
    """Whatever stands in a head, on each route: one of the known answers, or none; never a fault of ours."""
    lines = b"".join(f"{name}: ".encode() + value + b"\r\n" for name, value in headers)
    with ari.asked_inside() as asked:
        for path in ROUTES:
            head = f"{method} {path}?".encode() + query + b" HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n"
            with Wire(service.port, stranger()) as wire:
                wire.say(head)
                wire.say_no_more()
                told = wire.rest()
            assert told == b"" or told.split(b" ", 2)[1] in ANSWERED | {b"100"}, told
    only_looked_up(asked)


@RANDOM
@given(said=st.binary(min_size=1) | st.text("GET /v1call HTP.1\r\n:xy", min_size=1).map(str.encode))
def test_random_bytes(ari: FakeAri, service: Serving, caplog: pytest.LogCaptureFixture, said: bytes) -> None:
    """What is no request at all is answered with 400, or not at all."""
    with ari.asked_inside() as asked, Wire(service.port, stranger()) as wire:
        wire.say(said)
        wire.say_no_more()
        told = wire.rest()
    assert told == b"" or told.split(b" ", 2)[1] in ANSWERED, told
    assert asked == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
