"""What a check says: how it stands, about what, and what to write into which file."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """OK: as it should be. WARN: works, with a risk, or could not be looked at. FAIL: something will not work."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the output; `remedy` is empty when there is nothing to mend."""

    level: Level
    subject: str
    text: str
    remedy: str = ""


def ok(subject: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(Level.OK, subject, text)


def warn(subject: str, text: str, remedy: str) -> Finding:
    """It works, with a risk."""
    return Finding(Level.WARN, subject, text, remedy)


def fail(subject: str, text: str, remedy: str) -> Finding:
    """Something will not work."""
    return Finding(Level.FAIL, subject, text, remedy)


def unseen(subject: str, why: object, remedy: str = "mend the lines above, then check again") -> Finding:
    """It was not looked at, because something else is in the way."""
    return Finding(Level.WARN, subject, f"not looked at: {why}", remedy)


def put(file: str, section: str, line: str, then: str = "") -> str:
    """The remedy that is one line of a file of Asterisk's; `then` is the console command that makes it count."""
    after = f"; then, on Asterisk's console: {then}" if then else ""
    return f"in {file}, [{section}]: {line}{after}"


def some(names: Sequence[str], most: int = 5) -> str:
    """The names, the first few of many."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
