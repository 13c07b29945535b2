"""Two services before one Asterisk: each lists and controls every call, whichever began what, and either may die."""

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle

import httpx
import pytest

from service import ids
from tests.instruments.control import PhoneError
from tests.instruments.faulty import Exchange
from tests.instruments.polling import eventually
from tests.instruments.racing import DONE, PARKED, TALKING, Rounds, asked, at_once, dice
from tests.instruments.replicas import Pair, Replica, alike, ask_either, books, closed, two_replicas
from tests.instruments.scene import AGENT, INBOUND, OTHER, call_up
from tests.instruments.stage import Stage
from tests.instruments.supervision import (
    BARGE,
    BOSS,
    CHIEF,
    LISTEN,
    MODES,
    WHISPER,
    call_and_boss,
    only_the_call,
    ringing,
    supervised,
    table,
)
from tests.instruments.witness import Witness
from tests.soak.calls import calls_up

pytestmark = pytest.mark.owns

SIDES, LATE = ("aleg", "bleg"), "CALL_NOT_ANSWERED"
ROUNDS = int(os.environ.get("RACE_ROUNDS", "6"))


@pytest.fixture(scope="module")
def both(theatre: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with two_replicas(theatre, tmp_path_factory.mktemp("another")) as both:
        yield both


@pytest.fixture
def pair(stage: Stage, both: Pair) -> Iterator[Pair]:
    """Two services that are ready, before and after."""
    yield both
    for replica in both:
        replica.serve()


@pytest.fixture
def chance() -> Iterator[random.Random]:
    with dice() as chance:
        yield chance


def test_operations_that_alternate(stage: Stage, pair: Pair) -> None:
    """On one call, each asked of the other replica than the one before; both list the same all the time."""
    phones = {"chief": stage.phone(CHIEF, 4, answer=0.0), "boss": stage.phone(BOSS, 3, answer=0.0)}
    scene = call_up(stage, INBOUND, **phones)
    one, other = (replica.client for replica in pair)
    alike(pair)
    one.do(LISTEN, scene.call_id, ext=BOSS)
    scene.hears(table(boss=LISTEN))
    other.do(BARGE, scene.call_id, ext=BOSS)
    scene.hears(table(boss=BARGE))
    one.do("park", scene.call_id, legs=scene.agent_side)
    alike(pair)
    other.do("transfer", scene.call_id, ext=CHIEF, legs=scene.far_side)
    scene.hears(table(agent="chief", boss=BARGE))
    alike(pair)
    one.do(WHISPER, scene.call_id, ext=BOSS)
    other.do("transfer", scene.call_id, ext=AGENT, legs=scene.far_side)
    scene.hears(table(boss=WHISPER))
    alike(pair)
    scene.parties["boss"].hangup()
    only_the_call(scene)
    assert len(scene.parties["boss"].rings) == 1
    closed(stage)


def test_one_dies(stage: Stage, pair: Pair) -> None:
    """Everybody hears on; its supervisor is switched, and cleared, by the one that lives."""
    scene = call_and_boss(stage, INBOUND)
    dead, lives = pair
    dead.client.do(WHISPER, scene.call_id, ext=BOSS)
    scene.hears(table(boss=WHISPER))
    dead.service.kill()
    lives.client.do(BARGE, scene.call_id, ext=BOSS)
    scene.hears(table(boss=BARGE))
    scene.parties["boss"].hangup()
    stage.nothing_of_ours()
    scene.talking()
    dead.serve()
    alike(pair)
    closed(stage)
    assert list(books(stage).values())[-1] == ["rung", "hears", "mode", "ended"]


def test_one_dies_whose_supervisor_still_rings(stage: Stage, pair: Pair) -> None:
    """Nobody is there to let it in: when it picks up it is let go, and the other one may ring it."""
    scene = ringing(stage, INBOUND)
    boss = scene.parties["boss"]
    pair[0].service.kill()
    with suppress(PhoneError):
        boss.answer()
    boss.wait_idle()
    stage.nothing_of_ours()
    pair[1].client.do(BARGE, scene.call_id, ext=BOSS)
    boss.wait_ringing()
    boss.answer()
    scene.hears(table(boss=BARGE))
    boss.hangup()
    closed(stage)


def test_one_dies_at_any_instant(stage: Stage, pair: Pair, chance: random.Random) -> None:
    """Of what it is asked: its supervisor is on, or off, and the other goes on from there."""
    rounds = Rounds(call_and_boss(stage, INBOUND))
    boss = rounds.scene.parties["boss"]
    for number in range(ROUNDS):
        dead, lives = pair[number % 2], pair[1 - number % 2]
        rounds.acme = lives.client
        scene = rounds.ready()
        if chance.random() < 0.5:
            dead.client.do(LISTEN, scene.call_id, ext=BOSS)
            rounds.mode()
        at_once(chance, 0.1, asked_in_vain(dead, scene.call_id), dead.service.kill)
        eventually(lambda: rounds.one() or not stage.ours(), deadline=10, message="neither on nor off")
        lives.client.do(WHISPER, scene.call_id, ext=BOSS)
        assert rounds.mode() == WHISPER
        scene.hears(table(boss=WHISPER))
        boss.hangup()
        dead.serve()
    rounds.ready()
    closed(stage)


def asked_in_vain(replica: Replica, call_id: str) -> Callable[[], None]:
    def ask() -> None:
        with suppress(httpx.TransportError):
            replica.client.ask(BARGE, call_id, ext=BOSS)

    return ask


@pytest.mark.parametrize("cut", [SIDES, ("bleg", "bleg")], ids=["either side", "one side"])
def test_two_parks_through_both(stage: Stage, pair: Pair, chance: random.Random, cut: tuple[str, str]) -> None:
    """One side waits, and whoever was later is told that there is nobody to park: one of the two always succeeds."""
    rounds = Rounds(call_up(stage, INBOUND))
    for _ in range(2 * ROUNDS):
        scene = rounds.ready()
        parks = [asked(one.client, "park", scene.call_id, legs=legs) for one, legs in zip(pair, cut, strict=True)]
        assert sorted(at_once(chance, 0.005, *parks)) == [LATE, DONE]
        rounds.comes_to(PARKED)


def test_a_move_waits_for_the_other_replica_s(stage: Stage) -> None:
    """As long as Asterisk has the channel that carries it out: the other replica is the test."""
    scene = call_up(stage, INBOUND)
    witness = Witness(stage)
    turn = ids.turn_id(witness.told(witness.ids("PJSIP/")[0], "CHANNEL(linkedid)"))
    holder, app = ids.redirect_id(ids.new_key()), stage.service.settings["app"]
    made = {"endpoint": "Local/music@patchbay-check/n", "app": app, "channelId": holder, "otherChannelId": turn}
    stage.ari.post("channels/create", params=made).raise_for_status()
    with ThreadPoolExecutor() as pool:
        parked = pool.submit(scene.acme.do, "park", scene.call_id, legs=scene.agent_side)
        eventually(lambda: f"'{turn}' already in use" in stage.pbx.log.read_text(), message="it has not tried")
        assert not parked.done()
        stage.ari.delete(f"channels/{holder}").raise_for_status()
        parked.result()
    scene.hears({"far": "music"})


def test_two_supervisions_through_both(stage: Stage, pair: Pair, chance: random.Random) -> None:
    """By one supervisor who is not on the call yet: its phone is rung once, by the one that was quicker."""
    rounds = Rounds(call_and_boss(stage, INBOUND))
    boss = rounds.scene.parties["boss"]
    for number in range(1, 3 * ROUNDS):
        scene = rounds.ready()
        modes = chance.choice([(LISTEN, LISTEN), (LISTEN, BARGE), (BARGE, WHISPER)])
        asks = [asked(one.client, mode, scene.call_id, ext=BOSS) for one, mode in zip(pair, modes, strict=True)]
        assert at_once(chance, 0.01, *asks) == [DONE, DONE]
        assert rounds.mode() in modes
        assert len(boss.rings) == number
        boss.hangup()
        rounds.comes_to(TALKING)
    closed(stage)


def test_two_modes_through_both(stage: Stage, pair: Pair, chance: random.Random) -> None:
    """Of one supervisor who is on the call: both succeed, and it is in one of them."""
    rounds = Rounds(supervised(stage, INBOUND))
    scene = rounds.scene
    for _ in range(3 * ROUNDS):
        modes = chance.sample(MODES, 2)
        asks = [asked(one.client, mode, scene.call_id, ext=BOSS) for one, mode in zip(pair, modes, strict=True)]
        assert at_once(chance, 0.05, *asks) == [DONE, DONE]
        assert rounds.mode() in modes
    scene.hears(table(boss=rounds.mode()))
    assert len(scene.parties["boss"].rings) == 1


def test_modes_through_both_while_the_partner_changes(stage: Stage, pair: Pair, chance: random.Random) -> None:
    """Both follow the call, and a client changes the mode meanwhile: the new pair is heard, in the mode it was told."""
    phones = {"chief": stage.phone(CHIEF, 4, answer=0.0), "other": stage.phone(OTHER, 5, answer=0.0)}
    scene, mode = supervised(stage, INBOUND, WHISPER, **phones), WHISPER
    for number, name in ((CHIEF, "chief"), (OTHER, "other")) * (ROUNDS // 5):
        one, other = chance.sample(pair, 2)
        wanted = chance.choice((BARGE, WHISPER))
        moved = asked(one.client, "transfer", scene.call_id, ext=number, legs=scene.agent_side)
        changed = asked(other.client, wanted, scene.call_id, ext=BOSS)
        answers = at_once(chance, 0.2, moved, changed)
        assert answers[0] == DONE
        mode = wanted if answers[1] == DONE else mode
        scene.parties[name].wait_established()
        scene.hears(table(far=name, boss=mode))


def test_one_after_the_other_is_restarted(stage: Stage, pair: Pair) -> None:
    """While calls come and go and are asked about: no call fails, and what one does not serve the other does."""
    over = threading.Event()

    def ask(number: int) -> list[int]:
        """Of a client; the status of each of its requests."""
        verbs, found = cycle((LISTEN, "transfer", BARGE, "park", WHISPER)), []
        while not over.is_set():
            answer = ask_either(pair, number % 2, "GET", "/v1/call")
            found.append(answer.status_code)
            for row in answer.json()["data"][-2:]:
                path = f"/v1/call/{row['call_id']}/{next(verbs)}"
                found.append(ask_either(pair, number % 2, "POST", path, ext="102", legs="aleg").status_code)
        return found

    with calls_up(stage, 60, 10.0) as calls, ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask, number) for number in range(3)]
        for replica in pair:
            replica.terminate()
            replica.serve()
        calls.wait(60)
        over.set()
        answers = Counter(status for one in asking for status in one.result())
        Exchange(stage).nothing()
        accounts = calls.accounts()
    assert accounts.failed == 0, accounts.errors
    assert answers[200] > 50
    assert set(answers) <= {200, 400, 404}, answers
    closed(stage)
