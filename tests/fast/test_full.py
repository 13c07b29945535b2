"""An Asterisk at its call limit, which ends the channels of a request at once: nobody waits for what will not come."""

from collections.abc import Iterator

import pytest

from service.gate import REVISION
from tests.fast.conftest import ONLINE
from tests.fast.fake_ari import FakeAri
from tests.fast.fake_calls import Exchange
from tests.fast.serving import Serving
from tests.fast.test_call_answers import VERBS, body_of, failed
from tests.fast.test_click2call_answers import click
from tests.fast.test_click2call_answers import failed as api_failed
from tests.fast.test_gate import limited_file

LIMIT = 3


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAri]:
    """It is not full yet; who waits for its word in vain does so for an hour."""
    for name in ("RECEIPT_SECONDS", "BEGUN_SECONDS"):
        monkeypatch.setattr(f"service.switchboard.{name}", 3600.0)
    with FakeAri() as ari:
        ari.endpoints = dict.fromkeys(ONLINE, "online")
        ari.most_calls = LIMIT
        yield ari


@pytest.fixture
def serving(full: FakeAri, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service whose acme has limits on calls outside."""
    tenants = limited_file(tmp_path_factory.mktemp("limits"))
    with Serving(tmp_path_factory.mktemp("full"), full.url, tenants=tenants) as serving:
        serving.wait_ready()
        yield serving


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_refused_at_once(full: FakeAri, serving: Serving, verb: str) -> None:
    """And the call is as it was."""
    call = Exchange(full, serving).talking()
    legs, bridges = dict(full.channels), dict(full.bridges)
    full.full = True
    assert serving.post(f"/v1/call/{call.call_id}/{verb}", body_of(verb)).seen == failed(verb, "pbx")
    assert (full.channels, full.bridges) == (legs, bridges)


@pytest.mark.parametrize("number", ["102", "0909123456"])
def test_a_click_is_refused_at_once(full: FakeAri, serving: Serving, number: str) -> None:
    """To an extension, and outside, where the gate has the first word."""
    full.full = True
    assert click(serving, phone_number=number).seen == api_failed("Unknown")
    assert full.channels == {}


def test_limits_that_cannot_be_written_keep_nobody_waiting(full: FakeAri, serving: Serving) -> None:
    """The service that connects is ready, and lists."""
    full.full = True
    full.globals[REVISION] = "of other limits"
    full.drop()
    serving.wait_not_ready()
    serving.wait_ready()
    assert serving.get().status == 200


@pytest.mark.parametrize(("legs", "told"), [("aleg", "0"), ("bleg", str(LIMIT))])
def test_the_limit_is_told_where_it_matters(full: FakeAri, serving: Serving, legs: str, told: str) -> None:
    """A leg that was dialled has no place of its own among the calls, and needs one when it is moved."""
    call = Exchange(full, serving).talking()
    with full.asked_inside() as asked:
        serving.post(f"/v1/call/{call.call_id}/transfer", f'{{"ext":"103","legs":"{legs}"}}')
    (moved,) = [one.body["variables"] for one in asked if one.query.get("endpoint", "").startswith("Local/redirect@")]
    assert moved["PATCHBAY_MOST_CALLS"] == told
