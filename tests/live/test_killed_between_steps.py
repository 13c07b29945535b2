"""kill -9 after any one of the requests of an operation: what is left is cleared, and the call is whole.

The fault points are not listed: an operation is run again and again, the service killed when Asterisk has answered its
first request, its second, and so on, until there is no further request to be killed at.
"""

import itertools
from contextlib import suppress

import httpx
import pytest

from tests.instruments.ari_proxy import AriProxy, Fault
from tests.instruments.faulty import Exchange, no_faults_logged
from tests.instruments.polling import eventually
from tests.instruments.scene import AGENT, CLICK, INBOUND, KINDS, LOCAL, OTHER, Scene, call_up
from tests.instruments.stage import MOBILE, Stage
from tests.instruments.supervision import BARGE, BOSS, LISTEN, WHISPER, table

pytestmark = pytest.mark.owns

TARGET = "104"
KEEPERS_SECONDS = 8.0
"""What the Keeper gives others to finish what they are making, and some for a busy machine."""


class Operation:
    """An operation that can be run over and over on one call."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.stage = scene.stage
        self.acme = scene.acme
        self.seen = Exchange(scene.stage)
        self.far = OTHER if scene.kind == LOCAL else "carrier"

    def ready(self) -> None:
        """Waits until all is well, whatever came of the last run, and brings about what the next one needs."""
        raise NotImplementedError

    def begin(self) -> None:
        """The request, or what else sets the service going."""
        raise NotImplementedError

    def done(self) -> bool:
        """Whether it came to its end."""
        raise NotImplementedError


class Transfer(Operation):
    """Of the far side, from 101 to 104 and back."""

    def ready(self) -> None:
        self.seen.only(self.far, eventually(self._with, message="nobody talks to the far side"))
        self.to = TARGET if self._with() == AGENT else AGENT
        self.acme.wait_row(self.scene.call_id, lambda row: row["state"] == "CS_EXECUTE")

    def begin(self) -> None:
        self.acme.do("transfer", self.scene.call_id, ext=self.to, legs=self.scene.far_side)

    def done(self) -> bool:
        return self._with() == self.to

    def _with(self) -> str:
        pairs = [pair for pair in self.seen.pairs() if self.far in pair]
        return next((member for pair in pairs for member in pair if member != self.far), "")


class Park(Operation):
    """Of the far side, which is taken out again by a transfer to 101."""

    def ready(self) -> None:
        eventually(lambda: self.seen.pairs() or self.seen.parked(), deadline=10, message="neither talks nor waits")
        if self.seen.parked():
            assert self.acme.wait_row(self.scene.call_id, lambda row: row["state"] == "CS_PARK")
            self.acme.do("transfer", self.scene.call_id, ext=AGENT, legs=self.scene.far_side)
        self.seen.only(self.far, AGENT)
        self.acme.wait_row(self.scene.call_id, lambda row: row["state"] == "CS_EXECUTE")

    def begin(self) -> None:
        self.acme.do("park", self.scene.call_id, legs=self.scene.agent_side)

    def done(self) -> bool:
        return bool(self.seen.parked())


class Click(Operation):
    """A call that is made, comes about or not, and is hung up."""

    def ready(self) -> None:
        if self.stage.channels():
            self.seen.only(AGENT, self.far)
            self.acme.only_call()
            self.scene.far.hangup()
        self.seen.nothing()

    def begin(self) -> None:
        self.acme.click(AGENT, MOBILE)

    def done(self) -> bool:
        return self.seen.pairs() == [sorted((AGENT, self.far))]


class Listen(Operation):
    """A supervisor who is let in as a whole, or not at all, and then leaves."""

    def ready(self) -> None:
        eventually(lambda: self.done() or not self.stage.ours(), deadline=KEEPERS_SECONDS, message="neither on nor off")
        if self.done():
            self.scene.parties["boss"].hangup()
        self.seen.only(self.far, AGENT)

    def begin(self) -> None:
        self.acme.do(LISTEN, self.scene.call_id, ext=BOSS)

    def done(self) -> bool:
        return self.seen.supervisors() == 1


class Switch(Operation):
    """A supervisor who is there, and keeps one mode or gets the other."""

    modes = itertools.cycle((WHISPER, BARGE))

    def ready(self) -> None:
        if not self.seen.supervisors():
            self.acme.do(LISTEN, self.scene.call_id, ext=BOSS)
        eventually(self._one, deadline=KEEPERS_SECONDS, message="not one Snoop")
        self.to = next(self.modes)

    def begin(self) -> None:
        self.acme.do(self.to, self.scene.call_id, ext=BOSS)

    def done(self) -> bool:
        return self._one() and self.seen.modes() == [self.to]

    def _one(self) -> bool:
        return self.seen.supervisors() == 1 and len(self.seen.modes()) == 1


class Leave(Operation):
    """A supervisor who hangs up."""

    def ready(self) -> None:
        self.seen.only(self.far, AGENT)
        self.acme.do(LISTEN, self.scene.call_id, ext=BOSS)
        eventually(lambda: self.seen.supervisors() == 1, message="the supervisor is not on")

    def begin(self) -> None:
        self.scene.parties["boss"].hangup()

    def done(self) -> bool:
        return not self.stage.ours()


class End(Operation):
    """A call that ends under its supervisor."""

    def ready(self) -> None:
        if not self.seen.pairs():
            self.seen.nothing()
            self.scene.call_id = self.acme.click(AGENT, MOBILE)
        eventually(lambda: self.seen.pairs() == [sorted((AGENT, self.far))], message="no call")
        self.acme.wait_row(self.scene.call_id, lambda row: row["state"] == "CS_EXECUTE")
        self.acme.do(LISTEN, self.scene.call_id, ext=BOSS)
        eventually(lambda: self.seen.supervisors() == 1, message="the supervisor is not on")

    def begin(self) -> None:
        self.scene.far.hangup()

    def done(self) -> bool:
        return not self.stage.channels() + self.stage.bridges()


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
