"""An event loop in a thread of its own, for a server that a test talks to from outside."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

WORK_SECONDS = 10.0


class LoopThread:
    """Runs from `start` to `stop`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does the work in the loop; its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WORK_SECONDS)
