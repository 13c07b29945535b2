"""Is this Asterisk new enough? By the rule of asterisk/pbx/installation.py; a test holds the two together."""

import re

from service.check.finding import Finding, fail, ok, warn
from service.check.look import Look

Version = tuple[int, ...]

FLOORS: dict[int, Version] = {20: (20, 20), 22: (22, 10), 23: (23, 4)}
NEWEST_KNOWN = max(FLOORS)
REASON = "older ones lack security fixes, and 22.9 deadlocks"
SUBJECT = "version"

_NUMBER = re.compile(r"(certified[/-])?(\d+(?:\.\d+)*)")


def floors() -> str:
    """The floor of each series, for people."""
    return ", ".join(".".join(map(str, floor)) for floor in FLOORS.values())


def parse(text: str) -> Version:
    """The numbers a version begins with (22.10.1+dfsg-1: 22, 10, 1); empty when there are none."""
    found = _NUMBER.match(text)
    return tuple(int(part) for part in found[2].split(".")) if found else ()


def new_enough(version: Version) -> bool:
    """Whether the service is known, or new enough to be expected, to work with this Asterisk."""
    if not version:
        return False
    if version[0] > NEWEST_KNOWN:
        return True
    floor = FLOORS.get(version[0])
    return floor is not None and version >= floor


async def check(look: Look) -> list[Finding]:
    """The version Asterisk says it has."""
    return [judge((await look.ari.asterisk_get_info()).system.version)]


def judge(text: str) -> Finding:
    """What is to be said of this version."""
    remedy = f"install Asterisk {floors()} or newer (Debian has 22.10 from forky on)"
    version = parse(text)
    if not version:
        return warn(SUBJECT, f"{text!r} is no release and cannot be compared; {REASON}", remedy)
    if not new_enough(version):
        return fail(SUBJECT, f"{text} is below the floor ({floors()}): {REASON}", remedy)
    return ok(SUBJECT, f"{text}, not below the floor ({floors()}: {REASON})")
