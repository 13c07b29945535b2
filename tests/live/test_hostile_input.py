"""Every trick in every field, while a call is up on the real Asterisk: the contract's error, and an unharmed call.

All the while Asterisk is asked nothing but whether extensions of plain names are there.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from tests.instruments.ari_proxy import AriProxy
from tests.instruments.failures import FREE, SUPERVISION, VERBS, click_failure, failure, good
from tests.instruments.hostile import CORPUS
from tests.instruments.scene import CLICK, LOCAL, Scene, call_up
from tests.instruments.stage import Stage
from tests.instruments.witness import Witness

LONGEST = 65_000
LOOK_UP = re.compile(r"GET /endpoints/PJSIP/[0-9A-Za-z][0-9A-Za-z_.-]{0,63}%40acme\.test")
NUMBER = re.compile(r"\+?[0-9]{2,32}")


def spoil_fields(scene: Scene, text: str) -> None:
    """The text as `ext` and as `legs`."""
    for verb in (*SUPERVISION, "transfer"):
        answer = scene.acme.ask(verb, scene.call_id, ext=text, legs="bleg")
        assert (answer.status_code, answer.content) == failure(verb, "USER_NOT_REGISTERED"), (verb, text[:60])
    for verb in ("transfer", "park"):
        answer = scene.acme.ask(verb, scene.call_id, ext=FREE, legs=text)
        assert (answer.status_code, answer.content) == failure(verb, "LEGS_INVALID"), (verb, text[:60])


def spoil_path(scene: Scene, text: str) -> None:
    """The text in the place of the call's id, unless it is longer than httpx will send; the fast twin sends it."""
    spelt = quote(text, safe="").replace(".", "%2E")
    for verb in VERBS if len(spelt) < LONGEST else ():
        answer = scene.acme.http.post(f"/v1/call/{spelt}/{verb}", content=good(verb))
        assert (answer.status_code, answer.content) == failure(verb, "CALL_NOT_FOUND"), (verb, text[:60])


def spoil_click(scene: Scene, text: str) -> None:
    """The text as each field of click-to-call."""
    right = {"extension": "103", "hotline": "02873001234", "phone_number": "0909123456"}
    errors = {
        "extension": "extension_invalid",
        "hotline": "number_call_out_invalid",
        "phone_number": "data_is_required",
    }
    for field, error in errors.items():
        if field == "phone_number" and NUMBER.fullmatch(re.sub(r"[ .()-]", "", text)):
            continue
        answer = scene.acme.http.post("/api/click2call", json=right | {field: text})
        assert (answer.status_code, answer.content) == click_failure(error), (field, text[:60])


@contextmanager
def only_looked_up(watched: AriProxy | None) -> Iterator[None]:
    """Nothing else is asked inside, unless the service is a given one."""
    if watched is None:
        yield
        return
    with watched.watch() as asked:
        yield
    assert [request for request in asked if not LOOK_UP.fullmatch(request)] == []


@pytest.mark.parametrize("kind", [CLICK, LOCAL])
def test_every_trick_in_every_field(stage: Stage, watched: AriProxy | None, kind: str) -> None:
    """The whole corpus on one call: channels, bridges, row and sound are as before; no idle phone has rung."""
    scene = call_up(stage, kind, free=stage.phone(FREE, 3), other=stage.phone("101", 4, domain="globex.test"))
    before = scene.row(), Witness(stage).still()
    with only_looked_up(watched):
        for text in CORPUS:
            spoil_fields(scene, text)
            spoil_path(scene, text)
            spoil_click(scene, text)
    assert (scene.row(), Witness(stage).still()) == before
    stage.nothing_of_ours()
    scene.talking()
    assert not scene.parties["free"].rings
    assert not scene.parties["other"].rings


def test_the_log_has_one_line_for_one_request(stage: Stage) -> None:
    """Nothing a client sends begins a line of its own, or reaches the terminal of whoever reads."""
    begun = len(stage.service.log)
    forged = "2026-01-01 00:00:00,000 INFO    forged"
    for text in (f"x\n{forged}", f"x\r\n{forged}", f"x\x1b[2J{forged}", f"x\u2028{forged}"):
        stage.acme.ask("listen", quote(text, safe=""), ext=text)
        stage.acme.http.post("/api/click2call", json={"extension": text, "hotline": text, "phone_number": "0909123456"})
        stage.acme.http.get("/v1/" + quote(text, safe=""))
    written = stage.service.log[begun:]
    assert not [line for line in written.splitlines() if line.startswith(forged)]
    assert "\x1b" not in written
