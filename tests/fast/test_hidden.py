"""Channels that Asterisk has no words for: the others are listed all the same, and what was missed is found out."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fast.conftest import ONLINE
from tests.fast.fake_ari import FakeAri, channel
from tests.fast.fake_calls import Exchange
from tests.fast.serving import ACME, Serving
from tests.instruments.polling import eventually

ODD, ODD_NAME = "pbx-1767323045.900", f"PJSIP/102@{ACME}-00000900"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks often."""
    monkeypatch.setattr("service.live.ECHO_EVERY_SECONDS", 0.05)
    monkeypatch.setattr("service.live.LOOK_EVERY_SECONDS", 0.1)


@pytest.fixture
def ari() -> Iterator[FakeAri]:
    """One of its own: nothing is known here before."""
    with FakeAri() as fake:
        fake.endpoints = dict.fromkeys(ONLINE, "online")
        yield fake


@contextmanager
def started(ari: FakeAri, folder: Path) -> Iterator[Serving]:
    with Serving(folder, ari.url) as serving:
        serving.wait_ready()
        yield serving


def listed(service: Serving, call_id: str) -> bool:
    return call_id in service.get().body.decode()


def hidden(service: Serving) -> float:
    text = service.ask("GET", "/metrics").body.decode()
    return float(text.partition("\npatchbay_hidden_channels ")[2].partition("\n")[0])


def hide(ari: FakeAri) -> None:
    """A phone stands where no event can tell of it."""
    ari.channels[ODD] = channel(ODD, ODD_NAME, dnid="103", number="102", state="Ring")
    ari.wordless.add(ODD)


def test_the_others_are_listed(ari: FakeAri, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By a service that starts then; it says once whose channel it is, and when all can be told of again."""
    caplog.set_level(logging.INFO, "patchbay")
    with started(ari, tmp_path) as first:
        call = Exchange(ari, first).local()
    hide(ari)
    with started(ari, tmp_path) as service:
        assert listed(service, call.call_id)
        asked = len(ari.asked)
        looks = f"GET /channels/{ODD}"
        eventually(lambda: [str(one) for one in ari.asked[asked:]].count(looks) > 2, message="no second look")
        assert "GET /channels" not in [str(one) for one in ari.asked[asked:]], "all are asked for again"
        (line,) = [one.getMessage() for one in caplog.records if "cannot tell of channel" in one.getMessage()]
        assert ODD in line
        assert ODD_NAME in line
        assert hidden(service) == 1
        ari.wordless.clear()
        eventually(lambda: '"source":"102"' in service.get().body.decode(), message="it is not listed")
        eventually(lambda: "Asterisk can tell of every channel again" in caplog.text, message="that is not told")
        assert hidden(service) == 0
        assert listed(service, call.call_id)


def test_what_came_untold_is_found(ari: FakeAri, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By a service that runs: the log says whose channel it is."""
    with started(ari, tmp_path) as service:
        call = Exchange(ari, service).local()
        hide(ari)
        eventually(lambda: ODD_NAME in caplog.text, message="not told")
        assert listed(service, call.call_id)
        assert service.ask("GET", "/ready").status == 200


def test_what_ended_untold_is_gone(ari: FakeAri, tmp_path: Path) -> None:
    """No event has told of it."""
    with started(ari, tmp_path) as service:
        exchange = Exchange(ari, service)
        over, other = exchange.local(), exchange.local()
        for leg in (over.aleg, over.bleg):
            del ari.channels[leg]
        del ari.bridges[next(one for one, told in ari.bridges.items() if over.aleg in told["channels"])]
        eventually(lambda: not listed(service, over.call_id), message="still listed")
        assert listed(service, other.call_id)


def test_nothing_is_taken_anew_while_all_is_told(ari: FakeAri, tmp_path: Path) -> None:
    """A look is one request, and no more."""
    with started(ari, tmp_path) as service:
        Exchange(ari, service).local()
        asked = len(ari.asked)
        looks = "GET /endpoints/PJSIP"
        eventually(lambda: [str(one) for one in ari.asked[asked:]].count(looks) > 4, message="it does not look")
        assert "GET /channels" not in [str(one) for one in ari.asked[asked:]]


def test_calls_go_on_while_a_new_picture_is_taken(ari: FakeAri, tmp_path: Path) -> None:
    """What happens meanwhile is in the old picture at once, and in the new one."""
    with started(ari, tmp_path) as service:
        exchange = Exchange(ari, service)
        with ari.trouble("GET /bridges"):
            hide(ari)
            eventually(lambda: "GET /bridges" in [str(one) for one in ari.asked[-6:]], message="no new picture")
            call = exchange.local()
            assert service.ask("GET", "/ready").status == 200
        eventually(lambda: hidden(service) == 1, message="no new picture")
        assert listed(service, call.call_id)
