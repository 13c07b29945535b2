"""Tasks beside the requests: what becomes of them, and of what they are doing, when the service ends."""

import asyncio

import pytest

from service import background
from service.background import Background, whole


def test_a_step_is_taken_to_its_end() -> None:
    """Leaving waits for the step that is being taken, and no further one is begun."""
    taken: list[str] = []

    async def step(name: str, asked: asyncio.Event) -> None:
        asked.set()
        await asyncio.sleep(0.01)
        taken.append(name)

    async def work(asked: asyncio.Event) -> None:
        await whole(step("first", asked))
        await whole(step("second", asked))

    async def play() -> None:
        asked = asyncio.Event()
        async with Background() as tasks:
            tasks.start(work(asked), "work")
            await asked.wait()

    asyncio.run(play())
    assert taken == ["first"]


def test_a_step_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After STEP_SECONDS it is cancelled like everything else."""
    monkeypatch.setattr(background, "STEP_SECONDS", 0.01)
    undone: list[str] = []

    async def step() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            undone.append("step")

    async def play() -> None:
        async with Background() as tasks:
            tasks.start(whole(step()), "work")
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(play(), 5))
    assert undone == ["step"]


def test_nothing_is_begun_after_the_end() -> None:
    """A late event must not leave a task that nobody ends."""
    begun: list[str] = []

    async def work() -> None:
        begun.append("work")

    async def play() -> None:
        async with Background() as tasks:
            pass
        tasks.start(work(), "late")
        await asyncio.sleep(0)

    asyncio.run(play())
    assert begun == []


def test_a_step_that_fails_is_told() -> None:
    """As without being taken whole."""

    async def step() -> None:
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        asyncio.run(whole(step()))
