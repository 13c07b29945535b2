"""The reader of events rests while nobody looks and nobody waits, here for longer than any test: nobody notices."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fast.conftest import ONLINE
from tests.fast.fake_ari import FakeAri, channel
from tests.fast.fake_calls import Exchange
from tests.fast.serving import Serving
from tests.instruments.polling import eventually

CALL = channel("pbx-1700000000.1", "PJSIP/101@acme.test-00000001", dnid="0909123456")
LATER = channel("pbx-1700000000.2", "PJSIP/102@acme.test-00000002", dnid="0909123456")
LAST = channel("pbx-1700000000.3", "PJSIP/104@acme.test-00000003", dnid="0909123456")
ECHOES = 3


@pytest.fixture
def seconds_between_proofs() -> float:
    """Of the proofs that events come, which wake the reader: by default there are none."""
    return 3600.0


@pytest.fixture
def reads_at_once() -> int:
    """Of events that are few, after which nobody rests: by default every event is one too many."""
    return 0


@pytest.fixture
def asterisk(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    seconds_between_proofs: float,
    reads_at_once: int,
) -> Iterator[FakeAri]:
    caplog.set_level("INFO", "patchbay")
    monkeypatch.setattr("service.live.READS_AT_ONCE", reads_at_once)
    monkeypatch.setattr("service.live.REST_SECONDS", 3600.0)
    monkeypatch.setattr("service.live.ECHO_EVERY_SECONDS", seconds_between_proofs)
    with FakeAri() as fake:
        fake.endpoints = dict.fromkeys(ONLINE, "online")
        yield fake


@pytest.fixture
def service(asterisk: FakeAri, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("rest"), asterisk.url) as serving:
        serving.wait_ready()
        yield serving


@pytest.fixture
def resting(asterisk: FakeAri, service: Serving, caplog: pytest.LogCaptureFixture) -> Serving:
    """A service that has just read an event, and so rests."""
    asterisk.put(CALL)
    eventually(lambda: "call began: outbound 101" in caplog.text, message="the event is not read")
    return service


def seen_to_begin(asterisk: FakeAri, other: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A call that begins is read at once, though nobody asks."""
    begun = caplog.text.count("call began")
    asterisk.put(other)
    eventually(lambda: caplog.text.count("call began") > begun, message="the event is not read")


def sources(service: Serving) -> list[str]:
    return [row["source"] for row in json.loads(service.get().body)["data"]]


def proofs(asterisk: FakeAri) -> int:
    return sum(one.path.startswith("/events/user/") for one in asterisk.asked)


def test_who_asks_is_shown_what_has_come(asterisk: FakeAri, resting: Serving) -> None:
    """At once, and not what was true when the rest began."""
    asterisk.put(LATER)
    asterisk.end(CALL["id"])
    assert sources(resting) == ["102"]


def test_the_numbers_are_those_of_the_moment(asterisk: FakeAri, resting: Serving) -> None:
    """The scrape of the metrics is a look, too."""
    asterisk.put(LATER)
    assert 'patchbay_calls{direction="outbound",state="CS_EXECUTE"} 2.0' in resting.get("/metrics").body.decode()


@pytest.mark.parametrize("seconds_between_proofs", [0.2])
def test_who_waits_for_an_event_has_it(asterisk: FakeAri, resting: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """The proof that events come goes on, without any request of a client's."""
    enough = proofs(asterisk) + ECHOES
    eventually(lambda: proofs(asterisk) >= enough, message="no more proofs")
    assert "out of reach" not in caplog.text


@pytest.mark.parametrize("reads_at_once", [100])
@pytest.mark.usefixtures("resting")
def test_nobody_rests_while_events_are_few(asterisk: FakeAri, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asks next finds nothing that has yet to be read."""
    for other in (LATER, LAST):
        seen_to_begin(asterisk, other, caplog)


def test_nobody_rests_while_a_call_is_supervised(
    asterisk: FakeAri, service: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """Every event is read, and the supervisor let in as soon as the phone is picked up."""
    call = Exchange(asterisk, service).talking()
    assert service.post(f"/v1/call/{call.call_id}/listen", '{"ext":"103"}').status == 200
    for other in (LATER, LAST):
        seen_to_begin(asterisk, other, caplog)
    (phone,) = (one for one in asterisk.channels if one.endswith("-phone"))
    asterisk.answer(phone)
    eventually(
        lambda: any(one.path.endswith("/addChannel") and one.query["channel"] == phone for one in asterisk.asked)
    )
