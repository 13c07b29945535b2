"""One Asterisk and one service for each test process, or those that are given; a test leaves nothing on Asterisk."""

import os
from collections.abc import Iterator

import pytest

from tests.instruments import fail2ban as tool
from tests.instruments.ari_proxy import AriProxy
from tests.instruments.fail2ban import Fail2ban
from tests.instruments.faulty import behind_proxy
from tests.instruments.given import REASON, given_stage, is_given
from tests.instruments.stage import Stage, live_stage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where the PBX and the service are given, tests that need their own are left out."""
    for item in items:
        if is_given() and item.get_closest_marker("owns"):
            item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The PBX and the service, started once, unless they are given."""
    if is_given():
        with given_stage() as stage:
            yield stage
        return
    worker = os.environ.get("PYTEST_XDIST_WORKER", "solo")
    with live_stage(tmp_path_factory.mktemp("stage"), f"test-{os.getpid()}-{worker}") as stage:
        yield stage


@pytest.fixture
def stage(theatre: Stage) -> Iterator[Stage]:
    """The stage, empty before and after."""
    yield theatre
    theatre.strike()


@pytest.fixture
def service_afterwards(stage: Stage) -> Iterator[None]:
    """For tests that end the service: those after them find one."""
    yield
    if not stage.service.running:
        stage.serve()


@pytest.fixture(scope="module")
def proxy(theatre: Stage) -> Iterator[AriProxy]:
    """What the service of this module's tests reaches Asterisk through."""
    with behind_proxy(theatre) as proxy:
        yield proxy


@pytest.fixture
def fail2ban() -> Iterator[Fail2ban]:
    """The real one, with our filter and jail; for tests that can do without it, where there is none."""
    where = tool.installed()
    if where is None:
        pytest.skip(tool.NONE)
    with Fail2ban(where) as one:
        yield one


@pytest.fixture(scope="module")
def watched(theatre: Stage) -> Iterator[AriProxy | None]:
    """The same for tests that also run against a given service, whose requests nobody sees."""
    if is_given():
        yield None
        return
    with behind_proxy(theatre) as proxy:
        yield proxy
