"""An Asterisk that dies or stands still, and what clients are told meanwhile."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.instruments.failures import UNKNOWN_CALL, VERBS, check, click_failure, failure, good
from tests.instruments.polling import eventually
from tests.instruments.stage import Stage

NOTICED_SECONDS = 15.0
"""Until the service says that it does not reach Asterisk, or does again: its longest intervals, and a busy machine."""

CLICK = b'{"extension":"999","hotline":"0","phone_number":"0909123456"}'


@contextmanager
def frozen(stage: Stage) -> Iterator[None]:
    """Asterisk stands still inside."""
    process = stage.pbx.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def start_again(stage: Stage, *, empty: bool = False) -> None:
    """Asterisk on the same ports after it was killed; with `empty` it has lost its database, as a new container has."""
    if empty:
        for file in (stage.pbx.folder / "var").glob("astdb*"):
            file.unlink()
    stage.pbx.start()


def out_of_reach(stage: Stage, *call_ids: str) -> None:
    """Waits until the service is not ready; then it says 503 to everything, and nothing of what it knew before."""
    eventually(lambda: not stage.service.ready(), deadline=NOTICED_SECONDS, message="still ready")
    listed = stage.acme.http.get("/v1/call")
    assert (listed.status_code, listed.content) == (503, b'{"error":"Service Unavailable"}')
    for verb in VERBS:
        for call_id in (*call_ids, UNKNOWN_CALL):
            attempt = (f"/v1/call/{call_id}/{verb}", good(verb), failure(verb, "SERVICE_UNAVAILABLE"))
            check(stage.acme.http, iter([attempt]))
    check(stage.acme.http, iter([("/api/click2call", CLICK, click_failure("Unknown"))]))
    measured = stage.acme.metrics()
    assert measured["patchbay_ready"] == 0
    assert not [name for name in measured if name.startswith(("patchbay_calls", "patchbay_supervisors"))]


def within_reach(stage: Stage) -> None:
    eventually(stage.service.ready, deadline=NOTICED_SECONDS, message="not ready again")
    assert stage.acme.metrics()["patchbay_ready"] == 1


def calls_processed(stage: Stage) -> int:
    """How many channels have entered the dialplan since Asterisk's start."""
    (line,) = [line for line in stage.pbx.cli("core show channels count").splitlines() if "processed" in line]
    return int(line.split()[0])
