"""Writes the audit log beside the event loop, and remembers what stands in it of the supervisions that go on."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from service.audit.entry import SAME, Entry, Event, going_on
from service.audit.file import AuditFile
from service.errors import Unavailable
from service.log import logger
from service.metrics import Metrics

WRITE_SECONDS = 5.0  # a line takes less than a millisecond, and a disk that spins 20; after this it hangs

T = TypeVar("T")


class Trail:
    """The audit log of one replica."""

    def __init__(self, file: AuditFile, app: str, instance: str, metrics: Metrics) -> None:
        self.file = file
        self.app = app
        self.instance = instance
        self._failures = metrics.audit_failures
        self._last: dict[str, Entry] = {}
        self._thread = ThreadPoolExecutor(1, "audit")  # a slow disk must not stop the event loop, nor reorder lines

    async def open(self) -> None:
        """Reads back which supervisions went on when a service last wrote, and proves that it can write now."""
        try:
            self._last = await self._beside(lambda: going_on(self.file.newest()))
            await self._beside(self.file.prove)
        except Unavailable:
            logger.error("nobody can supervise until %s can be written; everything else works", self.file.path)

    def last(self, key: str) -> Entry | None:
        """The newest line of a supervision that goes on, as far as this replica knows."""
        return self._last.get(key)

    def going_on(self) -> Mapping[str, Entry]:
        """The same for every supervision that has no end yet."""
        return dict(self._last)

    async def record(self, entry: Entry) -> None:
        """Returns when the line would outlive a power failure. Raises Unavailable: then it must not happen.

        fdatasync() costs 0.1 ms here and some 10 ms on a disk that spins, once for each turn of a supervision; without
        it a power failure could take back the line of a supervision that an Asterisk elsewhere goes on with.
        """
        await self._write(entry, durable=True)
        if entry.event is Event.ENDED:
            self._last.pop(entry.key, None)
        else:
            self._last[entry.key] = entry

    async def refused(self, entry: Entry, reason: str) -> None:
        """Tells of what was not done, and never fails: nobody hears anything by it."""
        try:
            await self._write(replace(entry, event=Event.REFUSED, reason=reason), durable=False)
        except Unavailable:
            return

    async def ended(self, entry: Entry, reason: str) -> None:
        """Tells of the end. Raises Unavailable; until it succeeds, the supervision counts as going on."""
        await self.record(replace(entry, event=Event.ENDED, reason=reason))

    async def _write(self, entry: Entry, *, durable: bool) -> None:
        line = entry.render(datetime.now(UTC), self.app, self.instance)
        needless = entry.stands_in if entry.event in SAME else None
        await self._beside(partial(self.file.append, line, durable=durable, needless=needless))

    async def _beside(self, work: Callable[[], T]) -> T:
        """Does the work in the writer's thread. Raises Unavailable when the file, or the time, does not allow it."""
        asked = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return await asked
        except (OSError, TimeoutError) as error:
            self._failures.inc()
            logger.error("the audit log %s cannot be written: %r", self.file.path, error)
            raise Unavailable("the audit log cannot be written") from error
