"""Every failure on a call that is up: the answer to the byte, and a call that never noticed."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.instruments.failures import (
    FREE,
    SUPERVISION,
    UNKNOWN_CALL,
    VERBS,
    another_client,
    check,
    click_failure,
    click_tries,
    failure,
    good,
    tries,
)
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, INBOUND, KINDS, Scene, call_up
from tests.instruments.service import Service
from tests.instruments.stage import ACME, Stage, live_stage, service_settings, tenants_file
from tests.instruments.witness import Witness


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A PBX of which one extension can be registered and not be dialled."""
    desk = "\n[desk@acme.test](acme.test)\ninbound_auth/username = desk\ninbound_auth/password = desk\n"
    folder = tmp_path_factory.mktemp("workshop")
    with live_stage(folder, f"{folder.parent.name}-desk", extra={"pjsip_wizard.conf": desk}) as stage:
        stage.pbx.secrets.phones["desk@acme.test"] = "desk"
        yield stage


def unharmed(scene: Scene, before: object) -> None:
    """Row, channels and bridges as before, nothing of ours, both sides heard, nobody else rung."""
    stage = scene.stage
    assert (scene.row(), Witness(stage).still()) == before
    stage.nothing_of_ours()
    scene.talking()
    idle = [phone for name, phone in scene.parties.items() if name not in ("agent", "far")]
    assert not any(phone.rings for phone in idle)


def lives(service: Service) -> bool:
    """Whether the process answers."""
    try:
        return httpx.get(f"{service.url}/live", verify=NO_TLS, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def state_of(scene: Scene) -> object:
    return scene.row(), Witness(scene.stage).still()


@pytest.mark.parametrize("kind", KINDS)
def test_every_failure_on_a_call_that_is_up(stage: Stage, kind: str) -> None:
    """By the call's id and by the ids of its legs."""
    scene = call_up(stage, kind, free=stage.phone(FREE, 3))
    before = state_of(scene)
    for reference in (scene.call_id, *Witness(stage).ids("PJSIP/")):
        check(scene.acme.http, tries(reference))
    check(scene.acme.http, click_tries())
    unharmed(scene, before)


def test_a_call_that_has_ended_is_unknown(stage: Stage) -> None:
    """Its id and the ids its legs had."""
    scene = call_up(stage, CLICK, free=stage.phone(FREE, 3))
    references = (scene.call_id, *Witness(stage).ids())
    scene.agent.hangup()
    scene.acme.wait_gone(scene.call_id)
    for reference in references:
        for verb in VERBS:
            check(
                scene.acme.http, iter([(f"/v1/call/{reference}/{verb}", good(verb), failure(verb, "CALL_NOT_FOUND"))])
            )


def test_call_not_answered_while_the_far_side_rings(stage: Stage) -> None:
    """The ringing leg cannot be moved, nor be left alone, nor a caller who waits be spied on; the call comes about."""
    parties = {"agent": stage.phone("101", 1), "far": stage.mobile(2), "free": stage.phone(FREE, 3)}
    stage.start(**parties)
    parties["agent"].dial("0909123456")
    parties["far"].wait_ringing()
    parties["agent"].wait_alerting()
    scene = Scene(stage, "outbound by phone", stage.acme.only_call()["call_id"], parties)
    scene.acme.wait_row(scene.call_id, lambda row: row["ip"] != "")
    before = state_of(scene)
    attempts = [("transfer", good("transfer")), ("park", b'{"legs":"aleg"}'), ("park", b'{"legs":"bleg"}')]
    for verb, body in (*attempts, *((verb, good(verb)) for verb in SUPERVISION)):
        check(scene.acme.http, iter([(f"/v1/call/{scene.call_id}/{verb}", body, failure(verb, "CALL_NOT_ANSWERED"))]))
    assert state_of(scene) == before
    parties["far"].answer()
    scene.talking()
    stage.nothing_of_ours()


@pytest.mark.parametrize("kind", [CLICK, INBOUND])
def test_call_not_answered_while_parked(stage: Stage, kind: str) -> None:
    """A parked mobile cannot be spied on nor parked again; the music goes on."""
    scene = call_up(stage, kind, free=stage.phone(FREE, 3))
    scene.acme.do("park", scene.call_id, legs=scene.agent_side)
    scene.acme.wait_row(scene.call_id, lambda row: row["state"] == "CS_PARK" and row["ip"] != "")
    scene.agent.wait_idle()
    before = state_of(scene)
    for verb in ("park", *SUPERVISION):
        for body in (b'{"legs":"aleg"}', b'{"legs":"bleg"}') if verb == "park" else (good(verb),):
            path = f"/v1/call/{scene.call_id}/{verb}"
            check(scene.acme.http, iter([(path, body, failure(verb, "CALL_NOT_ANSWERED"))]))
    assert state_of(scene) == before
    scene.hears({"far": "music"})
    stage.nothing_of_ours()


@pytest.mark.owns
@pytest.mark.parametrize("kind", [CLICK, INBOUND])
def test_an_extension_that_the_dialplan_does_not_have(workshop: Stage, kind: str) -> None:
    """The PBX refuses after all checks: 503, and the leg stays where it is."""
    scene = call_up(workshop, kind, desk=workshop.phone("desk", 3))
    before = state_of(scene)
    for legs in ("aleg", "bleg"):
        body = f'{{"ext":"desk","legs":"{legs}"}}'.encode()
        path = f"/v1/call/{scene.call_id}/transfer"
        check(scene.acme.http, iter([(path, body, failure("transfer", "SERVICE_UNAVAILABLE"))]))
    unharmed(scene, before)
    workshop.strike()


@pytest.mark.owns
def test_a_service_that_does_not_reach_the_pbx(stage: Stage, tmp_path: Path) -> None:
    """503 to everything, in each style; the call neither notices nor needs it."""
    scene = call_up(stage, CLICK, free=stage.phone(FREE, 3))
    before = state_of(scene)
    settings = service_settings(stage.pbx, Path(stage.service.settings["tenants"])) | {"ari_password": "wrong"}
    with_wrong_password = Service(tmp_path, **settings | {"app": "locked-out"})
    with_wrong_password.launch()
    try:
        eventually(lambda: lives(with_wrong_password), deadline=20, message="the service does not start")
        with another_client(stage, with_wrong_password.url) as http:
            assert (http.get("/ready").status_code, http.get("/live").status_code) == (503, 200)
            listed = http.get("/v1/call")
            assert (listed.status_code, listed.content) == (503, b'{"error":"Service Unavailable"}')
            for reference in (scene.call_id, UNKNOWN_CALL, "%ff"):
                for verb in VERBS:
                    wanted = failure(verb, "SERVICE_UNAVAILABLE")
                    check(http, iter([(f"/v1/call/{reference}/{verb}", good(verb), wanted)]))
            click = b'{"extension":"999","hotline":"0","phone_number":"0909123456"}'
            check(http, iter([("/api/click2call", click, click_failure("Unknown"))]))
    finally:
        with_wrong_password.stop()
    unharmed(scene, before)


def test_a_disabled_tenant(stage: Stage, tmp_path: Path) -> None:
    """Its calls go on; its token opens nothing on /v1 and is told so on /api."""
    scene = call_up(stage, CLICK, free=stage.phone(FREE, 3))
    before = state_of(scene)
    text = tenants_file({ACME: stage.pbx.secrets.tokens[ACME]})
    tenants = tmp_path / "tenants.toml"
    tenants.write_text(text.replace(f'domain = "{ACME}"\n', f'domain = "{ACME}"\nenabled = false\n'))
    strict = Service(tmp_path / "service", **service_settings(stage.pbx, tenants) | {"app": "strict"}).start()
    try:
        with another_client(stage, strict.url) as http:
            for verb in VERBS:
                path = f"/v1/call/{scene.call_id}/{verb}"
                check(http, iter([(path, good(verb), (401, b'{"error":"Unauthorized"}'))]))
            click = b'{"extension":"999","hotline":"0","phone_number":"0909123456"}'
            check(http, iter([("/api/click2call", click, click_failure("tenant_invalid"))]))
    finally:
        strict.stop()
    unharmed(scene, before)
