"""A request is good until a time of Asterisk's own clock; what became of it is found out when its answer is lost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.fast.fake_ari import FakeAri
from tests.fast.fake_calls import Exchange
from tests.fast.serving import Serving
from tests.fast.test_call_answers import body_of, failed
from tests.fast.test_click2call_answers import click
from tests.fast.test_click2call_answers import failed as api_failed
from tests.instruments.polling import eventually

OUR_DUE = (1.9, 3.0)
"""Seconds from a request to its due time: three, less what the second has of fractions, less what an echo takes."""


@contextmanager
def lost_receipts(ari: FakeAri) -> Iterator[None]:
    ari.receipts_lost = True
    yield
    ari.receipts_lost = False


@pytest.mark.parametrize("ahead", [0, 3600, -86400])
@pytest.mark.parametrize("verb", ["park", "listen", "click"])
def test_due_is_told_in_asterisk_s_own_time(tmp_path_factory: pytest.TempPathFactory, verb: str, ahead: int) -> None:
    """Whatever that clock says."""
    with FakeAri() as ari:
        ari.endpoints = dict.fromkeys(("101@acme.test", "103@acme.test"), "online")
        ari.clock_ahead = timedelta(seconds=ahead)
        with Serving(tmp_path_factory.mktemp("skewed"), ari.url) as service:
            service.wait_ready()
            call = Exchange(ari, service).talking()
            before = time.time() + ahead
            answer = (
                click(service) if verb == "click" else service.post(f"/v1/call/{call.call_id}/{verb}", body_of(verb))
            )
            after = time.time() + ahead
            assert answer.status == 200
            (due,) = [
                int(one.body["variables"]["PATCHBAY_DUE"])
                for one in ari.asked
                if one.method == "POST" and one.body and "PATCHBAY_DUE" in one.body.get("variables", {})
            ]
    assert before + OUR_DUE[0] <= due <= after + OUR_DUE[1]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("verb", ["park", "transfer"])
def test_a_lost_receipt(exchange: Exchange, ari: FakeAri, verb: str) -> None:
    """The moved leg itself tells that it was moved."""
    call = exchange.talking()
    with lost_receipts(ari):
        assert exchange.service.post(f"/v1/call/{call.call_id}/{verb}", body_of(verb)).status == 200


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("verb", ["park", "transfer"])
def test_no_receipt_and_not_moved(exchange: Exchange, ari: FakeAri, verb: str) -> None:
    """Not by this request, though by another one before."""
    call = exchange.talking()
    assert exchange.service.post(f"/v1/call/{call.call_id}/{verb}", body_of(verb)).status == 200
    ari.receipt = ""
    try:
        assert exchange.service.post(f"/v1/call/{call.call_id}/{verb}", body_of(verb)).seen == failed(verb, "pbx")
    finally:
        ari.receipt = "SUCCESS"


@pytest.mark.usefixtures("impatient")
def test_a_ring_without_an_answer_is_taken_back(service: Serving, ari: FakeAri) -> None:
    """It may ring all the same."""
    with ari.trouble("POST /channels"), ari.asked_inside() as asked:
        assert click(service).seen == api_failed("Unknown")
    (rung,) = [one.path for one in asked if str(one).startswith("POST /channels/")]
    assert [str(one) for one in asked][-1] == f"DELETE {rung}"


@pytest.mark.usefixtures("impatient")
def test_silence_is_looked_into_at_once(exchange: Exchange, ari: FakeAri, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without an answer is followed by an echo; when that stays away, nothing is served."""
    monkeypatch.setattr("service.live.ECHO_SECONDS", 0.2)
    call, service = exchange.talking(), exchange.service
    echo = "POST /events/user"
    before = sum(str(one).startswith(echo) for one in ari.asked)
    with ari.trouble("POST /channels"):
        assert service.post(f"/v1/call/{call.call_id}/park", body_of("park")).seen == failed("park", "pbx")
        eventually(lambda: sum(str(one).startswith(echo) for one in ari.asked) > before, message="no echo")
        assert service.ask("GET", "/ready").status == 200
        with ari.trouble(echo):
            assert service.post(f"/v1/call/{call.call_id}/park", body_of("park")).seen == failed("park", "pbx")
            eventually(lambda: service.ask("GET", "/ready").status == 503, deadline=5, message="still ready")
    service.wait_ready()
