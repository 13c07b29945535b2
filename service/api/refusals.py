"""What becomes of requests whose token does not do: they are counted, told in the log, and answered at a walking pace.

Only a refusal waits. A token that does is never held up, whatever its neighbours behind the same address try. So this
is no lock against guessing, for which 256 random bits are enough; it keeps those who try from costing much.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from ipaddress import IPv6Address, IPv6Network, ip_address

from service.log import logger
from service.metrics import Metrics
from service.pace import Pace

BURST, INTERVAL = 10, 0.5  # from one address ten at once, a client's honest mistakes, then two a second
ALL_BURST, ALL_INTERVAL = 1000, 0.01  # from everywhere, for who has many addresses
LONGEST_WAIT = 1.0  # seconds; a stop of the service waits for longer
MOST_WAITING = 100  # connections held open for nothing
WARNING_INTERVAL = 60.0  # seconds between two lines about one address
ALL_WARNINGS, ALL_WARNINGS_INTERVAL = 10, 10.0


class Reason(StrEnum):
    """Why a request was refused; `disabled`: the token's tenant is."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    DISABLED = "disabled"
    SCOPE = "scope"


class Refusals:
    """Of one service."""

    def __init__(
        self,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._counted = {reason: metrics.auth_failures.labels(reason) for reason in Reason}
        self._sleep = sleep
        self._answers = Pace(BURST, INTERVAL, clock)
        self._all_answers = Pace(ALL_BURST, ALL_INTERVAL, clock)
        self._warnings = Pace(1, WARNING_INTERVAL, clock)
        self._all_warnings = Pace(ALL_WARNINGS, ALL_WARNINGS_INTERVAL, clock)
        self._untold = 0
        self._waiting = 0

    def note(self, reason: Reason, source: str) -> None:
        """Counts one, and tells of it unless the log has enough of them."""
        self._counted[reason].inc()
        if self._warnings.turn(source) is None or self._all_warnings.turn() is None:
            self._untold += 1
            return
        logger.warning("no access for %s: %s; %d more since the last such line", source, reason, self._untold)
        self._untold = 0

    async def turn(self, source: str) -> bool:
        """Waits until a refusal may be answered; False at once where too many wait already."""
        wait = self._answers.turn(source, LONGEST_WAIT)
        if wait is None or self._all_answers.turn() is None:
            return False
        return wait == 0 or await self._waited(wait)

    async def _waited(self, seconds: float) -> bool:
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            await self._sleep(seconds)
        finally:
            self._waiting -= 1
        return True


def source_of(client: tuple[str, int] | None) -> str:
    """Who asks: an IPv4 address, the /64 of an IPv6 one (a single customer has all of it), "-" for what is neither."""
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return "-"
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((int(address) >> 64 << 64, 64)))
