"""A short soak: hundreds of requests about calls that come and go, and nothing is left; `make soak` is the long one."""

from pathlib import Path

import pytest

from tests.instruments.stage import live_stage
from tests.soak.run import Plan, soak
from tests.soak.verdict import complaints, figures

pytestmark = pytest.mark.owns

PLAN = Plan(calls=200, seed=1, rate=12.0)


def test_nothing_is_left_and_every_call_is_accounted_for(tmp_path: Path) -> None:
    """Neither channel, bridge, task, file, thread nor memory; every call began, ended, and as its phones know."""
    with live_stage(tmp_path / "stage", "short-soak", park_seconds="2") as stage:
        report = soak(stage, PLAN)
    wrong = complaints(report)
    assert not wrong, "\n".join([figures(report), *wrong])
