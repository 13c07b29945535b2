"""Asterisk dies and is started again: nothing is served that is not so, no old call haunts the list, new ones work."""

from collections.abc import Iterator

import pytest

from tests.instruments.failures import VERBS, check, click_failure, failure, good
from tests.instruments.faulty import no_faults_logged
from tests.instruments.limits import HOTLINE, Limits
from tests.instruments.outage import out_of_reach, start_again, within_reach
from tests.instruments.paper import story
from tests.instruments.polling import eventually
from tests.instruments.scene import AGENT, CLICK, Scene, call_up
from tests.instruments.stage import ACME, Stage
from tests.instruments.supervision import BARGE, BOSS, LISTEN, supervised, table

pytestmark = pytest.mark.owns

ALLOWED, FORBIDDEN = 'allow = ["0909XXXXXX"]', "0908123456"
CONNECTED = "patchbay_connections_total"


@pytest.fixture
def limits(stage: Stage) -> Iterator[Limits]:
    """None afterwards, on an Asterisk that runs."""
    limits = Limits(stage)
    yield limits
    if not stage.pbx.alive():
        start_again(stage)
    within_reach(stage)
    limits.clear()


def refuse_forbidden(stage: Stage) -> None:
    """A click to a number that the tenant may not call."""
    fields = f'{{"extension":"{AGENT}","hotline":"{HOTLINE}","phone_number":"{FORBIDDEN}"}}'
    check(stage.acme.http, iter([("/api/click2call", fields.encode(), click_failure("do_not_call"))]))


def no_ghost(scene: Scene) -> None:
    """The call is unknown, in the list, in every verb and in the numbers."""
    assert scene.acme.calls() == []
    for verb in VERBS:
        path = f"/v1/call/{scene.call_id}/{verb}"
        check(scene.acme.http, iter([(path, good(verb), failure(verb, "CALL_NOT_FOUND"))]))
    assert not [name for name in scene.acme.metrics() if name.startswith("patchbay_calls")]


def supervisors_turns(stage: Stage, call_id: str) -> list[str]:
    """The audit log of a call without the requests that were refused."""
    return [line for line in story(stage, call_id) if not line.startswith("refused")]


def test_asterisk_dies_with_a_supervised_call(stage: Stage, limits: Limits) -> None:
    """And comes back without its database: the tenant's limits are in force again before anything is served."""
    limits.set(acme=ALLOWED)
    scene = supervised(stage, CLICK, BARGE)
    told, connected = len(stage.service.log), stage.acme.metrics()[CONNECTED]
    with no_faults_logged(stage):
        stage.pbx.kill()
        out_of_reach(stage, scene.call_id)
        start_again(stage, empty=True)
        within_reach(stage)
        no_ghost(scene)
    assert limits.stored("outbound", ACME)
    assert stage.acme.metrics()[CONNECTED] == connected + 1
    log = stage.service.log[told:]
    assert log.count("WARNING Asterisk is out of reach") == 1
    assert "picture complete: 0 channels, 0 calls, 0 of them new, 1 ended unseen, 0 supervisions" in log
    turns = ["rung barge", "hears barge", "ended barge the call ended"]
    eventually(lambda: supervisors_turns(stage, scene.call_id) == turns, message="the audit log does not end")
    stage.strike()
    scene = call_up(stage, CLICK, boss=stage.phone(BOSS, 3, answer=0.0))
    refuse_forbidden(stage)
    scene.acme.do(LISTEN, scene.call_id, ext=BOSS)
    scene.hears(table(boss=LISTEN))
