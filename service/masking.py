"""Blots out tokens that a client has put where they do not belong: into a path, a request id, a field of a body.

Tokens are known by their hashes alone, so every word that could be one is looked up.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

MASK = "[token]"
SHORTEST = 12  # a token of fewer signs is none to rely on, and most words of a line are shorter

IsSecret = Callable[[str], bool]

# The signs a token can be made of, RFC 6750, and the percent sign of encoded ones.
_WORD = re.compile(rf"[0-9A-Za-z._~+/=%-]{{{SHORTEST},}}")
_BETWEEN = re.compile(r"[^0-9A-Za-z._~+/=-]+")


def mask(text: str, is_secret: IsSecret) -> str:
    """The text without the words that are secrets, percent-encoded, behind a `key=` or between slashes.

    One that has a slash itself is known alone or with the slash encoded, not among the segments of a path.
    """

    def masked(word: str) -> str:
        secret = next((reading for reading in _readings(word) if is_secret(reading)), None)
        if secret is not None:
            return word.replace(secret, MASK) if secret in word else MASK
        return "/".join(map(masked, word.split("/"))) if "/" in word else word

    return _WORD.sub(lambda word: masked(word[0]), text)


def _readings(word: str) -> Iterator[str]:
    """All that a word may say and that is long enough: it, decoded, and what stands behind its equals signs."""
    for part in _BETWEEN.split(unquote(word)) if "%" in word else [word]:
        starts = (0, *(at + 1 for at, sign in enumerate(part) if sign == "="))
        yield from (part[start:] for start in starts if len(part) - start >= SHORTEST)
