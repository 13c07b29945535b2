"""Clients that close their half of the connection, or all of it, in the middle: all of it is done, or nothing."""

import pytest

from tests.instruments.client import Client
from tests.instruments.failures import good
from tests.instruments.faulty import no_faults_logged
from tests.instruments.http_wire import Wire, request
from tests.instruments.scene import CLICK, OUTBOUND, Scene, call_up
from tests.instruments.stage import Stage
from tests.instruments.witness import Witness

pytestmark = pytest.mark.owns


def said(client: Client, call_id: str, verb: str, body: bytes) -> bytes:
    token = client.http.headers["Authorization"].removeprefix("Bearer ")
    return request("POST", f"/v1/call/{call_id}/{verb}", token, body)


def test_what_was_said_whole_is_done_and_answered(stage: Stage) -> None:
    """To a client that has said that nothing more will come."""
    scene = call_up(stage, CLICK, free=stage.phone("103", 3, answer=0.0))
    with Wire(stage.service.port) as wire:
        wire.say(said(scene.acme, scene.call_id, "transfer", good("transfer")))
        wire.say_no_more()
        assert wire.hear().status == 200
        assert wire.rest() == b""
    scene.hears({"far": "free", "free": "far"})


def test_what_was_said_whole_is_done_for_a_client_that_is_gone(stage: Stage) -> None:
    scene = call_up(stage, OUTBOUND)
    with no_faults_logged(stage):
        with Wire(stage.service.port) as wire:
            wire.say(said(scene.acme, scene.call_id, "park", b'{"legs":"aleg"}'))
        scene.acme.wait_row(scene.call_id, lambda row: row["state"] == "CS_PARK")


@pytest.mark.parametrize("abort", [False, True])
def test_what_was_not_said_whole_is_not_done(stage: Stage, abort: bool) -> None:
    """Whether the client waits for an answer or is gone."""
    scene = call_up(stage, OUTBOUND, free=stage.phone("103", 3))
    before = Witness(stage).still()
    with no_faults_logged(stage):
        for verb in ("transfer", "park", "listen", "whisper", "barge"):
            whole = said(scene.acme, scene.call_id, verb, good(verb))
            for length in (1, len(whole) // 2, len(whole) - 1):
                with Wire(stage.service.port) as wire:
                    wire.say(whole[:length])
                    if not abort:
                        wire.say_no_more()
                        assert wire.rest() == b""
    untouched(scene, before)


def untouched(scene: Scene, before: object) -> None:
    assert Witness(scene.stage).still() == before
    scene.talking()
    assert not scene.parties["free"].rings
