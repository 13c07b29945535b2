"""SIGTERM under load: what was asked is answered and done, what comes later is refused, nothing is left half done."""

import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from tests.instruments.ari_proxy import AriProxy, Fault
from tests.instruments.faulty import Exchange, no_faults_logged
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually
from tests.instruments.scene import LOCAL, OUTBOUND, Scene
from tests.instruments.stage import Stage
from tests.instruments.supervision import BARGE, CHIEF, LISTEN, MODES, WHISPER, ringing, supervised, table

pytestmark = [pytest.mark.owns, pytest.mark.usefixtures("service_afterwards")]

SLOW = Fault(seconds=2.5)
"""An Asterisk that takes its time, and is still within what the service gives it."""

END_SECONDS = 15.0

LEAVING = "Waiting for application shutdown"
"""What uvicorn logs when no request is left, before the service's own tasks are ended."""


def refused(stage: Stage) -> bool:
    """Whether nobody answers at the service's port any more."""
    try:
        httpx.get(f"{stage.service.url}/live", verify=NO_TLS, timeout=2)
    except httpx.TransportError:
        return True
    return False


def ended_well(stage: Stage) -> None:
    assert stage.service.process is not None
    assert stage.service.process.wait(END_SECONDS) == 0


def asked_while_it_ends(scene: Scene, proxy: AriProxy, verb: str, **body: str) -> None:
    """The request is with Asterisk when SIGTERM comes; it succeeds, and in between nobody else is let in."""
    with proxy.watch({1: SLOW}) as asked, ThreadPoolExecutor(1) as pool, no_faults_logged(scene.stage):
        answer = pool.submit(scene.acme.ask, verb, scene.call_id, **body)
        eventually(lambda: asked, message="nothing was asked of Asterisk")
        scene.stage.service.signal(signal.SIGTERM)
        eventually(lambda: refused(scene.stage), message="new requests are still let in")
        assert not answer.done()
        assert answer.result(END_SECONDS).status_code == 200
        ended_well(scene.stage)


def test_a_supervisor_who_is_being_rung(stage: Stage, proxy: AriProxy) -> None:
    """Rings on without the service, and is let in by the next one, in the mode that was asked for."""
    scene = ringing(stage, LOCAL, LISTEN)
    asked_while_it_ends(scene, proxy, WHISPER, ext="103")
    stage.serve()
    scene.parties["boss"].answer()
    scene.hears(table(boss=WHISPER))


def test_a_transfer(stage: Stage, proxy: AriProxy) -> None:
    """Is done to its end."""
    scene = supervised(stage, OUTBOUND, chief=stage.phone(CHIEF, 4, answer=0.0))
    asked_while_it_ends(scene, proxy, "transfer", ext=CHIEF, legs=scene.far_side)
    scene.parties["chief"].wait_established()
    stage.serve()
    scene.hears(table(agent="chief", boss=LISTEN))


def test_what_the_service_does_by_itself(stage: Stage, proxy: AriProxy) -> None:
    """A supervisor who follows the call to another extension is there, not half way: its events still come."""
    scene = supervised(stage, LOCAL, BARGE, chief=stage.phone(CHIEF, 4, answer=0.0))
    told = len(stage.service.log)
    with proxy.watch({1: Fault(kept=True)}) as asked:
        scene.agent.transfer(CHIEF)
        eventually(lambda: any("/snoop/" in request for request in asked), message="the supervisor does not follow")
        stage.service.signal(signal.SIGTERM)
        eventually(lambda: LEAVING in stage.service.log[told:], message="the service does not end")
        proxy.release()
        ended_well(stage)
    assert Exchange(stage).supervisors() == 1
    scene.hears(table(agent="chief", boss=BARGE))


def test_modes_switched_all_the_time(stage: Stage, proxy: AriProxy) -> None:
    """Whatever instant the end comes at: the supervisor is on, once, and every request was answered or not let in."""
    scene = supervised(stage, LOCAL)
    for _ in range(3):
        before = len(stage.service.log)
        answers = switching_until_the_end(scene)
        taken = re.findall(r" POST /v1/call/\S+ (\d+) ", stage.service.log[before:])
        assert taken == ["200"] * answers
        exchange = Exchange(stage)
        assert exchange.supervisors() == 1
        assert len(exchange.modes()) == 1
        stage.serve()
    scene.hears(table(boss=exchange.modes()[0]))


def switching_until_the_end(scene: Scene) -> int:
    """Switches modes from several clients, and ends the service meanwhile; how many answers there were."""
    answered = threading.Semaphore(0)
    body = {"ext": "103"}

    def switch(first: int) -> int:
        headers = {"Authorization": scene.acme.http.headers["Authorization"]}
        with httpx.Client(
            base_url=scene.stage.service.url, headers=headers, verify=NO_TLS, timeout=END_SECONDS
        ) as client:
            turn = 0
            with suppress(httpx.NetworkError, httpx.RemoteProtocolError):  # the port is closed, or the kept connection
                while True:
                    client.post(f"/v1/call/{scene.call_id}/{MODES[(first + turn) % len(MODES)]}", json=body)
                    answered.release()
                    turn += 1
            return turn

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(switch, first) for first in range(3)]
        for _ in range(5):
            assert answered.acquire(timeout=END_SECONDS)
        scene.stage.service.signal(signal.SIGTERM)
        ended_well(scene.stage)
        return sum(client.result(END_SECONDS) for client in clients)
