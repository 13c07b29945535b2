"""One after the other: those who would undo each other's work on the same thing wait for their turn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from service.errors import Unavailable


class Turns:
    """By key; what is kept of a key goes with the last who waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, key: str, seconds: float | None = None) -> AsyncIterator[None]:
        """Inside it is nobody else's turn. Raises Unavailable when it does not come within the time."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with asyncio.timeout(seconds):
                await lock.acquire()
        except TimeoutError as error:
            raise Unavailable("somebody else is at it") from error
        try:
            yield
        finally:
            lock.release()
