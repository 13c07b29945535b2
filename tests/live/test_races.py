"""Two people do something to one call at the same moment: one clear answer each, and the call is whole or has ended.

Each race is run again and again at other instants, on one call as long as it lives.
"""

import os
import random
from collections.abc import Callable, Iterator

import pytest

from tests.instruments.faulty import no_faults_logged
from tests.instruments.paper import story
from tests.instruments.polling import eventually
from tests.instruments.racing import DONE, ENDED, PARKED, TALKING, Rounds, asked, at_once, dice, hung_up
from tests.instruments.scene import AGENT, CLICK, INBOUND, OTHER, Scene, call_up
from tests.instruments.stage import MOBILE, Stage
from tests.instruments.supervision import BARGE, BOSS, CHIEF, LISTEN, WHISPER, call_and_boss, supervised, table

pytestmark = pytest.mark.owns

ROUNDS = int(os.environ.get("RACE_ROUNDS", "10"))

OPERATION = 0.02
"""Seconds: about what an operation takes, so that two that begin within it meet somewhere on their way."""

CALL_SECONDS = 0.25
"""From a click to two phones that talk."""

THIRD = "105"


@pytest.fixture
def chance(stage: Stage) -> Iterator[random.Random]:
    """Chooses the instants; whatever happens, the service must not be surprised."""
    with no_faults_logged(stage), dice() as chance:
        yield chance


# -- moves ------------------------------------------------------------------------------


def a_call(stage: Stage) -> Rounds:
    phones = {"chief": stage.phone(CHIEF, 4, answer=0.0), "third": stage.phone(THIRD, 5, answer=0.0)}
    return Rounds(call_up(stage, INBOUND, **phones))


def idle(rounds: Rounds) -> list[str]:
    """The two extensions that are not in the call."""
    return [number for number in (AGENT, CHIEF, THIRD) if number not in rounds.pair()]


def parked(scene: Scene, cut: str) -> Callable[[], str]:
    return asked(scene.acme, "park", scene.call_id, legs=cut)


def transferred(scene: Scene, ext: str, kept: str) -> Callable[[], str]:
    return asked(scene.acme, "transfer", scene.call_id, ext=ext, legs=kept)


def test_two_transfers(stage: Stage, chance: random.Random) -> None:
    """Of one side: it talks to one of the two, or to whom the last one sent it."""
    rounds = a_call(stage)
    for _ in range(ROUNDS):
        scene = rounds.ready()
        targets = idle(rounds)
        answers = at_once(chance, OPERATION, *(transferred(scene, target, scene.far_side) for target in targets))
        assert DONE in answers
        rounds.comes_to(TALKING)
        assert rounds.pair() in [sorted((target, "carrier")) for target in targets]


def test_two_transfers_of_either_side(stage: Stage, chance: random.Random) -> None:
    """Each would let go whom the other keeps: one of them is told that the leg is gone, and nobody is left alone."""
    rounds = a_call(stage)
    for _ in range(ROUNDS):
        scene = rounds.ready()
        one, other = idle(rounds)
        answers = at_once(chance, OPERATION, transferred(scene, one, "aleg"), transferred(scene, other, "bleg"))
        assert DONE in answers
        rounds.comes_to(TALKING)


def test_two_parks(stage: Stage, chance: random.Random) -> None:
    """Of one side: it waits, for the first one's time, and the second is told what it would be told later."""
    rounds = a_call(stage)
    for _ in range(ROUNDS):
        scene = rounds.ready()
        park = parked(scene, scene.agent_side)
        assert sorted(at_once(chance, OPERATION, park, park)) == ["CALL_NOT_ANSWERED", DONE]
        rounds.comes_to(PARKED)


def test_two_parks_of_either_side(stage: Stage, chance: random.Random) -> None:
    """One side waits, and whoever wanted to cut it too is told so."""
    rounds = a_call(stage)
    for _ in range(ROUNDS):
        scene = rounds.ready()
        answers = at_once(chance, OPERATION, parked(scene, "aleg"), parked(scene, "bleg"))
        assert sorted(answers) == ["CALL_NOT_ANSWERED", DONE]
        rounds.comes_to(PARKED)


def test_a_park_against_a_transfer(stage: Stage, chance: random.Random) -> None:
    """The side that both move waits, or talks to whom it was sent."""
    rounds = a_call(stage)
    for _ in range(ROUNDS):
        scene = rounds.ready()
        (target, _) = idle(rounds)
        answers = at_once(
            chance, OPERATION, parked(scene, scene.agent_side), transferred(scene, target, scene.far_side)
        )
        assert DONE in answers
        assert rounds.comes_to(PARKED, TALKING) == PARKED or rounds.pair() == sorted((target, "carrier"))


@pytest.mark.parametrize("who", ["agent", "far"])
def test_a_park_against_a_hang_up(stage: Stage, chance: random.Random, who: str) -> None:
    """Of the side that is cut: the other waits, unless the park came too late. Of the one that is to wait: the end."""
    rounds = a_call(stage)
    for _ in range(ROUNDS):
        scene = rounds.ready()
        phone = scene.agent if who == "agent" and AGENT in rounds.pair() else scene.parties[who]
        answer, _ = at_once(chance, OPERATION, parked(scene, scene.agent_side), hung_up(phone))
        rounds.comes_to(PARKED if (answer, who) == (DONE, "agent") else ENDED)


# -- supervision ------------------------------------------------------------------------


def asks(scene: Scene, mode: str) -> Callable[[], str]:
    return asked(scene.acme, mode, scene.call_id, ext=BOSS)


def last_mode(scene: Scene) -> str:
    """What the audit log says last of the supervisor on the call."""
    return story(scene.stage, scene.call_id)[-1].split()[1]


def test_two_modes(stage: Stage, chance: random.Random) -> None:
    """Of one supervisor who is on the call: it is in one of them, and the audit log says which."""
    rounds = Rounds(supervised(stage, INBOUND))
    scene = rounds.scene
    for _ in range(ROUNDS):
        assert at_once(chance, 0.1, asks(scene, BARGE), asks(scene, WHISPER)) == [DONE, DONE]
        assert rounds.mode() == last_mode(scene) != LISTEN
    scene.hears(table(boss=rounds.mode()))
    assert len(scene.parties["boss"].rings) == 1


def test_two_supervisions(stage: Stage, chance: random.Random) -> None:
    """By one supervisor who is not on the call yet: its phone is rung once."""
    rounds = Rounds(call_and_boss(stage, INBOUND))
    for number in range(1, ROUNDS + 1):
        scene = rounds.ready()
        modes = chance.choice([(LISTEN, LISTEN), (LISTEN, BARGE), (BARGE, WHISPER)])
        assert at_once(chance, OPERATION, *(asks(scene, mode) for mode in modes)) == [DONE, DONE]
        assert rounds.mode() in modes
        assert len(scene.parties["boss"].rings) == number
        scene.parties["boss"].hangup()
        rounds.comes_to(TALKING)


@pytest.mark.parametrize("answer", [None, 0.0], ids=["rings", "answers"])
def test_a_call_ends_while_its_supervisor_comes(stage: Stage, chance: random.Random, answer: float | None) -> None:
    """Nobody is left on the line, whatever instant it is."""
    rounds = Rounds(call_and_boss(stage, INBOUND, answer))
    for _ in range(ROUNDS):
        scene = rounds.ready()
        at_once(chance, 2 * OPERATION, asks(scene, LISTEN), hung_up(chance.choice((scene.agent, scene.far))))
        rounds.comes_to(ENDED)
        scene.parties["boss"].wait_idle()


def test_a_mode_against_a_new_partner(stage: Stage, chance: random.Random) -> None:
    """Each time the supervisor hears the new pair, and is heard in the mode that was answered with success last."""
    phones = {"chief": stage.phone(CHIEF, 4, answer=0.0), "other": stage.phone(OTHER, 5, answer=0.0)}
    scene, mode = supervised(stage, INBOUND, WHISPER, **phones), WHISPER
    for number, name in ((CHIEF, "chief"), (OTHER, "other")) * (ROUNDS // 5):
        wanted = chance.choice((BARGE, WHISPER))
        moved, changed = at_once(chance, 0.2, transferred(scene, number, scene.agent_side), asks(scene, wanted))
        assert moved == DONE
        mode = wanted if changed == DONE else mode
        scene.parties[name].wait_established()
        scene.hears(table(far=name, boss=mode))


# -- click-to-call ----------------------------------------------------------------------


@pytest.mark.parametrize("who", ["agent", "far"])
def test_a_click_and_a_hang_up(stage: Stage, chance: random.Random, who: str) -> None:
    """Of the phone or the mobile, at any instant from its first ring on: both are free again, nothing is left."""
    rounds = Rounds(call_up(stage, CLICK))
    phone = rounds.scene.parties[who]
    phone.hangup()
    rounds.comes_to(ENDED)
    for _ in range(ROUNDS):
        rounds.scene.call_id = stage.acme.click(AGENT, MOBILE)
        eventually(lambda: phone.calls, message="is not rung")
        at_once(chance, CALL_SECONDS, hung_up(phone))
        rounds.comes_to(ENDED)
