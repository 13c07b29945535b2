"""Which supervisions a call has, without a look at all of them: most events concern a call that has none."""

from collections.abc import Iterable, KeysView


class Ties:
    """Leads from the ids of a call and its legs to the keys of the supervisions that name one of them."""

    def __init__(self) -> None:
        self._named: dict[str, frozenset[str]] = {}
        self._naming: dict[str, set[str]] = {}

    @property
    def keys(self) -> KeysView[str]:
        return self._named.keys()

    def __len__(self) -> int:
        return len(self._named) + len(self._naming)

    def tie(self, key: str, named: frozenset[str]) -> None:
        """This is what the supervision names from now on; it may be nothing yet."""
        before = self._named.get(key, frozenset())
        self._named[key] = named
        for reference in named - before:
            self._naming.setdefault(reference, set()).add(key)
        for reference in before - named:
            self._naming[reference].discard(key)
            if not self._naming[reference]:
                del self._naming[reference]

    def untie(self, key: str) -> None:
        if key in self._named:
            self.tie(key, frozenset())
            del self._named[key]

    def of(self, references: Iterable[str]) -> set[str]:
        """The keys of the supervisions that name any of these."""
        return {key for reference in references for key in self._naming.get(reference, ())}
