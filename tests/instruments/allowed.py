"""Every request that the service may make of Asterisk while it serves, and what may stand at each place of it.

Written from the recipes, not from the code. Whatever does not fit is strange: another path, a parameter more or twice,
a text where an id has to stand. What a client may have chosen is an extension that is there, a number, or nothing.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote


class World(Protocol):
    """What there is on the Asterisk that is asked."""

    def has_app(self, app: str) -> bool: ...

    def has_channel(self, channel_id: str) -> bool: ...

    def has_name(self, channel_name: str) -> bool: ...

    def has_endpoint(self, name: str) -> bool: ...


Kind = Callable[[str, World], bool]
"""Whether a value may stand at a place."""


def like(pattern: str) -> Kind:
    return lambda value, world: re.fullmatch(pattern, value) is not None


def word(*words: str) -> Kind:
    return lambda value, world: value in words


def own(what: str) -> Kind:
    """An id of the service's own making."""
    return like(f"patchbay-{_KEY}-{what}")


def either(*kinds: Kind) -> Kind:
    return lambda value, world: any(kind(value, world) for kind in kinds)


_KEY = "[0-9a-f]{32}"
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DOMAIN = "[a-z]+[.]test"
_EXTENSION = "[0-9A-Za-z][0-9A-Za-z_.-]{0,63}"
_NUMBER = "[+]?[0-9]{2,32}"
_ENCODED = "([0-9A-Za-z_.~+*#-]|%[0-9A-F]{2})*"
_CRC = "[0-9a-f]{8}"

NONE, KEY, TIME, DOMAIN, NUMBER = word(""), like(_KEY), like("[0-9]{10}"), like(_DOMAIN), like(_NUMBER)
CALL = like(_UUID)
RECORD = like(f"{_UUID}/{_DOMAIN}/(outbound|inbound|local)/[0-9]{{1,10}}/{_ENCODED}/{_ENCODED}")
LEG_RECORD = like(f"[ab]leg/{_ENCODED}")
SNOOP, TONE = own(f"(listen|whisper|barge)-{_CRC}"), own(f"tone-{_CRC}")
BRIDGE, PHONE = own("bridge"), own("phone")
TARGET = like(f"patchbay/{_DOMAIN}/{_EXTENSION}/{_UUID}/[0-9A-Za-z_.-]+")
REVISION = like("|[0-9a-f]{64}")
LIMITS = like(r"(|(open|stopped)/[0-9A-Za-z/^$(){}|+.\[\]*?-]*)")


def app(value: str, world: World) -> bool:
    """An application that has its event stream."""
    return world.has_app(value)


def channel(value: str, world: World) -> bool:
    return world.has_channel(value)


def channel_name(value: str, world: World) -> bool:
    return world.has_name(value)


def endpoint(value: str, world: World) -> bool:
    """An extension that is there."""
    return "@" in value and world.has_endpoint(value)


def extension(value: str, world: World) -> bool:
    """The same without its domain, in one tenant or another."""
    return any(world.has_endpoint(f"{value}@{domain}") for domain in ("acme.test", "globex.test"))


@dataclass(frozen=True)
class Shape:
    """One request, of one tenant. `asks`: method and path, in which a segment in braces is a kind of that name.

    `variables`: those of a channel that is made; `body`: what judges any other JSON body.
    """

    asks: str
    query: Mapping[str, Kind] = field(default_factory=dict)
    variables: Mapping[str, Kind] | None = None
    body: Kind | None = None

    def fits(self, method: str, target: str, body: object, world: World) -> bool:
        path, _, query = target.partition("?")
        return (
            _path_fits(self.asks, f"{method} {path}", world)
            and _all_fit(parse_qsl(query, keep_blank_values=True), self.query, world)
            and self._body_fits(body, world)
            and len(set(re.findall(_DOMAIN, f"{unquote(query)} {json.dumps(body)}"))) <= 1
        )

    def _body_fits(self, body: object, world: World) -> bool:
        if self.variables is None:
            return body is None if self.body is None else self.body(json.dumps(body), world)
        if not isinstance(body, dict) or list(body) != ["variables"]:
            return False
        return _all_fit(body["variables"].items(), self.variables, world)


def _path_fits(template: str, asked: str, world: World) -> bool:
    pairs = zip(template.split("/"), asked.split("/"), strict=False)
    same_length = template.count("/") == asked.count("/")
    return same_length and all(_segment_fits(wanted, given, world) for wanted, given in pairs)


def _segment_fits(wanted: str, given: str, world: World) -> bool:
    kind = KINDS.get(wanted)
    return wanted == given if kind is None else kind(unquote(given), world)


def _all_fit(given: object, wanted: Mapping[str, Kind], world: World) -> bool:
    pairs = list(given)  # type: ignore[call-overload]
    return sorted(name for name, _ in pairs) == sorted(wanted) and all(
        isinstance(value, str) and wanted[name](value, world) for name, value in pairs
    )


KINDS: Mapping[str, Kind] = {
    "{app}": app,
    "{leg}": channel,
    "{looked up}": like(f"{_EXTENSION}@{_DOMAIN}"),
    "{call}": CALL,
    "{phone}": PHONE,
    "{bridge}": BRIDGE,
    "{snoop}": SNOOP,
    "{tone}": TONE,
    "{snoop or tone}": either(SNOOP, TONE),
    "{redirect}": own("redirect"),
    "{policy}": own("policy"),
    "{listed}": either(CALL, PHONE, SNOOP, TONE, own("redirect"), own("policy"), channel),
    "{ours}": either(CALL, PHONE, SNOOP, TONE, channel),
    "{echo}": like(f"patchbay_{_KEY}"),
}

FORMATS = {"formats": word("alaw,ulaw")}
RINGING = {"endpoint": word("Local/ring@patchbay-ring"), "timeout": word("65"), **FORMATS}
CLICK = {**RINGING, "context": word("patchbay-dial"), "extension": NUMBER, "priority": word("1")}
REDIRECT = {
    "endpoint": word("Local/redirect@patchbay-redirect/n"),
    "timeout": word("65"),
    "app": app,
    "otherChannelId": own("turn"),
}
POLICY = {"endpoint": word("Local/write@patchbay-policy/n"), "timeout": word("65"), "app": app}

RUNG = {"PATCHBAY_ENDPOINT": endpoint, "PATCHBAY_SHOW": either(NUMBER, extension), "PATCHBAY_DUE": TIME}
DIALLED = {**RUNG, "PATCHBAY_SIDE": word("aleg"), "PATCHBAY_DOMAIN": DOMAIN}
INSIDE = {**DIALLED, "PATCHBAY_CALLERID": extension, "PATCHBAY_TRUNK": NONE, "__PATCHBAY_CALL": RECORD}
GATED = {
    **DIALLED,
    "PATCHBAY_CALLERID": NUMBER,
    "PATCHBAY_TRUNK": word("carrier"),
    "PATCHBAY_NUMBER": NUMBER,
    "PATCHBAY_RECORD": RECORD,
}
MOVED = {
    "PATCHBAY_ID": KEY,
    "PATCHBAY_CHANNEL": channel,
    "PATCHBAY_RECORD": RECORD,
    "PATCHBAY_LEG": LEG_RECORD,
    "PATCHBAY_RELEASE": either(NONE, channel_name),
    "PATCHBAY_DOMAIN": DOMAIN,
    "PATCHBAY_DUE": TIME,
    "PATCHBAY_MOST_CALLS": like("[0-9]{1,6}"),
}
TRANSFERRED = {
    **MOVED,
    "PATCHBAY_PAUSE": word("0.0", "0.3"),
    "PATCHBAY_SECONDS": word("0"),
    "PATCHBAY_CONTEXT": DOMAIN,
    "PATCHBAY_EXTEN": extension,
}
PARKED = {
    **MOVED,
    "PATCHBAY_PAUSE": word("0.0"),
    "PATCHBAY_SECONDS": like("[1-9][0-9]{0,3}"),
    "PATCHBAY_CONTEXT": word("patchbay-park"),
    "PATCHBAY_EXTEN": DOMAIN,
}
WRITTEN = {"PATCHBAY_ID": KEY, "PATCHBAY_TENANT": either(word("*"), DOMAIN), "PATCHBAY_POLICY": LIMITS}

SHAPES = [
    # watching
    Shape("GET /events", {"app": like("[0-9A-Za-z_.-]{1,80}"), "subscribeAll": word("false")}),
    Shape("POST /applications/{app}/subscription", {"eventSource": word("channel:,bridge:")}),
    Shape("PUT /applications/{app}/eventFilter", body=like(r'\{"allowed": \[(\{"type": "[A-Za-z]+"\}(, )?)+\]\}')),
    Shape("POST /events/user/{echo}", {"application": app}),
    Shape("GET /channels"),
    Shape("GET /channels/{listed}"),
    Shape("GET /bridges"),
    Shape("GET /endpoints/PJSIP"),
    Shape("GET /asterisk/info"),
    Shape(
        "GET /channels/{leg}/variable",
        {
            "variable": word(
                "CHANNEL(pjsip,remote_addr)", "CHANNEL(pjsip,target_uri)", "CHANNEL(name)", "SHARED(PATCHBAY_MOVED)"
            )
        },
    ),
    # what a client has named
    Shape("GET /endpoints/PJSIP/{looked up}"),
    # click-to-call, to an extension, to a number, to a number that has to pass the gate
    Shape("POST /channels/{call}", CLICK, INSIDE),
    Shape("POST /channels/{call}", CLICK, {**GATED, "__PATCHBAY_CALL": RECORD}),
    Shape("POST /channels/{call}", CLICK, GATED),
    # transfer and park
    Shape("POST /channels/{redirect}", REDIRECT, TRANSFERRED),
    Shape("POST /channels/{redirect}", REDIRECT, PARKED),
    # supervision
    Shape("POST /bridges/{bridge}", {"type": word("mixing"), "name": TARGET}),
    Shape(
        "POST /channels/{leg}/snoop/{snoop or tone}",
        {"app": app, "spy": word("both", "none"), "whisper": word("none", "out", "both")},
    ),
    Shape(
        "POST /bridges/{bridge}/addChannel",
        {"channel": either(SNOOP, PHONE), "inhibitConnectedLineUpdates": word("true")},
    ),
    Shape("POST /bridges/{bridge}/removeChannel", {"channel": SNOOP}),
    Shape("POST /channels/{phone}", {**RINGING, "app": app}, {**RUNG, "PATCHBAY_SIDE": NONE}),
    Shape("POST /channels/{tone}/play/{tone}", body=like(r'\{"media": \["tone:0/[0-9/,]+"\]\}')),
    Shape("GET /playbacks/{tone}"),
    Shape("DELETE /bridges/{bridge}"),
    Shape("DELETE /channels/{ours}"),
    # limits of calls outside
    Shape("GET /asterisk/variable", {"variable": word("PATCHBAY_REVISION")}),
    Shape("POST /asterisk/variable", {"variable": word("PATCHBAY_REVISION"), "value": REVISION}),
    Shape("POST /channels/{policy}", POLICY, WRITTEN),
]


def is_allowed(method: str, target: str, body: Any, world: World) -> bool:
    """Whether the service may ask this. `target` is still encoded and without /ari; `body`: None for none."""
    return any(shape.fits(method, target, body, world) for shape in SHAPES)


_BRIDGE_MADE = re.compile(rf"POST /bridges/patchbay-({_KEY})-bridge[?].*name=patchbay/({_DOMAIN})/({_EXTENSION})/")
_PHONE_RUNG = re.compile(rf"POST /channels/patchbay-({_KEY})-phone")


class Judge:
    """Keeps what was asked of one Asterisk and is strange."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._strange: list[str] = []
        self._supervisors: dict[str, str] = {}

    def hear(self, method: str, target: str, body: Any) -> None:
        """One request. Who is rung to supervise is who the bridge of this supervision is named after."""
        target = target.removeprefix("/ari")
        asked = f"{method} {target}"
        if not is_allowed(method, target, body, self._world):
            self._strange.append(f"{asked} {json.dumps(body)}")
        elif made := _BRIDGE_MADE.match(asked):
            key, domain, extension = made.groups()
            self._supervisors[key] = f"{extension}@{domain}"
        elif rung := _PHONE_RUNG.match(asked):
            wanted = self._supervisors.get(rung[1], "anybody")
            if body["variables"]["PATCHBAY_ENDPOINT"] != wanted:
                self._strange.append(f"{asked} {json.dumps(body)}: not {wanted}")

    def content(self) -> None:
        """AssertionError when there was anything, since it was asked last."""
        found, self._strange = self._strange, []
        if found:
            raise AssertionError(f"asked of Asterisk, and not allowed: {found}")


class ByShape:
    """A real Asterisk with the shipped extensions: its ids and names are known by their shape."""

    _UNIQUE_ID = re.compile(rf"[0-9A-Za-z_-]+-[0-9]{{10}}[.][0-9]+|{_UUID}")
    _NAME = re.compile(r"(PJSIP|Local)/[0-9A-Za-z_.@+-]+-[0-9a-f]{8}(;[12])?")
    _ENDPOINT = re.compile(r"10[1-5]@(acme|globex)[.]test")

    def has_app(self, app: str) -> bool:
        return app.startswith("patchbay-")

    def has_channel(self, channel_id: str) -> bool:
        return self._UNIQUE_ID.fullmatch(channel_id) is not None

    def has_name(self, channel_name: str) -> bool:
        return self._NAME.fullmatch(channel_name) is not None

    def has_endpoint(self, name: str) -> bool:
        return self._ENDPOINT.fullmatch(name) is not None
