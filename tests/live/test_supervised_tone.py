"""The tone that tells the parties of a call that they are supervised, where the tenant asks for it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.tone import HERTZ
from tests.instruments.ari_proxy import AriProxy, Fault, answer
from tests.instruments.faulty import Exchange
from tests.instruments.no_tls import NO_TLS
from tests.instruments.paper import wait_story
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, INBOUND, Scene
from tests.instruments.service import Service
from tests.instruments.stage import Stage
from tests.instruments.supervision import BARGE, BOSS, CHIEF, LISTEN, WHISPER, call_and_boss, only_the_call, supervised
from tests.instruments.witness import Witness

pytestmark = pytest.mark.owns
REFUSED = Fault(asked=False, answer=answer("500 Internal Server Error"))
KEEPERS_SECONDS = 10.0
"""Room for all that a service waits for before it judges what another has left."""


@pytest.fixture(autouse=True)
def tone(stage: Stage, service_afterwards: None) -> Iterator[None]:
    """acme.test wants a tone each second, globex.test none; afterwards neither."""
    file = Path(stage.service.settings["tenants"])
    before = file.read_text()
    domain = 'domain = "acme.test"\n'
    file.write_text(before.replace(domain, f"{domain}supervised_tone_seconds = 1\n"))
    stage.service.signal(signal.SIGHUP)
    yield
    file.write_text(before)
    if stage.service.running:
        stage.service.signal(signal.SIGHUP)


def hear_it(scene: Scene, *names: str) -> None:
    """Within some seconds from now each of these does, and nobody else."""
    marks = {name: phone.mark() for name, phone in scene.parties.items()}

    def hearers() -> set[str]:
        return {name for name, mark in marks.items() if scene.parties[name].heard_since(mark, [HERTZ])}

    eventually(lambda: hearers() >= set(names), message=f"of {names} not all hear the tone")
    assert hearers() == set(names)


def nobody_hears_it(scene: Scene) -> None:
    """In two whole seconds of the parties' audio, and half a one more."""
    marks = [(phone, phone.mark()) for phone in scene.parties.values()]
    eventually(lambda: all(phone.sound_since(mark) >= 2.5 for phone, mark in marks[:2]), deadline=10)
    assert not [phone for phone, mark in marks if phone.heard_since(mark, [HERTZ])]


def tones(stage: Stage) -> list[str]:
    """The ids of the channels that carry one, which are those of what Asterisk plays on them too."""
    return [channel for channel in Witness(stage).ids("Snoop/") if "-tone-" in channel]


def test_both_parties_hear_it_as_long_as_there_is_a_supervisor(stage: Stage) -> None:
    """Not while it rings, nor after it has left; in every mode, moved to another phone, and while no service runs."""
    scene = call_and_boss(stage, INBOUND, None, chief=stage.phone(CHIEF, 4, answer=0.0))
    scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
    scene.parties["boss"].wait_ringing()
    nobody_hears_it(scene)
    scene.parties["boss"].answer()
    hear_it(scene, "agent", "far")
    scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
    hear_it(scene, "agent", "far")
    scene.acme.do("transfer", scene.call_id, ext=CHIEF, legs=scene.far_side)
    scene.parties["chief"].wait_established()
    hear_it(scene, "chief", "far")
    stage.service.kill()
    hear_it(scene, "chief", "far")
    stage.serve()
    scene.acme.do(BARGE, scene.call_id, ext=BOSS)
    hear_it(scene, "chief", "far")
    scene.parties["boss"].hangup()
    stage.nothing_of_ours()
    scene.parties["agent"] = scene.parties.pop("chief")
    nobody_hears_it(scene)


def test_the_audit_log_tells_of_it(stage: Stage) -> None:
    """Between the supervisor's answer and its end."""
    scene = supervised(stage, CLICK)
    scene.parties["boss"].hangup()
    only_the_call(scene)
    ended = "ended listen the supervisor hung up"
    wait_story(stage, scene.call_id, "rung listen", "hears listen", "tone listen", ended)


def test_a_supervisor_and_no_tone_without_the_option(stage: Stage) -> None:
    """It is taken back by a reload: the next supervision is silent."""
    file = Path(stage.service.settings["tenants"])
    file.write_text(file.read_text().replace("supervised_tone_seconds = 1\n", ""))
    stage.service.signal(signal.SIGHUP)
    scene = call_and_boss(stage, CLICK)
    scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
    boss = scene.parties.pop("boss")
    boss.wait_established()
    nobody_hears_it(scene)


@pytest.mark.parametrize("step", ["/play/", "spy=none"], ids=["played", "brought to the leg"])
def test_no_supervision_without_it(stage: Stage, proxy: AriProxy, step: str) -> None:
    """When Asterisk refuses it, the supervisor is let go before it has heard anything, and the audit log says why."""
    scene = call_and_boss(stage, CLICK)
    boss = scene.parties["boss"]
    mark = boss.mark()
    with proxy.watch({step: REFUSED}):
        scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
        boss.wait_rings(1)
        stage.nothing_of_ours()
    wait_story(stage, scene.call_id, "rung listen", "hears listen", "ended listen the tone cannot be played")
    assert not boss.heard_since(mark)
    only_the_call(scene)


@pytest.mark.parametrize("turn", ["the first", "after a transfer"])
def test_a_service_killed_before_it_plays(stage: Stage, proxy: AriProxy, turn: str) -> None:
    """The channel for it is there and silent: the next service lets nobody hear before it has played it itself."""
    moved = turn == "after a transfer"
    begin = supervised if moved else call_and_boss
    scene = begin(stage, INBOUND, chief=stage.phone(CHIEF, 4, answer=0.0))
    process = stage.service.process
    assert process is not None
    with proxy.watch({"/play/": Fault(asked=False, lost=True, then=stage.service.kill)}):
        if moved:
            scene.acme.do("transfer", scene.call_id, ext=CHIEF, legs=scene.far_side)
        else:
            scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
        eventually(lambda: process.poll() is not None, message="not killed")
    (silent,) = tones(stage)
    assert not Witness(stage).playback(silent)
    stage.serve()
    eventually(lambda: Exchange(stage).supervisors() == 1, deadline=KEEPERS_SECONDS, message="not let in")
    assert [Witness(stage).playback(tone) for tone in tones(stage)] == ["playing"]
    hear_it(scene, "chief" if moved else "agent", "far")


def test_two_replicas_play_one(stage: Stage, tmp_path: Path) -> None:
    """Whoever was asked; and it goes on with the other when that one is killed."""
    settings = stage.service.settings
    other = Service(tmp_path, **settings | {"app": settings["app"] + "-b"}).start()
    try:
        scene = supervised(stage, CLICK)
        hear_it(scene, "agent", "far")
        playing = tones(stage)
        eventually(
            lambda: "/playbacks" in httpx.get(f"{other.url}/metrics", verify=NO_TLS).text,
            message="the other has not looked",
        )
        assert tones(stage) == playing
        assert len(playing) == 1
        stage.service.kill()
        hear_it(scene, "agent", "far")
        assert tones(stage) == playing
        scene.parties["boss"].hangup()
        stage.nothing_of_ours()
    finally:
        other.stop()


def test_a_supervisor_who_leaves_while_no_service_runs(stage: Stage) -> None:
    """The tone outlasts it, and ends at the next start, with a line of the end."""
    scene = supervised(stage, CLICK)
    stage.service.kill()
    scene.parties["boss"].hangup()
    hear_it(scene, "agent", "far")
    stage.serve()
    stage.nothing_of_ours()
    nobody_hears_it(scene)
    told = ("rung listen", "hears listen", "tone listen")
    wait_story(stage, scene.call_id, *told, "ended listen ended unseen")
