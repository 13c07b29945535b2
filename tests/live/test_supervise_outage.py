"""The service dies, or is ended, while somebody supervises: the sound goes on, and so does the control afterwards."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.instruments.control import PhoneError
from tests.instruments.scene import CLICK, INBOUND, KINDS, LOCAL, OUTBOUND
from tests.instruments.stage import Stage
from tests.instruments.supervision import (
    BARGE,
    BOSS,
    CHIEF,
    LISTEN,
    WHISPER,
    only_the_call,
    ringing,
    supervised,
    table,
    wait_snoops,
)

pytestmark = [pytest.mark.owns, pytest.mark.usefixtures("service_afterwards")]

SOON = 2.0
"""Seconds from being ready again, the contract's measure."""

Ending = Callable[[Stage], object]


def _kill(stage: Stage) -> None:
    stage.service.kill()


def _terminate(stage: Stage) -> None:
    stage.service.stop()


ENDINGS = pytest.mark.parametrize("end", [_kill, _terminate], ids=["killed", "terminated"])


@ENDINGS
@pytest.mark.parametrize(("kind", "mode"), [(CLICK, BARGE), (INBOUND, WHISPER), (LOCAL, LISTEN), (OUTBOUND, BARGE)])
def test_everybody_hears_on(stage: Stage, end: Ending, kind: str, mode: str) -> None:
    """Without the service and with the next one, which switches the mode unrung."""
    scene = supervised(stage, kind, mode)
    end(stage)
    scene.hears(table(boss=mode))
    stage.serve()
    scene.hears(table(boss=mode))
    for other in (WHISPER, LISTEN):
        scene.acme.do(other, scene.call_id, ext=BOSS)
        scene.hears(table(boss=other))
    assert len(scene.parties["boss"].rings) == 1
    wait_snoops(stage, 1)
    scene.far.hangup()
    scene.parties["boss"].wait_idle()


@ENDINGS
@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_ended_meanwhile_lets_its_supervisor_go(stage: Stage, end: Ending, kind: str) -> None:
    """As soon as there is a service again."""
    scene = supervised(stage, kind)
    end(stage)
    scene.far.hangup()
    scene.agent.wait_idle()
    stage.serve()
    scene.parties["boss"].wait_idle(SOON)
    stage.nothing_of_ours(SOON)


def test_a_supervisor_that_left_meanwhile(stage: Stage) -> None:
    """What it left is cleared, and the call goes on."""
    scene = supervised(stage, INBOUND, BARGE)
    _kill(stage)
    scene.parties["boss"].hangup()
    scene.talking()
    stage.serve()
    only_the_call(scene)


def test_a_call_that_moved_meanwhile(stage: Stage) -> None:
    """Its supervisor follows after the restart, and listens: nobody is heard by mistake."""
    scene = supervised(stage, INBOUND, BARGE, chief=stage.phone(CHIEF, 4, answer=0.0))
    _kill(stage)
    scene.agent.transfer(CHIEF)
    scene.hears({"far": "chief", "chief": "far"})
    stage.serve()
    scene.hears(table(agent="chief", boss=LISTEN))


def test_a_supervisor_who_rings_over_a_restart(stage: Stage) -> None:
    """Answers to the next service, in the mode of the first."""
    scene = ringing(stage, INBOUND, WHISPER)
    _kill(stage)
    stage.serve()
    scene.parties["boss"].answer()
    scene.hears(table(boss=WHISPER))


def test_a_supervisor_who_answers_to_nobody(stage: Stage) -> None:
    """While there is no service: let in by the next one or let go, but never left over."""
    scene = ringing(stage, INBOUND, WHISPER)
    _kill(stage)
    with suppress(PhoneError):  # it can be let go before anybody has looked
        scene.parties["boss"].answer()
    scene.talking()
    stage.serve()
    only_the_call(scene)
