"""Two services before one Asterisk, as behind a balancer, and the one audit log that they share."""

import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.instruments.client import Client
from tests.instruments.faulty import FAULTS
from tests.instruments.paper import lines_of
from tests.instruments.polling import eventually
from tests.instruments.service import Service
from tests.instruments.stage import ACME, Stage

END_SECONDS = 20.0


class Replica:
    """One service, and a client of acme's that asks it and no other."""

    def __init__(self, service: Service, client: Client) -> None:
        self.service = service
        self.client = client

    def serve(self) -> None:
        """Starts it again, if need be, on another port."""
        if not self.service.running:
            self.service.start()
            self.client.http.base_url = self.service.url

    def terminate(self) -> None:
        """SIGTERM, and waits for its end."""
        self.service.signal(signal.SIGTERM)
        assert self.service.process is not None
        assert self.service.process.wait(END_SECONDS) == 0


Pair = tuple[Replica, Replica]


@contextmanager
def two_replicas(stage: Stage, folder: Path) -> Iterator[Pair]:
    """The stage's own service and another one, alike but for the name of its application; both are ready."""
    settings = stage.service.settings
    another = Service(folder, **{**settings, "app": f"{settings['app']}-too"})
    client = Client("", stage.pbx.secrets.tokens[ACME])
    pair = Replica(stage.service, stage.acme), Replica(another, client)
    before = len(stage.service.log)
    try:
        pair[1].serve()
        yield pair
        for written in (stage.service.log[before:], another.log):
            assert not any(fault in written for fault in FAULTS), written
    finally:
        another.stop()
        client.close()
        stage.tell_clients()  # all of them, while a replica has told its own


def alike(pair: Pair) -> None:
    """Waits until both list the same calls, in every field and in the same order."""
    one, other = (replica.client for replica in pair)
    eventually(lambda: one.calls() == other.calls(), message="the two lists differ")


def ask_either(pair: Pair, first: int, method: str, path: str, **body: str) -> httpx.Response:
    """Asks one of them, and when that is not there, or not ready, the other, which must serve it."""
    with suppress(httpx.TransportError):
        answer = pair[first].client.http.request(method, path, json=body)
        if answer.status_code != 503:
            return answer
    return pair[1 - first].client.http.request(method, path, json=body)


def books(stage: Stage) -> dict[str, list[str]]:
    """What the audit log tells of each supervision, by key: the events, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in lines_of(stage):
        if line["key"]:
            found[line["key"]].append(line["event"])
    return dict(found)


def closed(stage: Stage) -> None:
    """Waits until each supervision that was ever begun has one beginning and, after all else, one end."""

    def told() -> bool:
        return all(
            (events[0], events[-1], events.count("rung"), events.count("ended")) == ("rung", "ended", 1, 1)
            for events in books(stage).values()
        )

    eventually(told, deadline=15, message=f"not each has one beginning and one end: {books(stage)}")
