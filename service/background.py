"""Work that goes on beside the requests. A task that fails is logged and takes nothing else down with it."""

import asyncio
from collections.abc import Awaitable, Coroutine
from types import TracebackType
from typing import TypeVar

from service.log import logger

STEP_SECONDS = 3.0  # a step takes some 100 ms; one that Asterisk leaves hanging must not outlast who waits for our end

T = TypeVar("T")


class Background:
    """Owns tasks of the service; all are ended when it is left, and none is begun any more."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> "Background":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, work: Coroutine[None, None, None], name: str) -> None:
        """Runs `work` until it ends or the service does."""
        if self._closed:
            work.close()
            return
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s failed", task.get_name(), exc_info=error)


async def whole(step: Awaitable[T]) -> T:
    """Takes a step that must not be left half done: whoever cancels it waits for its end, for STEP_SECONDS at most."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=STEP_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
