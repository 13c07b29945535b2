"""SIP messages as text: taken apart, put together, and the digest that proves who sends."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

BRANCH = "z9hG4bK"  # RFC 3261's mark of a branch that is unique
COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]+))')

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Message:
    """A request or an answer; header names are lower case."""

    first: str
    headers: Headers
    body: str

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str:
        """The first value of a header, empty when there is none."""
        return next(iter(self.all(name)), "")

    @property
    def method(self) -> str:
        """Of a request, or of the request that an answer is for."""
        return self.get("cseq").partition(" ")[2] if self.status else self.first.partition(" ")[0]

    @property
    def status(self) -> int:
        """Of an answer; 0 for a request."""
        return int(self.first.split(" ")[1]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def target(self) -> str:
        """The number a request is for: the user part of its URI."""
        return user_of(self.first.split(" ")[1])


def parse(data: bytes) -> Message | None:
    """The message in a datagram; None for anything else, such as a keep-alive."""
    head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    if "SIP/2.0" not in first:
        return None
    pairs = [line.partition(":")[::2] for line in lines if ":" in line]
    return Message(first, [(_name(key), value.strip()) for key, value in pairs], body)


def answer(request: Message, status: str, tag: str, more: Headers | None = None, body: str = "") -> bytes:
    """The answer to a request; `tag` is ours for the dialog."""
    to = request.get("to")
    headers = [("Via", via) for via in request.all("via")]
    headers += [("Record-Route", route) for route in request.all("record-route")]
    headers += [("From", request.get("from")), ("To", to if ";tag=" in to else f"{to};tag={tag}")]
    headers += [("Call-ID", request.get("call-id")), ("CSeq", request.get("cseq")), *(more or [])]
    return build(f"SIP/2.0 {status}", headers, body)


def build(first: str, headers: Iterable[tuple[str, str]], body: str = "") -> bytes:
    """A whole message."""
    kind = [("Content-Type", "application/sdp")] if body else []
    lines = [f"{name}: {value}" for name, value in [*headers, *kind, ("Content-Length", str(len(body)))]]
    return "\r\n".join([first, *lines, "", body]).encode()


def digest(challenge: str, method: str, uri: str, user: str, password: str) -> str:
    """The value of an Authorization header that answers a Digest challenge with MD5."""
    given = {name.lower(): quoted or bare for name, quoted, bare in PARAMETER.findall(challenge)}
    who = _md5(f"{user}:{given['realm']}:{password}")
    what = _md5(f"{method}:{uri}")
    fields = f'username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", algorithm=MD5'
    if "qop" in given:
        own = secrets.token_hex(4)
        fields += f', qop=auth, nc=00000001, cnonce="{own}"'
        response = _md5(f"{who}:{given['nonce']}:00000001:{own}:auth:{what}")
    else:
        response = _md5(f"{who}:{given['nonce']}:{what}")
    if "opaque" in given:
        fields += f', opaque="{given["opaque"]}"'
    return f'Digest {fields}, response="{response}"'


def uri_of(header: str) -> str:
    """The URI in a From, To or Contact header."""
    found = re.search(r"<([^>]*)>", header)
    return found[1] if found else header.partition(";")[0].strip()


def user_of(uri: str) -> str:
    """The user part of a SIP URI."""
    return uri.removeprefix("sip:").partition("@")[0].partition(";")[0]


def _name(text: str) -> str:
    name = text.strip().lower()
    return COMPACT.get(name, name)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
