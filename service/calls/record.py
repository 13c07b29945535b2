"""What a call carries on its channels, so that any replica can read it back after a restart.

Two channel variables, both listed in ari.conf's `channelvars`:
PATCHBAY_CALL  <call id>/<domain>/<direction>/<created>/<source>/<destination>, inherited by every leg dialled later;
PATCHBAY_LEG   <side>/<number of the other side>, on one leg alone.
Numbers are percent-encoded: a caller chooses their own, and they pass through a dialplan.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote, unquote

KEPT = 1024  # texts: the same one comes with every event of every leg, and reading it is a seventh of applying one
_SECONDS = re.compile(r"[0-9]{1,10}")


class Side(StrEnum):
    """Who called and who was called; a moved leg keeps its side. Side(text) raises ValueError for any other word."""

    ALEG = "aleg"
    BLEG = "bleg"

    @property
    def other(self) -> "Side":
        return Side.BLEG if self is Side.ALEG else Side.ALEG


class Direction(StrEnum):
    """Between whom: extension to outside, outside to extension, extension to extension."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as it was when the service made it or moved one of its legs. `created` is in seconds since 1970."""

    call_id: str
    domain: str
    direction: Direction
    created: int
    source: str
    destination: str

    def render(self) -> str:
        parts = (self.call_id, self.domain, self.direction, str(self.created))
        return "/".join((*parts, _encoded(self.source), _encoded(self.destination)))

    @classmethod
    @lru_cache(maxsize=KEPT)
    def parse(cls, text: str) -> "CallRecord | None":
        """The record in a channel variable, None when there is none or somebody else wrote it."""
        parts = text.split("/")
        if len(parts) != 6 or _SECONDS.fullmatch(parts[3]) is None:
            return None
        call_id, domain, direction, created, source, destination = parts
        try:
            return cls(call_id, domain, Direction(direction), int(created), unquote(source), unquote(destination))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class LegRecord:
    """The side of a leg that was rung or moved by the service, and who stands on the other side while nobody does."""

    side: Side
    peer: str = ""

    def render(self) -> str:
        return f"{self.side}/{_encoded(self.peer)}"

    @classmethod
    @lru_cache(maxsize=KEPT)
    def parse(cls, text: str) -> "LegRecord | None":
        """The record in a channel variable, None when there is none."""
        if not text:
            return None
        side, _, peer = text.partition("/")
        try:
            return cls(Side(side), unquote(peer))
        except ValueError:
            return None


def _encoded(number: str) -> str:
    return quote(number, safe="+*#", errors="replace")
