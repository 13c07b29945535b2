"""Names the service gives to what it makes on Asterisk, and the ids of calls.

Asterisk compares channel ids by prefix and without case, so every id here is lower-case and no id is the beginning of
another. Whatever `is_ours` was made by some replica of this service and is never a call.
"""

import re
from functools import lru_cache
from uuid import UUID, uuid4, uuid5

OURS = "patchbay-"
NAMESPACE = UUID("6f0c1f0e-6f0b-5c53-9b0c-6d1f2b9d8a11")

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_OURS = re.compile(rf"{OURS}[0-9a-f]{{32}}-[a-z]+(-[0-9a-f]{{8}})?")
_SUPERVISION = re.compile(
    rf"{OURS}([0-9a-f]{{32}})-(bridge|phone|(listen|whisper|barge)-[0-9a-f]{{8}}|tone-[0-9a-f]{{8}})"
)


def new_call_id() -> str:
    """The id of a click-to-call: a uuid4, also the unique id of its first channel."""
    return str(uuid4())


def is_call_uuid(linkedid: str) -> bool:
    """True for a linkedid that click-to-call chose, False for one that Asterisk made."""
    return _UUID.fullmatch(linkedid) is not None


@lru_cache(maxsize=1024)  # a call is read anew some ten times in its life
def call_id(linkedid: str, domain: str) -> str:
    """The id of the call that a tenant sees in a linkedid of Asterisk's own; the same in every replica."""
    return str(uuid5(NAMESPACE, f"{linkedid}/{domain}"))


def new_key() -> str:
    """A key for one supervision, one redirect or the like: 32 hexadecimal digits."""
    return uuid4().hex


def redirect_id(key: str) -> str:
    """The channel that carries out a redirect."""
    return f"{OURS}{key}-redirect"


def turn_id(linkedid: str) -> str:
    """Its half that runs the dialplan: of one id for all moves of a call, and Asterisk has one channel of an id."""
    return f"{OURS}{uuid5(NAMESPACE, linkedid).hex}-turn"


def policy_id(key: str) -> str:
    """The channel that writes one tenant's outbound limits."""
    return f"{OURS}{key}-policy"


def bridge_id(key: str) -> str:
    """The bridge in which a supervisor meets the call's Snoop channel."""
    return f"{OURS}{key}-bridge"


def phone_id(key: str) -> str:
    """The supervisor's channel."""
    return f"{OURS}{key}-phone"


def snoop_id(key: str, mode: str) -> str:
    """A new Snoop of a supervision: never an id that was used before, which Asterisk may still know."""
    return f"{OURS}{key}-{mode}-{uuid4().hex[:8]}"


def tone_id(key: str) -> str:
    """The same for a Snoop through which a supervision's tone reaches the parties, and for its playback."""
    return f"{OURS}{key}-tone-{uuid4().hex[:8]}"


def is_ours(name: str) -> bool:
    """True for an id that this module makes; an Asterisk whose systemname begins like `OURS` makes none like it."""
    return name.startswith(OURS) and _OURS.fullmatch(name) is not None


def supervision_key(name: str) -> str | None:
    """The key in the id of a supervision's channel or bridge, None for any other id."""
    found = _SUPERVISION.fullmatch(name) if name.startswith(OURS) else None
    return found.group(1) if found else None


def is_tone(name: str) -> bool:
    """True for an id that `tone_id` makes."""
    return is_ours(name) and "-tone-" in name


def snoop_mode(name: str) -> str | None:
    """The mode in the id of a Snoop of ours, None for any other id."""
    found = _SUPERVISION.fullmatch(name)
    return found.group(3) if found else None
