"""Phones in this process that say to the microsecond when a request of Asterisk's has reached them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from asterisk.pbx.ports import LOOPBACK
from tests.bench.cell import Cell
from tests.harness.phone import Account, Does, Phone
from tests.instruments.stage import ACME

CALL_SECONDS = 3600.0
SOON = 5.0
PAUSE = 0.002


class Landing(Phone):
    """Answers every call at once."""

    def __init__(self, account: Account) -> None:
        super().__init__(account, lambda number: Does.ANSWERS, CALL_SECONDS)
        self._arrivals: list[tuple[bytes, float]] = []

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self._arrivals.append((data.partition(b" ")[0], time.perf_counter()))
        super().datagram_received(data, addr)

    async def arrival(self, method: str, since: float) -> float:
        """The time.perf_counter() at which the first request of this method came after `since`; waits for it."""
        async with asyncio.timeout(SOON):
            while True:
                for name, at in self._arrivals:
                    if name == method.encode() and at >= since:
                        return at
                await asyncio.sleep(PAUSE)

    def hang_up(self) -> None:
        """Ends every call here."""
        for call_id in list(self._dialogs):
            self._hang_up(call_id)


@asynccontextmanager
async def landings(cell: Cell, numbers: Iterable[str]) -> AsyncIterator[dict[str, Landing]]:
    """The phones of these extensions, registered."""
    server = (LOOPBACK, cell.pbx.sip_port)
    phones = {
        number: Landing(Account(number, ACME, number, cell.pbx.secrets.phones[f"{number}@{ACME}"], server))
        for number in numbers
    }
    running = [asyncio.create_task(phone.run()) for phone in phones.values()]
    try:
        for phone in phones.values():
            await asyncio.wait_for(phone.registered.wait(), SOON)
        yield phones
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
