"""The service stands still for two seconds under calls: what has queued is applied, or Asterisk has given it up."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.instruments.lost_events import (
    Sound,
    Told,
    colleagues_stop,
    colleagues_talk,
    office,
    wait_exact,
)
from tests.instruments.no_tls import NO_TLS
from tests.instruments.stage import Stage
from tests.instruments.supervision import BARGE, table

pytestmark = pytest.mark.owns

STILL_SECONDS = 2.0
FLOOD, FLOOD_BYTES = 500, 35_000
"""Events of our own, each as large as Asterisk takes it: more than sockets hold; calls would need minutes for it."""


@contextmanager
def standing_still(stage: Stage) -> Iterator[None]:
    """The service does nothing inside, for STILL_SECONDS at least."""
    until = time.monotonic() + STILL_SECONDS
    stage.service.signal(signal.SIGSTOP)
    try:
        yield
        time.sleep(max(0.0, until - time.monotonic()))
    finally:
        stage.service.signal(signal.SIGCONT)


def flood(stage: Stage) -> None:
    """Tells the application more than it can be told while it does not listen."""
    auth = ("patchbay", stage.pbx.secrets.ari_password)
    with httpx.Client(base_url=stage.pbx.ari_url, auth=auth, verify=NO_TLS) as asterisk:
        for _ in range(FLOOD):
            path = f"/events/user/flood?application={stage.service.settings['app']}"
            asterisk.post(path, json={"variables": {"much": "x" * FLOOD_BYTES}})


def test_a_reader_that_stands_still(stage: Stage) -> None:
    """Once it catches up on the same connection, once it has to begin anew; one call ends and one begins meanwhile."""
    scene = office(stage)
    colleagues_talk(scene)
    sound, told = Sound(scene), Told(stage)
    for flooded in (False, True):
        before = wait_exact(stage)
        with standing_still(stage):
            if flooded:
                flood(stage)
            colleagues_stop(scene)
            colleagues_talk(scene)
        after = wait_exact(stage)
        assert [one for one in after if one in before] == [scene.call_id]
        assert len(after) == 2
    assert told.pictures() == [(2, 1, 1)]
    assert len(told.lines("Asterisk is out of reach")) == 1
    assert not told.lines("an event")
    sound.unbroken()
    scene.hears(table(boss=BARGE) | {"caller": "called", "called": "caller"})
