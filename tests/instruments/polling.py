"""Waiting without sleeping blindly: ask again until it is so, or say what was seen last."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.01
"""Seconds between two looks: short against a phone's 20 ms packet, long enough not to eat a core."""


def eventually(check: Callable[[], T], *, deadline: float = 5.0, message: str = "", pause: float = PAUSE) -> T:
    """Return the first truthy value of `check`; after `deadline` seconds AssertionError with the last one."""
    end = time.monotonic() + deadline
    while not (value := check()):
        if time.monotonic() >= end:
            raise AssertionError(f"{message or 'not so'} within {deadline} s; last seen: {value!r}")
        time.sleep(pause)
    return value
