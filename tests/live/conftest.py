"""One Asterisk and one service for each test process; every test ends with nothing left on Asterisk."""

import os
from collections.abc import Iterator

import pytest

from tests.instruments.stage import Stage, live_stage


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The PBX and the service, started once."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "solo")
    with live_stage(tmp_path_factory.mktemp("stage"), f"test-{os.getpid()}-{worker}") as stage:
        yield stage


@pytest.fixture
def stage(theatre: Stage) -> Iterator[Stage]:
    """The stage, empty before and after."""
    yield theatre
    theatre.strike()
