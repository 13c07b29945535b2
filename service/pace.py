"""How often something may happen, in a bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEYS = 4096  # some 100 bytes each


class Pace:
    """For each key `burst` turns at once, then one every `interval` seconds. The key longest unused is forgotten."""

    def __init__(self, burst: int, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._credit = (burst - 1) * interval
        self._interval = interval
        self._clock = clock
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def turn(self, key: str = "", patience: float = 0.0) -> float | None:
        """Takes the key's next turn; the seconds until it comes, or None where that is beyond `patience`: not taken."""
        now = self._clock()
        paid_until = max(now, self._paid_until.get(key, now))
        wait = max(0.0, paid_until - now - self._credit)
        if wait > patience:
            return None
        self._paid_until[key] = paid_until + self._interval
        self._paid_until.move_to_end(key)
        if len(self._paid_until) > MOST_KEYS:
            self._paid_until.popitem(last=False)
        return wait

    def __len__(self) -> int:
        return len(self._paid_until)
