"""Lines for the operator: what happened, to which call, for which tenant, on whose request. Never a token or password.

Context travels by `bind`, so that whatever is logged while a request is served carries its ids.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from pydantic import ValidationError

from service.masking import IsSecret, mask
from service.pace import Pace

logger = logging.getLogger("patchbay")

LONGEST_VALUE = 200  # of what others chose: an absurdly long call id makes no long line
STRANGE_LINES, STRANGE_SECONDS = 5, 60.0  # so many at once, then one in this time: the shape is news, not the number
MOST_FAULTS = 3  # of one event; a channel of another shape has a dozen

_context: ContextVar[dict[str, str]] = ContextVar("context", default={})  # noqa: B039  never written, only replaced


class ContextFilter(logging.Filter):
    """Gives every entry the bound ids: as `ids`, and as `tail` in key=value form."""

    def filter(self, record: logging.LogRecord) -> bool:
        given = _context.get() | getattr(record, "ids", {})
        ids = {key: value[:LONGEST_VALUE] for key, value in given.items()}
        record.__dict__["ids"] = ids
        record.tail = "".join(f" {key}={safe(value)}" for key, value in ids.items())
        return True


class Lines(logging.Formatter):
    """An entry begins a line, all that follows in it is indented, and nothing in it commands a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n    ".join(_printable(line) for line in super().format(record).splitlines())


class JsonLines(logging.Formatter):
    """An entry is one JSON object on one line: time (UTC), level, message, the ids, and a fault's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "ids", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


class Masked(logging.Formatter):
    """What another formatter makes of an entry, with every secret in it blotted out."""

    def __init__(self, inner: logging.Formatter, is_secret: IsSecret) -> None:
        super().__init__()
        self._inner = inner
        self._is_secret = is_secret

    def format(self, record: logging.LogRecord) -> str:
        return mask(self._inner.format(record), self._is_secret)


def configure(level: str, is_secret: IsSecret, *, as_json: bool = False) -> None:
    """Logs to standard error. What libraries tell at debug stays out: websockets prints the ARI password there."""
    handler = logging.StreamHandler()
    lines = JsonLines() if as_json else Lines("%(asctime)s %(levelname)-7s %(message)s%(tail)s")
    handler.setFormatter(Masked(lines, is_secret))
    handler.addFilter(ContextFilter())
    own = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(own, logging.INFO), handlers=[handler], force=True)
    logger.setLevel(own)


@contextmanager
def bind(**ids: str) -> Iterator[None]:
    """Adds ids to whatever is logged inside."""
    token = _context.set({**_context.get(), **ids})
    try:
        yield
    finally:
        _context.reset(token)


def rebind(**ids: str) -> None:
    """Adds ids to whatever is logged from here to the end of the surrounding `bind`."""
    _context.set({**_context.get(), **ids})


def bound(name: str) -> str:
    """The bound id of this name, "" when there is none."""
    return _context.get().get(name, "")


def outage(failures: int, error: Exception) -> None:
    """The first failure is news, its repetitions are not."""
    level = logging.DEBUG if failures else logging.WARNING
    logger.log(level, "Asterisk is out of reach, connecting again: %s", error)


class StrangeEvents:
    """Events of a shape we do not know: what they hold stays out of the log, and so does a flood of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = Pace(STRANGE_LINES, STRANGE_SECONDS, clock)
        self._untold = 0

    def tell(self, error: ValidationError) -> None:
        """A line about this one, unless there were many lately; those without a line are counted in the next."""
        if self._pace.turn() is None:
            self._untold += 1
            return
        untold, self._untold = self._untold, 0
        more = f", after {untold} others," if untold else ""
        logger.warning("an event%s that is not understood: %s", more, _faults(error))


def safe(text: str) -> str:
    """What a client or a caller chose cannot begin a line of its own."""
    return text if text.isprintable() and " " not in text else repr(text)


def _faults(error: ValidationError) -> str:
    """Where in the event, and what is wrong with it there."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[:MOST_FAULTS]
    places = (".".join(map(str, one["loc"]))[:LONGEST_VALUE] for one in found)
    return "; ".join(
        f"{safe(place)}: {one['msg']}" if place else one["msg"] for place, one in zip(places, found, strict=True)
    )


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)
