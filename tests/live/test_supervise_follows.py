"""A supervisor stays with the call, wherever it goes, and to its end."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.instruments.faulty import Exchange
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, INBOUND, KINDS, LOCAL, OTHER, OUTBOUND, Scene
from tests.instruments.stage import Stage
from tests.instruments.supervision import BARGE, BOSS, CHIEF, LISTEN, WHISPER, only_the_call, supervised, table

PARK_SECONDS = 10


def _with_colleague(stage: Stage, kind: str, mode: str) -> Scene:
    """A supervised call, and extension 104 that picks up."""
    return supervised(stage, kind, mode, chief=stage.phone(CHIEF, 4, answer=0.0))


def _ends(scene: Scene) -> None:
    """The call is over for everybody, and nothing is left."""
    for phone in scene.parties.values():
        phone.wait_idle()
    scene.acme.wait_gone(scene.call_id)
    scene.stage.nothing_of_ours()


@pytest.mark.parametrize(("kind", "mode"), [(CLICK, WHISPER), (INBOUND, BARGE), (LOCAL, LISTEN), (OUTBOUND, WHISPER)])
def test_transfer_to_another_extension(stage: Stage, kind: str, mode: str) -> None:
    """The far side is kept: its new partner is supervised, in the same mode, and the phone does not ring again."""
    scene = _with_colleague(stage, kind, mode)
    scene.acme.do("transfer", scene.call_id, ext=CHIEF, legs=scene.far_side)
    scene.hears(table(agent="chief", boss=mode))
    assert len(scene.parties["boss"].rings) == 1
    scene.far.hangup()
    _ends(scene)


@pytest.mark.parametrize("kind", KINDS)
def test_transfer_of_the_extension_itself(stage: Stage, kind: str) -> None:
    """The extension is kept: it is supervised with whom it talks to now."""
    scene = _with_colleague(stage, kind, WHISPER)
    scene.acme.do("transfer", scene.call_id, ext=CHIEF, legs=scene.agent_side)
    scene.hears(table(far="chief", boss=WHISPER))
    scene.acme.do(BARGE, scene.call_id, ext=BOSS)
    scene.hears(table(far="chief", boss=BARGE))
    assert len(scene.parties["boss"].rings) == 1
    scene.parties["chief"].hangup()
    _ends(scene)


def test_modes_changed_while_the_partner_changes(stage: Stage) -> None:
    """Every change is carried out, whatever instant the new partner comes at, unless that one rings as the aleg."""
    phones = {"chief": stage.phone(CHIEF, 4, answer=0.0), "other": stage.phone(OTHER, 5, answer=0.0)}
    scene = supervised(stage, INBOUND, WHISPER, **phones)
    with modes_changing(scene) as answers:
        for number, name in ((CHIEF, "chief"), (OTHER, "other")) * 3:
            scene.acme.do("transfer", scene.call_id, ext=number, legs=scene.agent_side)
            scene.parties[name].wait_established()
            some_more(answers)
    assert set(answers) <= {"done", "CALL_NOT_ANSWERED"}
    scene.hears(table(far="other", boss=Exchange(stage).modes()[0]))


def some_more(answers: list[str]) -> None:
    """Waits until four changes have been answered from now on."""
    enough = len(answers) + 4
    eventually(lambda: len(answers) >= enough, message="the modes are not changed any more")


@contextmanager
def modes_changing(scene: Scene) -> Iterator[list[str]]:
    """Changes the supervisor's mode over and over inside; "done" or the error of each."""
    answers: list[str] = []
    over = threading.Event()

    def change() -> None:
        for mode in itertools.cycle((BARGE, WHISPER)):
            if over.is_set():
                return
            answers.append(scene.acme.ask(mode, scene.call_id, ext=BOSS).json().get("error", "done"))

    changing = threading.Thread(target=change)
    changing.start()
    try:
        yield answers
    finally:
        over.set()
        changing.join()


@pytest.mark.parametrize(("kind", "mode"), [(CLICK, BARGE), (INBOUND, WHISPER), (LOCAL, LISTEN), (OUTBOUND, WHISPER)])
def test_the_extensions_own_transfer(stage: Stage, kind: str, mode: str) -> None:
    """A blind REFER of its phone; the supervisor can be switched afterwards."""
    scene = _with_colleague(stage, kind, mode)
    scene.agent.transfer(CHIEF)
    scene.hears(table(agent="chief", boss=mode))
    if kind != LOCAL:
        scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
        scene.hears(table(agent="chief", boss=WHISPER))
    assert len(scene.parties["boss"].rings) == 1
    scene.far.hangup()
    _ends(scene)


@pytest.mark.parametrize("kind", [CLICK, INBOUND])
def test_park_and_transfer_out(stage: Stage, kind: str) -> None:
    """The extension is cut: the supervisor hears nobody, nobody the supervisor, and then the new pair."""
    scene = _with_colleague(stage, kind, BARGE)
    scene.acme.do("park", scene.call_id, legs=scene.agent_side)
    scene.hears({"far": "music"})
    scene.acme.do("transfer", scene.call_id, ext=CHIEF, legs=scene.far_side)
    scene.hears(table(agent="chief", boss=BARGE))
    assert len(scene.parties["boss"].rings) == 1


@pytest.mark.parametrize("kind", [OUTBOUND, LOCAL])
def test_park_of_the_extension(stage: Stage, kind: str) -> None:
    """The far side is cut: the supervisor goes on with the extension, hears its music, and then the new pair."""
    scene = _with_colleague(stage, kind, WHISPER)
    scene.acme.do("park", scene.call_id, legs=scene.far_side)
    scene.hears({"agent": "music boss", "boss": "agent music"})
    scene.acme.do("transfer", scene.call_id, ext=CHIEF, legs=scene.agent_side)
    scene.hears(table(far="chief", boss=WHISPER))


@pytest.mark.parametrize("kind", [INBOUND, OUTBOUND])
def test_the_end_of_a_park_releases_the_supervisor(stage: Stage, kind: str) -> None:
    """With the leg that waited."""
    scene = supervised(stage, kind)
    scene.acme.do("park", scene.call_id, legs=scene.agent_side)
    scene.hears({"far": "music"})
    assert scene.parties["boss"].calls
    scene.far.wait_idle(PARK_SECONDS + 5)
    _ends(scene)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["agent", "far"])
def test_hanging_up_releases_the_supervisor(stage: Stage, kind: str, who: str) -> None:
    """Whichever side does it."""
    scene = supervised(stage, kind, BARGE)
    scene.parties[who].hangup()
    _ends(scene)


@pytest.mark.parametrize(("kind", "mode"), [(INBOUND, LISTEN), (LOCAL, BARGE)])
def test_a_supervisor_cannot_pass_its_place_on(stage: Stage, kind: str, mode: str) -> None:
    """Its phone's REFER ends the supervision and rings nobody."""
    scene = _with_colleague(stage, kind, mode)
    scene.parties["boss"].transfer(CHIEF)
    scene.parties["boss"].wait_idle()
    only_the_call(scene)
    assert scene.parties["chief"].rings == []
