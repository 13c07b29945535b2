"""Which numbers a tenant may call outside and how often: the tenants file's words, and what the gate reads.

Patterns are Asterisk's, without the underscore: digits, a leading +, X (0 to 9), Z (1 to 9), N (2 to 9), sets such as
[1-57], and a dot at the end for one or more digits. A pattern stands for the whole number, exactly as it is dialled:
the same subscriber behind 00, + or a carrier's prefix is another number, which a list of what is allowed leaves out.
"""

import re
from itertools import groupby
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

MOST_CHARACTERS = 900  # of each list as the gate reads it: Asterisk compares all of it twice over in 4,096

_ELEMENTS = {"+": "[+]", "X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": "[0-9]+"}
_ELEMENT = re.compile(r"\[[0-9-]+\]|.", re.DOTALL)
_SET = r"\[(?:[0-9](?:-[0-9])?)+\]"
_PATTERN = re.compile(rf"\+?(?:[0-9XZN]|{_SET})+\.?|\+?\.")
_NOTHING = "^$"  # matches no number


def _pattern(text: str) -> str:
    if len(text) > 64 or _PATTERN.fullmatch(text) is None:
        raise ValueError(
            f"{text[:70]!r} is no pattern: give digits, X, Z, N, sets such as [1-5], a + in front, a dot at the end"
        )
    try:
        re.compile(expression((text,)))
    except re.error:
        raise ValueError(f"{text!r} has a set that goes backwards") from None
    return text


def _short(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if len(expression(patterns)) > MOST_CHARACTERS:
        raise ValueError("too many patterns for Asterisk to look through; put several into one, with X or a dot")
    return patterns


Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1), AfterValidator(_short)]
# Too short to be anybody's number, so that nobody gets round a limit with one.
Emergency = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,6}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Outbound(_Entry):
    """One tenant's limits; what is not given is not limited. `per_minute` and `per_day` look back 60 s and 24 hours."""

    enabled: bool = True
    allow: Patterns | None = None
    deny: Patterns | None = None
    at_once: Annotated[int, Field(ge=1, le=500)] | None = None
    per_minute: Annotated[int, Field(ge=1, le=10_000)] | None = None
    per_day: Annotated[int, Field(ge=1, le=100_000)] | None = None

    @model_validator(mode="after")
    def _deny_takes_from_allow(self) -> "Outbound":
        """Alone it would leave open every other way to write the same number."""
        if self.deny and not self.allow:
            raise ValueError("deny needs allow beside it, from which it takes away")
        return self

    @property
    def limited(self) -> bool:
        """Whether anything at all is said."""
        return self != Outbound()

    def render(self) -> str:
        """As patchbay-rules and patchbay-count read it; empty: no limit."""
        if not self.limited:
            return ""
        counts = (str(count or 0) for count in (self.at_once, self.per_minute, self.per_day))
        allow = expression(self.allow) if self.allow else expression((".", "+."))
        deny = expression(self.deny) if self.deny else _NOTHING
        return "/".join((_word(self.enabled), *counts, allow, deny))


class Switch(_Entry):
    """What holds for all tenants: one switch, and the numbers that are never refused and never counted."""

    enabled: bool = True
    emergency: tuple[Emergency, ...] = ("112", "113", "114", "115")

    def render(self) -> str:
        """As patchbay-rules reads it."""
        return "/".join((_word(self.enabled), expression(self.emergency) if self.emergency else _NOTHING))


def expression(patterns: tuple[str, ...]) -> str:
    """The POSIX extended regular expression that matches what one of the patterns does."""
    return f"^({'|'.join(_expression(pattern) for pattern in patterns)})$"


def _expression(pattern: str) -> str:
    parts = (_ELEMENTS.get(element, element) for element in _ELEMENT.findall(pattern))
    return "".join(_times(part, len(list(same))) for part, same in groupby(parts))


def _times(part: str, count: int) -> str:
    return f"{part}{{{count}}}" if count > 1 and part.startswith("[") else part * count


def _word(enabled: bool) -> str:
    return "open" if enabled else "stopped"
