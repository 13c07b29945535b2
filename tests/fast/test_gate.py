"""Outbound limits and the service: given to Asterisk before anything is served, and asked for before anybody rings."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.gate import REVISION, rendered
from service.metrics import REFUSALS
from service.tenants import load
from tests.fast.conftest import OFFLINE, ONLINE
from tests.fast.fake_ari import FakeAri
from tests.fast.serving import ACME, GLOBEX, HOTLINES, Serving, tenants_file
from tests.fast.test_click2call_answers import click, failed
from tests.instruments.polling import eventually

LIMITS = '[tenant.outbound]\nallow = ["0XXXXXXXXX"]\nat_once = 2\n'


def limited_file(folder: Path, everybody: str = "") -> Path:
    """The usual tenants; acme has limits."""
    path = tenants_file(folder)
    first, second, *rest = path.read_text().split("[[tenant]]\n")[1:]
    path.write_text(everybody + "[[tenant]]\n".join(["", first + LIMITS, second, *rest]))
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return limited_file(tmp_path_factory.mktemp("limited"))


@pytest.fixture(scope="module")
def alone(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeAri, Serving]]:
    """An Asterisk that no other service writes to, and a service whose acme has limits."""
    with FakeAri() as ari:
        ari.endpoints = dict.fromkeys(ONLINE, "online") | dict.fromkeys(OFFLINE, "offline")
        with Serving(tmp_path_factory.mktemp("alone"), ari.url, tenants=file) as service:
            service.wait_ready()
            yield ari, service


@pytest.fixture
def ari(alone: tuple[FakeAri, Serving]) -> Iterator[FakeAri]:
    """It says yes when it is asked; empty before and after."""
    yield alone[0]
    alone[0].gate = "allowed"
    alone[0].clear()


@pytest.fixture
def limited(alone: tuple[FakeAri, Serving]) -> Serving:
    return alone[1]


def metric(service: Serving, reason: str) -> float:
    lines = service.get("/metrics").body.decode().splitlines()
    (line,) = [line for line in lines if line.startswith(f'patchbay_outbound_refused_total{{reason="{reason}"}}')]
    return float(line.rpartition(" ")[2])


def test_asterisk_has_the_limits_before_the_service_is_ready(ari: FakeAri, limited: Serving, file: Path) -> None:
    """Those of every tenant, what there is none of included, and what holds for all."""
    ari.limits.clear()
    ari.globals.clear()
    with ari.asked_inside() as asked:
        ari.drop()
        limited.wait_not_ready()
        limited.wait_ready()
    assert ari.limits == rendered(load(file))
    assert ari.limits[ACME] == "open/2/0/0/^(0[0-9]{9})$/^$"
    assert ari.limits[GLOBEX] == ""
    first = next(request for request in asked if request.query.get("endpoint", "").startswith("Local/write@"))
    assert first.body["variables"]["PATCHBAY_TENANT"] == "*"


def test_limits_that_are_there_are_not_written_again(ari: FakeAri, limited: Serving) -> None:
    """A reconnect costs one question."""
    ari.drop()
    limited.wait_not_ready()
    limited.wait_ready()
    ari.limits.clear()
    with ari.asked_inside() as asked:
        ari.drop()
        limited.wait_not_ready()
        limited.wait_ready()
    assert ari.globals[REVISION]
    assert ari.limits == {}
    assert [str(request) for request in asked].count("GET /asterisk/variable") >= 1


def test_allowed(ari: FakeAri, limited: Serving) -> None:
    """It is a call of the tenant's from the gate's word on."""
    answer = json.loads(click(limited).body)
    (row,) = json.loads(limited.get().body)["data"]
    assert row["call_id"] == answer["payload"]["call_uuid"]


@pytest.mark.parametrize("reason", REFUSALS)
def test_refused(ari: FakeAri, limited: Serving, reason: str) -> None:
    """The vendor's own later code, whatever the reason; nothing is listed, and the reason is counted."""
    ari.gate = reason
    before = metric(limited, reason)
    assert click(limited).seen == failed("do_not_call")
    assert json.loads(limited.get().body)["total"] == 0
    assert metric(limited, reason) == before + 1


def test_it_comes_after_the_contract_s_own_failures(ari: FakeAri, limited: Serving) -> None:
    """Offline is the last of them."""
    ari.gate = "number"
    assert click(limited, extension="104").seen == failed("user_not_registered")
    assert click(limited, hotline="1").seen == failed("number_call_out_invalid")


@pytest.mark.usefixtures("impatient")
def test_the_gate_is_silent(ari: FakeAri, limited: Serving) -> None:
    """503, and what may still be on its way to a phone is hung up."""
    ari.gate = ""
    begin = len(ari.asked)
    assert click(limited).seen == failed("Unknown")
    originated = next(request for request in ari.asked[begin:] if request.method == "POST")
    assert f"DELETE {originated.path}" in [str(request) for request in ari.asked[begin:]]


def test_a_colleague_is_not_outside(ari: FakeAri, limited: Serving) -> None:
    """No gate on the way to an extension."""
    ari.gate = "stopped"
    assert json.loads(click(limited, phone_number="102").body)["status_code"] == 9999


def test_without_limits_nobody_waits_for_the_gate(ari: FakeAri, limited: Serving) -> None:
    """The tenant's call is there as soon as Asterisk announces its first channel."""
    ari.gate = ""
    answer = click(limited, GLOBEX, hotline=HOTLINES[GLOBEX])
    assert json.loads(answer.body)["status_code"] == 9999


def test_the_switch_for_all_holds_for_a_tenant_without_limits(
    ari: FakeAri, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tenants_file(tmp_path)
    path.write_text("[outbound]\nenabled = false\n" + path.read_text())
    with Serving(tmp_path_factory.mktemp("stopped"), ari.url, tenants=path, app="stopped") as stopped:
        stopped.wait_ready()
        assert ari.limits["*"].startswith("stopped/")
        ari.gate = "stopped"
        assert click(stopped).seen == failed("do_not_call")


@pytest.mark.usefixtures("impatient")
def test_limits_that_asterisk_does_not_take(ari: FakeAri, limited: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is served; a tenant with limits cannot click until they are there; then it can, by itself."""
    monkeypatch.setattr("service.gate.RETRY_SECONDS", 0.01)
    ari.written = "LOST"
    ari.globals[REVISION] = "of other limits"
    try:
        ari.drop()
        limited.wait_not_ready()
        limited.wait_ready()
        assert limited.get().status == 200
        assert click(limited).seen == failed("Unknown")
        assert ari.globals[REVISION] == "", "who comes with the other limits has to write them again"
    finally:
        ari.written = "SUCCESS"
    eventually(lambda: ari.globals[REVISION], message="not tried again")
    assert json.loads(click(limited).body)["status_code"] == 9999


def test_a_refusal_of_a_phone_s_own_call_is_logged(
    ari: FakeAri, limited: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """Who, whereto, which tenant, why; a word that is no reason is not counted."""
    told = {"Id": "pbx-1.1", "Domain": ACME, "Number": "00881", "Status": "number"}
    before = metric(limited, "number")
    ari.send("ChannelUserevent", eventname="PatchbayGate", userevent=told | {"Status": "{}"})
    ari.send("ChannelUserevent", eventname="PatchbayGate", userevent=told)
    eventually(lambda: metric(limited, "number") == before + 1)
    records = [record for record in caplog.records if "outbound call refused, number" in record.getMessage()]
    assert records
    assert "to 00881" in records[-1].getMessage()
    assert records[-1].__dict__["ids"] == {"tenant": ACME}
