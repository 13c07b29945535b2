"""One fake ARI and one service for the whole of these tests, gone after them; each finds them without a call."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.fast.fake_ari import FakeAri
from tests.fast.fake_calls import Exchange
from tests.fast.serving import ACME, GLOBEX, Serving
from tests.instruments.polling import eventually

ONLINE = (f"101@{ACME}", f"102@{ACME}", f"103@{ACME}", f"101@{GLOBEX}", f"105@{GLOBEX}", "carrier", "101@closed.test")
OFFLINE = (f"104@{ACME}", f"102@{GLOBEX}")


class Serve:
    """Services in front of one fake ARI; the same one for the same settings."""

    def __init__(self, ari: FakeAri, folders: pytest.TempPathFactory, stack: ExitStack) -> None:
        self.known: dict[str, Serving] = {}
        self._ari, self._folders, self._stack = ari, folders, stack

    def __call__(self, **settings: object) -> Serving:
        """One with these settings, ready."""
        name = repr(sorted(settings.items()))
        if name not in self.known:
            given = {"app": f"fast-{len(self.known)}"} | settings
            serving = Serving(self._folders.mktemp("fast"), self._ari.url, **given)
            self.known[name] = self._stack.enter_context(serving)
            serving.wait_ready()
        return self.known[name]

    def idle(self) -> bool:
        return all(serving.idle() for serving in self.known.values())


@pytest.fixture(scope="package")
def _asterisk() -> Iterator[FakeAri]:
    with FakeAri() as fake:
        fake.endpoints = dict.fromkeys(ONLINE, "online") | dict.fromkeys(OFFLINE, "offline")
        yield fake


@pytest.fixture(scope="package")
def serve(_asterisk: FakeAri, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Makes services."""
    with ExitStack() as stack:
        yield Serve(_asterisk, tmp_path_factory, stack)


@pytest.fixture
def ari(_asterisk: FakeAri, serve: Serve) -> Iterator[FakeAri]:
    """The fake ARI, empty before and after, and nobody busy with it."""
    yield _asterisk
    _asterisk.clear()
    eventually(serve.idle, message="something is still tended")
    _asterisk.judge.content()


@pytest.fixture
def service(serve: Serve, ari: FakeAri) -> Serving:
    """The service as it is without any setting."""
    return serve()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Asterisk is given time for is given less."""
    for name in ("DUE_SECONDS", "RING_SECONDS", "RECEIPT_SECONDS", "AFTERWARDS_SECONDS"):
        monkeypatch.setattr(f"service.switchboard.{name}", 0.1)
    monkeypatch.setattr("service.snooping.ENTER_SECONDS", 0.1)


@pytest.fixture
def exchange(ari: FakeAri, service: Serving) -> Exchange:
    """Where calls are made."""
    return Exchange(ari, service)


@pytest.fixture(scope="package")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service that has never seen its Asterisk."""
    with Serving(tmp_path_factory.mktemp("lonely"), "http://127.0.0.1:1/ari", instance_id="lonely") as serving:
        yield serving
