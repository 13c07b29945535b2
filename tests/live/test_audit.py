"""The paper trail of real supervisions: what stands in the audit log, and no supervision without it."""

import signal
from collections.abc import Iterator

import pytest

from tests.instruments.paper import log_of, trail, wait_story
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, INBOUND, OUTBOUND
from tests.instruments.stage import MOBILE, Stage
from tests.instruments.supervision import BARGE, BOSS, CHIEF, LISTEN, WHISPER, call_and_boss, ringing, supervised, table

pytestmark = pytest.mark.owns

CALL_ENDED, HUNG_UP = "the call ended", "the supervisor hung up"


@pytest.fixture(autouse=True)
def log_afterwards(stage: Stage, service_afterwards: None) -> Iterator[None]:
    """The tests after these, and their service, find a log that can be written."""
    yield
    away = log_of(stage).with_name("away")
    if log_of(stage).is_dir():
        log_of(stage).rmdir()
    if away.exists():
        away.rename(log_of(stage))


def take_away(stage: Stage) -> None:
    """A folder stands where the log was."""
    log_of(stage).rename(log_of(stage).with_name("away"))
    log_of(stage).mkdir()


def give_back(stage: Stage) -> None:
    log_of(stage).rmdir()
    log_of(stage).with_name("away").rename(log_of(stage))


def test_a_whole_story(stage: Stage) -> None:
    """Modes, a transfer to another extension, the end; the file is renamed on the way, and no line is lost."""
    scene = supervised(stage, INBOUND, LISTEN, chief=stage.phone(CHIEF, 4, answer=0.0))
    scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
    log_of(stage).rename(log_of(stage).with_suffix(".jsonl-1"))
    stage.service.signal(signal.SIGHUP)
    eventually(log_of(stage).exists, message="no new file is made")
    scene.acme.do("transfer", scene.call_id, ext=CHIEF, legs=scene.far_side)
    scene.hears(table(agent="chief", boss=WHISPER))
    scene.far.hangup()
    scene.parties["boss"].wait_idle()
    expected = ("rung listen", "hears listen", "mode whisper", "follows whisper", f"ended whisper {CALL_ENDED}")
    lines = wait_story(stage, scene.call_id, *expected)
    assert {(line["tenant"], line["supervisor"], line["source"]) for line in lines} == {("acme.test", BOSS, MOBILE)}
    assert len({line["key"] for line in lines}) == 1
    assert lines[0]["token"]
    assert [line["destination"] for line in lines] == ["101", "101", "101", CHIEF, CHIEF]
    assert lines[3]["leg"] != lines[2]["leg"]


def test_killed_and_restarted(stage: Stage) -> None:
    """One supervision goes on and one ended meanwhile: both books are closed, once."""
    scene = supervised(stage, CLICK, BARGE)
    stage.service.kill()
    stage.serve()
    wait_story(stage, scene.call_id, "rung barge", "hears barge", "continues barge")
    stage.service.kill()
    scene.far.hangup()
    scene.agent.wait_idle()
    stage.serve()
    lines = wait_story(
        stage, scene.call_id, "rung barge", "hears barge", "continues barge", f"ended barge {CALL_ENDED}"
    )
    assert len({(line["key"], line["token"], line["request"]) for line in lines}) == 1


def test_a_supervisor_who_left_while_no_service_ran(stage: Stage) -> None:
    scene = supervised(stage, OUTBOUND, LISTEN)
    stage.service.kill()
    scene.parties["boss"].hangup()
    scene.parties["boss"].wait_idle()
    stage.serve()
    wait_story(stage, scene.call_id, "rung listen", "hears listen", f"ended listen {HUNG_UP}", deadline=10)
    scene.talking()


def test_without_a_log_nobody_is_rung(stage: Stage) -> None:
    """503; with a log again, the same request rings."""
    scene = call_and_boss(stage, CLICK)
    take_away(stage)
    answer = scene.acme.ask(BARGE, scene.call_id, ext=BOSS)
    assert (answer.status_code, answer.json()["error"]) == (503, "SERVICE_UNAVAILABLE")
    scene.talking()
    assert (scene.parties["boss"].rings, stage.ours()) == ([], [])
    give_back(stage)
    assert trail(stage, scene.call_id) == []
    scene.acme.do(BARGE, scene.call_id, ext=BOSS)
    scene.hears(table(boss=BARGE))


def test_without_a_log_nobody_hears(stage: Stage) -> None:
    """Who answers then is hung up, unheard and without having heard."""
    scene = ringing(stage, INBOUND, BARGE)
    take_away(stage)
    scene.parties["boss"].answer()
    scene.parties["boss"].wait_idle()
    stage.nothing_of_ours()
    scene.talking()
    give_back(stage)
    wait_story(stage, scene.call_id, "rung barge", "ended barge the audit log cannot be written")


def test_without_a_log_no_mode_changes(stage: Stage) -> None:
    """The supervisor stays as it was."""
    scene = supervised(stage, OUTBOUND, LISTEN)
    take_away(stage)
    assert scene.acme.ask(WHISPER, scene.call_id, ext=BOSS).status_code == 503
    scene.hears(table(boss=LISTEN))
    give_back(stage)
    wait_story(stage, scene.call_id, "rung listen", "hears listen")
