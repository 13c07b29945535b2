"""kill -9 after any one of the requests of an operation: what is left is cleared, and the call is whole.

The fault points are not listed: an operation is run again and again, the service killed when Asterisk has answered its
first request, its second, and so on, until there is no further request to be killed at.
"""

import itertools
from contextlib import suppress

import httpx
import pytest

from tests.instruments.ari_proxy import AriProxy, Fault
from tests.instruments.faulty import no_faults_logged
from tests.instruments.polling import eventually
from tests.instruments.repeated import TARGET, Click, End, Leave, Listen, Operation, Park, Switch, Transfer
from tests.instruments.scene import CLICK, INBOUND, KINDS, call_up
from tests.instruments.stage import Stage
from tests.instruments.supervision import BOSS, LISTEN, table

pytestmark = pytest.mark.owns


def struck(operation: Operation, proxy: AriProxy, number: int) -> bool:
    """Runs it and kills the service after this request, before its answer; whether it came so far."""
    service = operation.stage.service
    assert service.process is not None
    process = service.process
    with proxy.watch({number: Fault(lost=True, then=service.kill)}) as asked:
        with suppress(httpx.TransportError):
            operation.begin()
        eventually(
            lambda: process.poll() is not None or (operation.done() and len(asked) < number),
            deadline=15,
            message="neither killed nor done",
        )
    if process.poll() is None:
        return False
    operation.stage.serve()
    return True


def killed_at_every_request(operation: Operation, proxy: AriProxy) -> int:
    """How many fault points there were."""
    with no_faults_logged(operation.stage):
        for number in itertools.count(1):
            operation.ready()
            if not struck(operation, proxy, number):
                operation.ready()
                return number - 1
    raise AssertionError("unreachable")


@pytest.mark.parametrize("kind", KINDS)
def test_transfer(stage: Stage, proxy: AriProxy, kind: str) -> None:
    scene = call_up(stage, kind, target=stage.phone(TARGET, 3, answer=0.0))
    assert killed_at_every_request(Transfer(scene), proxy) >= 2


def test_park(stage: Stage, proxy: AriProxy) -> None:
    scene = call_up(stage, INBOUND)
    assert killed_at_every_request(Park(scene), proxy) >= 1
    scene.talking()


def test_click_to_call(stage: Stage, proxy: AriProxy) -> None:
    assert killed_at_every_request(Click(call_up(stage, CLICK)), proxy) >= 3


def test_a_supervisor_comes(stage: Stage, proxy: AriProxy) -> None:
    scene = call_up(stage, CLICK, boss=stage.phone(BOSS, 3, answer=0.0))
    assert killed_at_every_request(Listen(scene), proxy) >= 6
    scene.talking()


def test_a_mode_is_switched(stage: Stage, proxy: AriProxy) -> None:
    scene = call_up(stage, INBOUND, boss=stage.phone(BOSS, 3, answer=0.0))
    switch = Switch(scene)
    assert killed_at_every_request(switch, proxy) >= 5
    scene.hears(table(boss=switch.seen.modes()[0]))


def test_a_supervisor_leaves(stage: Stage, proxy: AriProxy) -> None:
    scene = call_up(stage, CLICK, boss=stage.phone(BOSS, 3, answer=0.0))
    assert killed_at_every_request(Leave(scene), proxy) >= 2
    scene.hears(table(boss=LISTEN))


def test_a_supervised_call_ends(stage: Stage, proxy: AriProxy) -> None:
    scene = call_up(stage, CLICK, boss=stage.phone(BOSS, 3, answer=0.0))
    assert killed_at_every_request(End(scene), proxy) >= 2
