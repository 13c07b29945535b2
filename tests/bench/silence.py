"""What a supervisor misses when the mode is changed, from the recording of what its phone heard."""

import os
from collections.abc import AsyncIterator
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.budgets import Budget
from tests.bench.figures import Figure
from tests.bench.table import Row
from tests.instruments.scene import CLICK, Scene
from tests.instruments.stage import live_stage
from tests.instruments.supervision import BARGE, BOSS, LISTEN, WHISPER, Gaps, supervised, table

SWITCHES = 12
MODES = (WHISPER, BARGE, LISTEN)


async def measure() -> AsyncIterator[Row]:
    """A call between real phones, each with a voice of its own, and a supervisor on it."""
    with TemporaryDirectory() as folder, live_stage(Path(folder), f"bench-{os.getpid()}") as stage:
        scene = supervised(stage, CLICK, LISTEN)
        lost = [_switch(scene, mode) for mode in islice(cycle(MODES), SWITCHES)]
        stage.strike()
    yield Row(
        f"change of mode: longest silence of a voice in the supervisor's ear (of {SWITCHES})",
        "ms",
        Figure.of(lost),
        Figure(0.0),
        "none",
        Budget.MODE_SWITCH,
    )


def _switch(scene: Scene, mode: str) -> float:
    """Milliseconds, to ten: half a packet."""
    heard = Gaps(scene, ("boss", "agent"), ("boss", "far"))
    scene.acme.do(mode, scene.call_id, ext=BOSS)
    scene.hears(table(boss=mode))
    return heard.longest()
