"""Clients that are slow, greedy or half gone, on real sockets to a real service process; Asterisk alone is a fake."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

import pytest

from tests.fast.fake_ari import FakeAri, bridge, channel
from tests.fast.serving import ACME, TOKENS, Serving, stranger, tenants_file
from tests.fast.test_call_answers import SUPERVISION, UNKNOWN_CALL, VERBS, body_of
from tests.fast.test_http_edge import envelope
from tests.instruments.http_wire import Answer, Wire, request, trickle
from tests.instruments.polling import eventually
from tests.instruments.service import Service

TOKEN = TOKENS[ACME]
SECONDS, MOST = 1, 24
LATE = b'{"error":"Request Timeout"}'
EMPTY = b'{"data":[],"total":0}'
ROUTES = [*(f"/v1/call/{UNKNOWN_CALL}/{verb}" for verb in VERBS), "/api/click2call"]
LIST = request("GET", "/v1/call", TOKEN)
CALL = "pbx-1.1"


@pytest.fixture(scope="module")
def ari() -> Iterator[FakeAri]:
    with FakeAri() as fake:
        fake.endpoints = {f"103@{ACME}": "online"}
        yield fake


@pytest.fixture(scope="module")
def service(ari: FakeAri, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A process that gives a request a second, and takes 24 connections."""
    folder = tmp_path_factory.mktemp("slow")
    started = Service(
        folder,
        ari_url=ari.url,
        ari_password="only-for-this-test",
        app="slow",
        audit_log=str(folder / "audit.jsonl"),
        tenants=str(tenants_file(folder)),
        log_level="debug",
        request_seconds=str(SECONDS),
        connections=str(MOST),
    ).start()
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(autouse=True)
def _no_fault_of_ours(service: Service) -> Iterator[None]:
    """Whatever a client does."""
    yield
    assert "Traceback" not in service.log
    assert " ERROR " not in service.log


@pytest.fixture
def call(ari: FakeAri, service: Service) -> Iterator[str]:
    """101 talks to a mobile; the unique id of its leg."""
    ari.put(
        channel(CALL, f"PJSIP/101@{ACME}-00000001", dnid="0909123456", number="101"),
        channel("pbx-1.2", "PJSIP/carrier-00000002", linkedid=CALL, app="AppDial", number="0909123456"),
    )
    ari.join(bridge("bridge-1", CALL, "pbx-1.2"))
    eventually(lambda: b"CS_EXECUTE" in answer(service, LIST).body, message="the call is not listed")
    yield CALL
    ari.clear()
    eventually(lambda: answer(service, LIST).body == EMPTY, message="the call is still listed")


Wires = Callable[..., Wire]


@pytest.fixture
def wires(service: Service) -> Iterator[Wires]:
    """Connections."""
    with ExitStack() as stack:
        yield lambda *source: stack.enter_context(Wire(service.port, *source))


def answer(service: Service, said: bytes) -> Answer:
    with Wire(service.port) as wire:
        wire.say(said)
        return wire.hear()


def late(path: str) -> tuple[int, bytes]:
    """How a route says that a body has not come."""
    return 408, envelope("Unknown", "Request Timeout") if path.startswith("/api") else LATE


# -- requests that do not come to their end ---------------------------------------------


HEADS = [b"G", b"GET /v1/call HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "]
BODIES = [("Content-Length: 100", b" "), ("Transfer-Encoding: chunked", b"1\r\n \r\n")]


@pytest.mark.parametrize("before", [b"", LIST], ids=["the first request", "a later one"])
def test_heads_that_trickle(service: Service, wires: Wires, before: bytes) -> None:
    """A byte now and then buys no time."""
    slow = [wires() for _ in HEADS]
    for wire, begin in zip(slow, HEADS, strict=True):
        if before:
            wire.say(before)
            assert wire.hear().status == 200
        wire.say(begin)
    trickle(dict.fromkeys(slow, b"x"))
    for wire in slow:
        told = wire.hear()
        assert told.seen == (408, LATE)
        assert {told.headers[name] for name in ("connection", "content-type", "cache-control")} == {
            "close",
            "application/json",
            "no-store",
        }
        assert f"no request 408 request={told.headers['x-request-id']}" in service.log
        assert wire.rest() == b""


def test_bodies_that_trickle(ari: FakeAri, wires: Wires) -> None:
    """408 in the route's style, then the connection is closed; Asterisk has not been asked."""
    slow = {wires(): (path, *how) for path in ROUTES for how in BODIES}
    with ari.asked_inside() as asked:
        for wire, (path, length, _) in slow.items():
            wire.say(request("POST", path, TOKEN, None, length))
        trickle({wire: piece for wire, (_, _, piece) in slow.items()})
        for wire, (path, _, _) in slow.items():
            told = wire.hear()
            assert told.seen == late(path)
            assert told.headers["connection"] == "close"
            assert wire.rest() == b""
    assert asked == []


def test_who_wanted_to_supervise_stands_in_the_audit_log(service: Service, wires: Wires) -> None:
    """However slowly."""
    slow = {mode: wires() for mode in SUPERVISION}
    for mode, wire in slow.items():
        wire.say(request("POST", f"/v1/call/{UNKNOWN_CALL}/{mode}", TOKEN, None, "Content-Length: 100"))
    wanted = {(mode, wire.hear().headers["x-request-id"], "refused", "TOO_SLOW") for mode, wire in slow.items()}
    lines = [json.loads(line) for line in (service.folder / "audit.jsonl").read_text().splitlines()]
    assert wanted <= {(line["mode"], line["request"], line["event"], line["reason"]) for line in lines}


def test_pieces_that_come_in_time_make_a_request(service: Service, call: str) -> None:
    """Its body has its own time, after the head's."""
    head, body = request("POST", f"/v1/call/{call}/park", TOKEN, None, "Content-Length: 15"), b'{"legs":"aleg"}'
    with Wire(service.port) as wire:
        for piece in (head[:20], head[20:], body[:5], body[5:]):
            wire.say(piece)
            time.sleep(0.4 * SECONDS)
        assert wire.hear().status == 200


def test_a_body_that_nobody_waits_for(service: Service) -> None:
    """Refused at once for its token; what goes on coming keeps the connection open no longer than any body."""
    with Wire(service.port, stranger()) as wire:
        wire.say(request("POST", ROUTES[0], "", None, "Content-Length: 65000"))
        assert wire.hear().status == 401
        trickle({wire: b" "})
        assert wire.rest() == b""


def test_silence_is_no_slowness(service: Service) -> None:
    """Neither before the first request nor between two."""
    with Wire(service.port) as wire:
        for _ in range(2):
            time.sleep(1.5 * SECONDS)
            wire.say(LIST)
            assert wire.hear().seen == (200, EMPTY)


def test_who_never_asks_has_to_go(ari: FakeAri, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When who has asked once would have to."""
    monkeypatch.setattr("service.__main__.KEEP_ALIVE_SECONDS", 1)
    with Serving(tmp_path, ari.url) as serving, Wire(serving.port) as wire:
        assert wire.rest() == b""


def test_answers_that_nobody_takes(service: Service) -> None:
    """The connection is cut, though the client is ready to ask for ever."""
    with Wire(service.port, receive_buffer=4096) as wire, pytest.raises(ConnectionError):
        wire.say(*repeat(request("GET", "/docs") * 1000, 100_000))


def test_a_request_that_breaks_off_after_its_answer(service: Service) -> None:
    """Ends the connection, and is no fault of ours."""
    with Wire(service.port, stranger()) as wire:
        wire.say(request("POST", ROUTES[0], "", None, "Transfer-Encoding: chunked"), b"2\r\n{}\r\n")
        assert wire.hear().status == 401
        wire.say(b"no length\r\n")
        assert wire.rest() == b""


# -- clients that are half gone, or gone --------------------------------------------------


def park(call: str) -> bytes:
    return request("POST", f"/v1/call/{call}/park", TOKEN, body_of("park").encode())


@pytest.mark.parametrize("path", ["/v1/call", f"/v1/call/{UNKNOWN_CALL}/park", f"/v1/call/{CALL}/transfer"])
def test_a_client_that_has_said_all_gets_its_answer(service: Service, ari: FakeAri, call: str, path: str) -> None:
    """Also when Asterisk takes its time; and the connection is closed then."""
    verb = path.rpartition("/")[2]
    said = LIST if verb == "call" else request("POST", path, TOKEN, body_of(verb).encode())
    with ari.trouble("GET /endpoints", seconds=0.3), Wire(service.port) as wire:
        wire.say(said)
        wire.say_no_more()
        assert wire.hear().status == {"call": 200, "park": 404, "transfer": 200}[verb]
        assert wire.rest() == b""


def test_so_does_one_that_has_asked_twice(service: Service, call: str) -> None:
    with Wire(service.port) as wire:
        wire.say(LIST + park(call))
        wire.say_no_more()
        assert [wire.hear().status, wire.hear().status] == [200, 200]
        assert wire.rest() == b""


@pytest.mark.parametrize("said", [-1, -10, -20, 40])
def test_half_a_request_is_none(service: Service, ari: FakeAri, call: str, said: int) -> None:
    """Without its last byte, its body or half of its head: no answer, and nothing is asked of Asterisk."""
    with ari.asked_inside() as asked, Wire(service.port) as wire:
        wire.say(park(call)[:said])
        wire.say_no_more()
        assert wire.rest() == b""
    assert asked == []


def test_what_a_client_asks_before_it_goes_is_done(service: Service, ari: FakeAri, call: str) -> None:
    """Whole, and nobody is told."""
    ari.moved.clear()
    ari.asked.clear()
    with ari.trouble("POST /channels", seconds=0.3), Wire(service.port) as wire:
        wire.say(park(call))
        moves = "POST /channels"
        eventually(lambda: any(str(one).startswith(moves) for one in ari.asked), message="Asterisk is not asked")
        wire.socket.close()
        eventually(lambda: ari.moved, message="nobody is parked")


# -- clients that are many ----------------------------------------------------------------

HELD = {
    "silent": b"",
    "half a head": b"GET /v1/call HT",
    "half a body": request("POST", ROUTES[0], TOKEN, None, "Content-Length: 100"),
    "answered": request("GET", "/live"),
}


def polled(*wires: Wire) -> None:
    for wire in wires:
        wire.say(LIST)
        assert wire.hear().seen == (200, EMPTY)


@pytest.mark.parametrize("held", HELD.values(), ids=HELD.keys())
def test_many_connections_take_nobodys_place(service: Service, wires: Wires, held: bytes) -> None:
    """Others poll often, or seldom, on the same connection as before; so does a busy one from the same address."""
    attacker = stranger()
    often, seldom, neighbour = wires(stranger()), wires(stranger()), wires(attacker)
    polled(seldom)
    others = []
    for _ in range(4 * MOST):
        others.append(wires(attacker))
        others[-1].say(held)
        polled(often, neighbour)
    polled(seldom)
    if not held:
        assert [one.closed for one in others[-MOST:]] == [True] * 3 + [False] * (MOST - 3)
    assert service.log.count(f"more than {MOST} connections, most of them from") == 1


def test_whoever_is_being_answered_is_not_disturbed(service: Service, ari: FakeAri, wires: Wires, call: str) -> None:
    """When all are at work the newcomer has to go."""
    busy = [wires("127.0.0.9") for _ in range(MOST)]
    for wire in busy:
        wire.say(request("GET", "/live"))
        assert wire.hear().status == 200
    with ari.trouble("GET /endpoints"):
        for wire in busy:
            wire.say(request("POST", f"/v1/call/{call}/listen", TOKEN, body_of("listen").encode()))
        assert wires(stranger()).rest() == b""
    assert {wire.hear().status for wire in busy} <= {200, 503}
