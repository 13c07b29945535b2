"""One tenant's calls: oldest first, and found by every id they have or had.

Kept in order as they come and go, so that nothing is sorted or searched when somebody asks, and a look-up takes as long
for an id that does not exist as for one that does.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

from service.calls.model import Age, Call


class Roll:
    """The calls of one tenant."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._order: list[Age] = []
        self._former: dict[str, set[Age]] = {}
        self._by_leg: dict[str, str] = {}

    def find(self, call_id: str) -> Call | None:
        return self._calls.get(call_id)

    def with_leg(self, channel_id: str) -> Call | None:
        return self._calls.get(self._by_leg.get(channel_id, ""))

    def formerly(self, call_id: str) -> Call | None:
        """The oldest of the calls that had this id before they were merged."""
        ages = self._former.get(call_id)
        return self._at(min(ages)) if ages else None

    def put(self, call: Call) -> None:
        self._calls[call.id] = call
        insort(self._order, call.age)
        for alias in call.aliases:
            self._former.setdefault(alias, set()).add(call.age)
        self._by_leg |= dict.fromkeys(call.channels, call.id)

    def drop(self, call: Call) -> None:
        del self._calls[call.id]
        del self._order[bisect_left(self._order, call.age)]
        for alias in call.aliases:
            self._former[alias].discard(call.age)
            if not self._former[alias]:
                del self._former[alias]
        for leg in call.channels:
            if self._by_leg.get(leg) == call.id:  # it may have gone over to another call before this one was told
                del self._by_leg[leg]

    def replace(self, before: Call, after: Call) -> None:
        """Puts a call in the place of what it was; most changes leave it where it stands."""
        if (before.age, before.aliases, before.channels) == (after.age, after.aliases, after.channels):
            self._calls[after.id] = after
        else:
            self.drop(before)
            self.put(after)

    def __iter__(self) -> Iterator[Call]:
        return map(self._at, self._order)

    def __len__(self) -> int:
        return len(self._order)

    def _at(self, age: Age) -> Call:
        return self._calls[age[-1]]
