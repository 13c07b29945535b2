"""Lines for the operator: what happened, to which call, for which tenant, on whose request. Never a token or password.

Context travels by `bind`, so that whatever is logged while a request is served carries its ids.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pydantic import ValidationError


logger = logging.getLogger("patchbay")

_context: ContextVar[dict[str, str]] = ContextVar("context", default={})  # noqa: B039  never written, only replaced


class ContextFilter(logging.Filter):
    """Puts the bound ids behind every line as key=value."""

    def filter(self, record: logging.LogRecord) -> bool:
        ids = {**_context.get(), **getattr(record, "ids", {})}
        record.tail = "".join(f" {key}={safe(value)}" for key, value in ids.items())
        return True


def configure(level: str) -> None:
    """Logs to standard output, one line an entry."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s%(tail)s"))
    handler.addFilter(ContextFilter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


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


def outage(failures: int, error: Exception) -> None:
    """The first failure is news, its repetitions are not."""
    level = logging.DEBUG if failures else logging.WARNING
    logger.log(level, "Asterisk is out of reach, connecting again: %s", error)


def strange_event(error: ValidationError) -> None:
    logger.warning("an event that is not understood: %s", error.errors(include_url=False, include_input=False)[:3])


def safe(text: str) -> str:
    """What a client or a caller chose cannot begin a line of its own."""
    return text if text.isprintable() and " " not in text else repr(text)
