"""Asterisk away, back, mute, or talking nonsense: what the clients see and what the log says."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.asyncio.client import ClientConnection

from tests.fast.conftest import ONLINE
from tests.fast.fake_ari import FakeAri, bridge, channel
from tests.fast.fake_calls import Exchange
from tests.fast.serving import Serving
from tests.fast.test_call_answers import UNKNOWN_CALL, VERBS, body_of, failed
from tests.fast.test_click2call_answers import click
from tests.fast.test_click2call_answers import failed as api_failed
from tests.instruments.garbage import NOT_EVENTS, about_nobody
from tests.instruments.polling import eventually

NO_LIST = (503, b'{"error":"Service Unavailable"}')


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAri]:
    """A fake ARI of the test's own; who waits for it in vain does so for a moment only."""
    monkeypatch.setattr("service.live.LAST_RETRY_SECONDS", 0.2)
    monkeypatch.setattr("service.live.ECHO_SECONDS", 0.5)
    monkeypatch.setattr("service.ari.client.ANSWER_SECONDS", 0.5)
    with FakeAri() as fake:
        fake.endpoints = dict.fromkeys(ONLINE, "online")
        yield fake


@pytest.fixture
def serving(asterisk: FakeAri, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service of the test's own."""
    with Serving(tmp_path_factory.mktemp("outage"), asterisk.url) as serving:
        yield serving


@pytest.fixture
def ready(serving: Serving) -> Serving:
    serving.wait_ready()
    return serving


def listed(serving: Serving) -> list[str]:
    """The ids of the calls in the list."""
    return [row["call_id"] for row in json.loads(serving.get().body)["data"]]


def lines(log: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """What the service said about Asterisk, but for what it says at debug."""
    said = [(record.levelno, record.getMessage()) for record in log.records if record.name == "patchbay"]
    about = ("Asterisk is out of reach", "picture complete", "the event stream failed", "an event that is not")
    return [line for line in said if line[1].startswith(about) and line[0] > logging.DEBUG]


# -- away -----------------------------------------------------------------------------


def test_nothing_is_served_while_asterisk_is_away(asterisk: FakeAri, ready: Serving) -> None:
    """503 in each style; the process lives, and is not ready."""
    call = Exchange(asterisk, ready).talking()
    with asterisk.away():
        ready.wait_not_ready()
        assert ready.ask("GET", "/live").status == 200
        assert ready.get().seen == NO_LIST
        for verb in VERBS:
            for reference in (call.call_id, call.aleg, UNKNOWN_CALL):
                answer = ready.post(f"/v1/call/{reference}/{verb}", body_of(verb))
                assert answer.seen == failed(verb, "pbx")
        assert click(ready).seen == api_failed("Unknown")


def test_asterisk_comes_later_than_the_service(asterisk: FakeAri, tmp_path_factory: pytest.TempPathFactory) -> None:
    asterisk.stop()
    with Serving(tmp_path_factory.mktemp("early"), asterisk.url) as early:
        assert (early.get().seen, early.ask("GET", "/live").status) == (NO_LIST, 200)
        asterisk.start()
        early.wait_ready()
        assert early.get().seen == (200, b'{"data":[],"total":0}')


def test_what_changed_unseen_is_right_afterwards(asterisk: FakeAri, ready: Serving) -> None:
    """A call that went on is listed with its id, one that ended is not, a new one is, none is a ghost."""
    exchange = Exchange(asterisk, ready)
    stays, ends = exchange.talking(), exchange.talking()
    with asterisk.away():
        ready.wait_not_ready()
        for leg in (ends.aleg, ends.bleg):
            del asterisk.channels[leg]
        asterisk.bridges = {name: made for name, made in asterisk.bridges.items() if stays.aleg in made["channels"]}
        asterisk.channels["pbx-9.9"] = channel("pbx-9.9", "PJSIP/102@acme.test-00000009", dnid="103", state="Ring")
    ready.wait_ready()
    assert len(listed(ready)) == 2
    assert stays.call_id in listed(ready)
    assert ends.call_id not in listed(ready)
    assert ready.post(f"/v1/call/{stays.call_id}/listen", body_of("listen")).status == 200


def test_a_dropped_socket_is_no_more_than_a_moment(asterisk: FakeAri, ready: Serving) -> None:
    """Ten times running; the list is never wrong, only unavailable."""
    call = Exchange(asterisk, ready).talking()
    for _ in range(10):
        asterisk.drop()
        eventually(lambda: ready.get().status == 503, message="the loss goes unnoticed")
        ready.wait_ready()
        assert listed(ready) == [call.call_id]


def test_nothing_is_served_while_a_dead_stream_is_being_closed(
    asterisk: FakeAri, ready: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which takes a second when nobody answers there."""
    closing, close = threading.Event(), ClientConnection.close

    async def slow(socket: ClientConnection) -> None:
        closing.set()
        await asyncio.sleep(1)
        await close(socket)

    call = Exchange(asterisk, ready).talking()
    with (
        monkeypatch.context() as patch,
        asterisk.trouble("POST /events/user"),
        asterisk.trouble("GET /endpoints"),
    ):
        patch.setattr(ClientConnection, "close", slow)
        assert ready.post(f"/v1/call/{call.call_id}/listen", body_of("listen")).seen == failed("listen", "pbx")
        assert closing.wait(5)
        assert ready.get().seen == NO_LIST
    ready.wait_ready()


def test_a_request_outlives_the_stream(
    asterisk: FakeAri, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer comes over a connection that nobody else uses any more, and is still waited for."""
    monkeypatch.setattr("service.ari.client.ANSWER_SECONDS", 5.0)
    with (
        Serving(tmp_path_factory.mktemp("patient"), asterisk.url) as patient,
        ThreadPoolExecutor(1) as client,
        asterisk.trouble("GET /endpoints/PJSIP/103", seconds=0.6),
    ):
        patient.wait_ready()
        call = Exchange(asterisk, patient).talking()
        answer = client.submit(patient.post, f"/v1/call/{call.call_id}/listen", body_of("listen"))
        eventually(lambda: str(asterisk.asked[-1]).startswith("GET /endpoints/PJSIP/103"), message="not asked")
        asterisk.drop()
        patient.wait_not_ready()
        patient.wait_ready()
        assert not answer.done()
        assert answer.result().status == 200


# -- what the log says ----------------------------------------------------------------


def test_the_log_of_an_outage(asterisk: FakeAri, ready: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """One warning, quiet while it lasts, one line when it is over; the same again the next time."""
    for _ in range(2):
        with caplog.at_level(logging.DEBUG, logger="patchbay"):
            caplog.clear()
            with asterisk.away():
                eventually(lambda: caplog.text.count("Asterisk is out of reach") >= 4, message="it does not try again")
            ready.wait_ready()
        levels = [level for level, _ in lines(caplog)]
        assert levels == [logging.WARNING, logging.INFO], lines(caplog)


def test_the_log_of_a_late_asterisk(
    asterisk: FakeAri, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    asterisk.stop()
    with (
        caplog.at_level(logging.DEBUG, logger="patchbay"),
        Serving(tmp_path_factory.mktemp("late"), asterisk.url) as late,
    ):
        eventually(lambda: caplog.text.count("Asterisk is out of reach") >= 4, message="it does not try again")
        asterisk.start()
        late.wait_ready()
        assert [level for level, _ in lines(caplog)] == [logging.WARNING, logging.INFO]


# -- there, but not well ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "how"),
    [
        ("GET /events", {"status": 401}),
        ("GET /events", {"status": 503}),
        ("GET /channels", {"status": 500}),
        ("GET /channels", {"status": 200, "text": "<html>"}),
        ("GET /bridges", {"status": 200, "text": '{"not":"a list"}'}),
        ("GET /endpoints", {"status": 404}),
        ("GET /channels", {}),
        ("POST /applications", {"status": 404}),
        ("PUT /applications", {"status": 500}),
        ("POST /events/user", {"status": 204, "text": ""}),
    ],
    ids=str,
)
def test_a_picture_that_cannot_be_had_is_not_served(
    asterisk: FakeAri, tmp_path_factory: pytest.TempPathFactory, begins: str, how: dict[str, str]
) -> None:
    """Connected is not ready: 503 until the snapshot is complete and events are known to flow."""
    with Serving(tmp_path_factory.mktemp("ill"), asterisk.url) as ill:
        ill.wait_ready()
        with asterisk.trouble(begins, **how):  # type: ignore[arg-type]
            asterisk.drop()
            eventually(lambda: ill.get().status == 503, message="the loss goes unnoticed")
            tries = len([one for one in asterisk.asked if str(one).startswith(begins)])
            eventually(
                lambda: len([one for one in asterisk.asked if str(one).startswith(begins)]) > tries + 1,
                deadline=8,
                message="it does not try again",
            )
            assert ill.get().seen == NO_LIST
            assert ill.ask("GET", "/ready").status == 503
        ill.wait_ready()
        assert ill.get().status == 200


def refused_all(ready: Serving, call_id: str, begins: str) -> None:
    """Whatever has to make a request that begins so is answered 503 in its style; the list is what it was."""
    for verb in set(VERBS) - ({"park"} if "endpoints" in begins else set()):
        answer = ready.post(f"/v1/call/{call_id}/{verb}", body_of(verb))
        assert answer.seen == failed(verb, "pbx")
    assert click(ready).seen == api_failed("Unknown")
    ready.wait_ready()  # who has so little patience can think for a moment that Asterisk is gone
    assert listed(ready) == [call_id]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("begins", ["GET /endpoints/PJSIP/10", "POST /channels"])
def test_an_asterisk_that_does_not_answer(asterisk: FakeAri, ready: Serving, begins: str) -> None:
    """503 in each style, and nothing of a half-done supervision is left."""
    call = Exchange(asterisk, ready).talking()
    with asterisk.trouble(begins):
        refused_all(ready, call.call_id, begins)
    eventually(lambda: len(asterisk.bridges) == 1 and len(asterisk.channels) == 2, message="something is left")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [200, 404, 409, 502])
@pytest.mark.parametrize("begins", ["GET /endpoints/PJSIP/10", "POST /channels"])
def test_a_page_in_ari_s_place_is_no_answer(asterisk: FakeAri, ready: Serving, begins: str, status: int) -> None:
    """Of a proxy, or of a web server without ARI: no yes, and no word about whether the extension exists."""
    call = Exchange(asterisk, ready).talking()
    with asterisk.trouble(begins, status, text="<html>", kind="text/html"):
        refused_all(ready, call.call_id, begins)
    eventually(lambda: len(asterisk.bridges) == 1 and len(asterisk.channels) == 2, message="something is left")


def test_a_slow_asterisk_is_waited_for(asterisk: FakeAri, ready: Serving) -> None:
    call = Exchange(asterisk, ready).talking()
    with asterisk.trouble("GET /endpoints", seconds=0.15):
        assert ready.post(f"/v1/call/{call.call_id}/listen", body_of("listen")).status == 200


def test_a_bridge_that_comes_after_its_snoop(asterisk: FakeAri, ready: Serving) -> None:
    """They are made side by side, and a Snoop whose bridge is not there yet is not a leftover."""
    call = Exchange(asterisk, ready).talking()
    with asterisk.trouble("POST /bridges/", seconds=0.1):
        assert ready.post(f"/v1/call/{call.call_id}/listen", body_of("listen")).status == 200


# -- nonsense ---------------------------------------------------------------------------


@pytest.mark.parametrize("garbage", NOT_EVENTS, ids=lambda text: repr(text[:60]))
def test_garbage_on_the_event_stream_does_not_hurt(asterisk: FakeAri, ready: Serving, garbage: str) -> None:
    """The picture goes on being true, on the same connection."""
    exchange = Exchange(asterisk, ready)
    before = exchange.talking()
    with asterisk.asked_inside() as asked:
        asterisk.send_text(garbage)
        after = exchange.talking()
    assert set(listed(ready)) == {before.call_id, after.call_id}
    assert not [one for one in asked if one.path == "/events"]


def test_events_about_strangers_make_nothing(asterisk: FakeAri, ready: Serving) -> None:
    """Only ChannelCreated makes a channel."""
    exchange = Exchange(asterisk, ready)
    ghost = channel("pbx-7.7", "PJSIP/101@acme.test-00000007", dnid="102")
    for event in about_nobody(ghost, bridge("b", "pbx-7.7")):
        asterisk.send_text(event)
    call = exchange.talking()
    assert listed(ready) == [call.call_id]


def test_everything_told_twice_is_told_once(asterisk: FakeAri, ready: Serving) -> None:
    """The overlap of snapshot and events brings doubles."""
    call = Exchange(asterisk, ready).talking()
    for leg in (call.aleg, call.bleg):
        asterisk.send("ChannelCreated", channel=asterisk.channels[leg])
    assert listed(ready) == [call.call_id]
    for leg in (call.aleg, call.bleg, call.aleg, call.bleg):
        asterisk.send("ChannelDestroyed", channel=asterisk.channels[leg])
    eventually(lambda: listed(ready) == [], message="the call does not end")


def test_a_client_that_hangs_up_does_not_hurt(
    asterisk: FakeAri, ready: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """In the middle of its body: no fault, no answer, no trace of it."""

    call = Exchange(asterisk, ready).talking()
    head = f"POST /v1/call/{call.call_id}/park HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token-of-acme\r\n"
    with socket.create_connection(("127.0.0.1", ready.port)) as wire:
        wire.sendall(f'{head}Content-Length: 15\r\n\r\n{{"legs":'.encode())
    with caplog.at_level(logging.INFO, logger="patchbay"):
        assert listed(ready) == [call.call_id]
    assert "fault" not in caplog.text


def test_it_ends_while_asterisk_owes_it_an_answer(asterisk: FakeAri, ready: Serving) -> None:
    """An end that meets an address being asked for: the reader must not take it for an outage and live on."""
    with asterisk.trouble("GET /channels/"):
        asterisk.put(channel("pbx-1.1", "PJSIP/101@acme.test-00000001", dnid="102"))
        eventually(lambda: any("/variable" in request.path for request in asterisk.asked), message="nobody asks")
        ready.server.should_exit = True
        eventually(lambda: not ready.alive(), message="the service does not end")
