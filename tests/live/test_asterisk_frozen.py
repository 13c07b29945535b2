"""Asterisk stands still for ten seconds and goes on: what it was asked meanwhile was refused, and never happens."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from tests.instruments.failures import Wire, another_client, click_failure, failure
from tests.instruments.faulty import no_faults_logged
from tests.instruments.limits import HOTLINE
from tests.instruments.outage import calls_processed, frozen, out_of_reach, within_reach
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, Scene
from tests.instruments.stage import MOBILE, Stage
from tests.instruments.supervision import BOSS, LISTEN, WHISPER, supervised, table
from tests.instruments.witness import Witness

pytestmark = pytest.mark.owns

FROZEN_SECONDS = 10.0
TARGET, WAITING = "104", "105"


def ask_all(scene: Scene, parked: str, pool: ThreadPoolExecutor) -> list[tuple[Future[httpx.Response], Wire]]:
    """One request of each kind, all at once, each on a connection of its own; what must be answered to each."""
    call = f"/v1/call/{scene.call_id}"
    click = {"extension": TARGET, "hotline": HOTLINE, "phone_number": MOBILE}
    attempts = [
        (f"{call}/transfer", {"ext": TARGET, "legs": scene.far_side}, failure("transfer", "SERVICE_UNAVAILABLE")),
        (f"{call}/park", {"legs": scene.agent_side}, failure("park", "SERVICE_UNAVAILABLE")),
        (f"{call}/listen", {"ext": TARGET}, failure("listen", "SERVICE_UNAVAILABLE")),
        (f"{call}/whisper", {"ext": BOSS}, failure("whisper", "SERVICE_UNAVAILABLE")),
        (f"{call}/barge", {"ext": TARGET}, failure("barge", "SERVICE_UNAVAILABLE")),
        (f"/v1/call/{parked}/transfer", {"ext": TARGET, "legs": "aleg"}, failure("transfer", "SERVICE_UNAVAILABLE")),
        ("/api/click2call", click, click_failure("Unknown")),
    ]

    def post(path: str, body: dict[str, str]) -> httpx.Response:
        with another_client(scene.stage, scene.stage.service.url) as http:
            return http.post(path, json=body)

    return [(pool.submit(post, path, body), wanted) for path, body, wanted in attempts]


def test_asterisk_stands_still(stage: Stage) -> None:
    """With a supervised call and a parked one: the first is as it was, the second's time was over meanwhile."""
    target, waiting = stage.phone(TARGET, 4, answer=0.0), stage.phone(WAITING, 5)
    scene = supervised(stage, CLICK, LISTEN, target=target, waiting=waiting)
    witness = Witness(stage)
    before = witness.still()
    waiting.dial(TARGET)
    target.wait_established()
    (parked,) = [row["call_id"] for row in scene.acme.calls() if row["source"] == WAITING]
    scene.acme.do("park", parked, legs="bleg")
    scene.acme.wait_row(parked, lambda row: row["state"] == "CS_PARK")
    rung, processed = len(target.rings), calls_processed(stage)
    with no_faults_logged(stage):
        with frozen(stage), ThreadPoolExecutor() as pool:
            until = time.monotonic() + FROZEN_SECONDS
            for asked, wanted in ask_all(scene, parked, pool):
                answer = asked.result()
                assert (answer.status_code, answer.content) == wanted, answer.request.url
            out_of_reach(stage, scene.call_id, parked)
            time.sleep(max(0.0, until - time.monotonic()))
        eventually(lambda: calls_processed(stage) > processed, message="the late requests have not come")
        eventually(lambda: witness.still() == before, deadline=15, message="not as before")
        within_reach(stage)
    assert len(target.rings) == rung
    assert [row["call_id"] for row in scene.acme.calls()] == [scene.call_id]
    scene.hears(table(boss=LISTEN))
    scene.acme.do(WHISPER, scene.call_id, ext=BOSS)
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=scene.far_side)
    scene.hears({"far": "target", "target": "far boss", "boss": "far target"})
