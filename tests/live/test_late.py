"""Asterisk gets a request when the client has long been told that nothing came of it: then nothing comes of it.

So it is after a stop of Asterisk, which goes on with what lies in its sockets. Here each of an operation's requests is
kept back in turn, and given to Asterisk when the service has answered.
"""

import itertools
from collections.abc import Sequence

import pytest

from tests.instruments.ari_proxy import AriProxy, Fault, answer
from tests.instruments.faulty import no_faults_logged
from tests.instruments.lost_events import UNHEARD
from tests.instruments.polling import eventually
from tests.instruments.repeated import TARGET, Click, Listen, Operation, Park, Switch, Transfer
from tests.instruments.scene import CLICK, INBOUND, LOCAL, OUTBOUND, call_up
from tests.instruments.stage import Stage
from tests.instruments.supervision import BOSS, Gaps

pytestmark = pytest.mark.owns

Kind = tuple[type[Operation], str]

STARTED: list[Kind] = [(Click, CLICK), (Listen, OUTBOUND)]
MOVED: list[Kind] = [(Transfer, LOCAL), (Park, INBOUND)]
SWITCHED: list[Kind] = [(Switch, INBOUND)]

REFUSED = Fault(answer=answer("500 Internal Server Error", b'{"error":"Allocation failed"}'), asked=False)
GIVEN_UP = Fault(answer=answer("502 Bad Gateway", b"<html>", "text/html"))
"""Of a proxy that did not wait for Asterisk, which has done as it was asked."""
PAGE = Fault(answer=answer("200 OK", b"<html>", "text/html"), asked=False)
"""Of a web server that is not Asterisk."""
NO_HTTP = Fault(answer=b"\xff\x00\r\n\r\n")


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


@pytest.mark.parametrize(
    ("operation", "kind", "faults"),
    [(Click, CLICK, (REFUSED, GIVEN_UP, PAGE, NO_HTTP)), (Transfer, LOCAL, (REFUSED, GIVEN_UP, NO_HTTP))],
)
def test_answers_that_are_wrong(
    stage: Stage, proxy: AriProxy, operation: type[Operation], kind: str, faults: Sequence[Fault]
) -> None:
    """A page in Asterisk's place says neither that it has done as it was asked nor that it has not."""
    run = on_a_call(stage, operation, kind)
    with no_faults_logged(stage):
        for number, fault in itertools.product(changes(run, proxy), faults):
            befallen(run, proxy, number, fault)


def test_nobody_hears_that_an_answer_is_wrong(stage: Stage, proxy: AriProxy) -> None:
    """A supervisor comes, or does not, and those who talk miss nothing."""
    run = on_a_call(stage, Listen, OUTBOUND)
    talk = Gaps(run.scene, ("agent", "far"), ("far", "agent"))
    with no_faults_logged(stage):
        for number in changes(run, proxy):
            befallen(run, proxy, number, GIVEN_UP)
    assert talk.longest() <= UNHEARD
