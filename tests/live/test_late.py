"""Asterisk gets a request when the client has long been told that nothing came of it: then nothing comes of it.

So it is after a stop of Asterisk, which goes on with what lies in its sockets. Here each of an operation's requests is
kept back in turn, and given to Asterisk when the service has answered.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.instruments.ari_proxy import AriProxy, Fault
from tests.instruments.failures import failure
from tests.instruments.faulty import no_faults_logged
from tests.instruments.polling import eventually
from tests.instruments.repeated import TARGET, Click, Listen, Operation, Park, Switch, Transfer
from tests.instruments.scene import CLICK, INBOUND, LOCAL, OUTBOUND, call_up
from tests.instruments.stage import Stage
from tests.instruments.supervision import BOSS
from tests.instruments.witness import Witness

pytestmark = pytest.mark.owns

Kind = tuple[type[Operation], str]

STARTED: list[Kind] = [(Click, CLICK), (Listen, OUTBOUND)]
MOVED: list[Kind] = [(Transfer, LOCAL), (Park, INBOUND)]
SWITCHED: list[Kind] = [(Switch, INBOUND)]


def on_a_call(stage: Stage, operation: type[Operation], kind: str) -> Operation:
    phones = {"target": stage.phone(TARGET, 3, answer=0.0), "boss": stage.phone(BOSS, 4, answer=0.0)}
    return operation(call_up(stage, kind, **phones))


def changes(operation: Operation, proxy: AriProxy) -> list[int]:
    """The numbers of those requests of the operation that change something; it is run to find out."""
    operation.ready()
    with proxy.watch() as asked:
        assert operation.begin() == 200
        eventually(operation.done, message="it does not come to its end")
        return [number for number, request in enumerate(asked, 1) if not request.startswith("GET")]


def befallen(operation: Operation, proxy: AriProxy, number: int, fault: Fault) -> None:
    """All or nothing came of it, as the client was told, once Asterisk has got all that it was sent."""
    operation.ready()
    with proxy.watch({number: fault}):
        status = operation.begin()
        proxy.release()
        eventually(proxy.quiet, message="Asterisk has not got everything")
        assert status in (200, 503)
        if status == 200:
            eventually(operation.done, deadline=15, message=f"request {number}: not done")
        else:
            eventually(lambda: "Local/re" not in str(operation.stage.channels()), message="Asterisk is still busy")
            operation.undone()
    eventually(operation.stage.service.ready, deadline=15, message="not ready again")


@pytest.mark.parametrize(("operation", "kind"), STARTED + MOVED)
def test_requests_that_come_late(stage: Stage, proxy: AriProxy, operation: type[Operation], kind: str) -> None:
    """By more than they are waited for."""
    run = on_a_call(stage, operation, kind)
    with no_faults_logged(stage):
        for number in changes(run, proxy):
            befallen(run, proxy, number, Fault(kept=True))


@pytest.mark.parametrize(("operation", "kind"), STARTED + SWITCHED)
def test_answers_that_never_come(stage: Stage, proxy: AriProxy, operation: type[Operation], kind: str) -> None:
    """Asterisk has done as it was asked, and the service cannot know."""
    run = on_a_call(stage, operation, kind)
    with no_faults_logged(stage):
        for number in changes(run, proxy):
            befallen(run, proxy, number, Fault(lost=True))


@pytest.mark.parametrize(("operation", "kind"), STARTED + SWITCHED)
def test_answers_that_are_slow(stage: Stage, proxy: AriProxy, operation: type[Operation], kind: str) -> None:
    """Their events come first, and the operation succeeds."""
    run = on_a_call(stage, operation, kind)
    for number in changes(run, proxy):
        run.ready()
        with proxy.watch({number: Fault(seconds=0.3)}):
            assert run.begin() == 200
            eventually(run.done, message="it does not come to its end")


@contextmanager
def frozen(stage: Stage) -> Iterator[None]:
    """Asterisk stands still inside."""
    process = stage.pbx.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_asterisk_stands_still(stage: Stage) -> None:
    """What it was asked meanwhile it refuses when it goes on; until then the service says that it is not ready."""
    scene = call_up(stage, CLICK)
    before = Witness(stage).still()
    processed = calls_processed(stage)
    with frozen(stage):
        refused = scene.acme.ask("park", scene.call_id, legs=scene.agent_side)
        assert (refused.status_code, refused.content) == failure("park", "SERVICE_UNAVAILABLE")
        eventually(lambda: not stage.service.ready(), deadline=15, message="still ready")
        assert scene.acme.http.get("/v1/call").status_code == 503
    eventually(lambda: calls_processed(stage) > processed, message="the late request has not come")
    stage.nothing_of_ours()
    assert Witness(stage).still() == before
    eventually(stage.service.ready, deadline=15, message="not ready again")
    scene.talking()


def calls_processed(stage: Stage) -> int:
    """How many channels have entered the dialplan since Asterisk's start."""
    (line,) = [line for line in stage.pbx.cli("core show channels count").splitlines() if "processed" in line]
    return int(line.split()[0])
