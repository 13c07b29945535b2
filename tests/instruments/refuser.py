"""A phone that answers every INVITE with one status, for those baresip cannot send: 302, 603 and the rest."""

import hashlib
import re
import secrets
import socket
import threading
from types import TracebackType
from typing import Self

from tests.instruments.callbook import number_of
from tests.instruments.control import PhoneError
from tests.instruments.polling import eventually

EXPIRES = 600
"""Seconds a registration holds, longer than any test: it is never renewed."""

ANSWER = 5.0
"""Seconds the registrar has."""


class Refuser:
    """`user`@`domain`, registered at `proxy` (host:port); `status` is what it answers, such as `603 Decline`.

    With 302, `contact` is the SIP URI to call instead. `rings` holds the caller's number of each INVITE. It registers
    as `known`, a text in which {port} is its own, in place of its user.
    """

    def __init__(
        self, user: str, domain: str, *, password: str, proxy: str, status: str, contact: str = "", known: str = ""
    ) -> None:
        self._user, self._domain, self._password = user, domain, password
        self._status, self._contact, self._known = status, contact, known or user
        host, _, port = proxy.rpartition(":")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect((host, int(port)))
        self._registered = ""
        self._challenged = False
        self._expires = EXPIRES
        self._requests = 0
        self._tag = secrets.token_hex(4)
        self._call_id = secrets.token_hex(8)
        self._seen: set[str] = set()
        self.rings: list[str] = []

    def start(self) -> Self:
        """Register; PhoneError when the registrar will not have it."""
        threading.Thread(target=self._serve, daemon=True).start()
        said = self._ask_registrar(EXPIRES)
        if not said.startswith("200"):
            raise PhoneError(f"{self._user}@{self._domain} not registered: {said}")
        return self

    def stop(self) -> None:
        """Unregister and end; may be repeated."""
        if self._socket.fileno() >= 0:
            self._ask_registrar(0)
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        while True:
            try:
                message = self._socket.recv(65536).decode(errors="replace")
            except ConnectionRefusedError:
                continue
            except OSError:
                return
            if not message:
                return
            if message.startswith("SIP/2.0 "):
                self._take_answer(message)
            elif message.startswith("INVITE "):
                self._refuse(message)
            elif not message.startswith("ACK "):
                self._reply(message, "200 OK")

    def _take_answer(self, message: str) -> None:
        status = message.splitlines()[0].removeprefix("SIP/2.0 ")
        challenge = re.search(r"^WWW-Authenticate:\s*Digest\s+(.*)$", message, re.MULTILINE | re.IGNORECASE)
        if status.startswith("401") and challenge and not self._challenged:
            self._challenged = True
            self._register(self._digest(challenge[1]))
        elif not status.startswith("1"):
            self._registered = status

    def _refuse(self, invite: str) -> None:
        if (call_id := _header(invite, "Call-ID")[0]) not in self._seen:
            self._seen.add(call_id)
            self.rings.append(number_of(re.split("[<>]", _header(invite, "From")[0])[1]))
        self._reply(invite, self._status, *([f"Contact: <{self._contact}>"] if self._contact else []))

    def _reply(self, request: str, status: str, *more: str) -> None:
        (to,) = _header(request, "To")
        self._send(
            f"SIP/2.0 {status}",
            *(f"Via: {via}" for via in _header(request, "Via")),
            f"From: {_header(request, 'From')[0]}",
            f"To: {to}" if ";tag=" in to else f"To: {to};tag={self._tag}",
            f"Call-ID: {_header(request, 'Call-ID')[0]}",
            f"CSeq: {_header(request, 'CSeq')[0]}",
            *more,
        )

    def _ask_registrar(self, expires: int) -> str:
        """What it says to a registration for so many seconds."""
        self._expires, self._registered, self._challenged = expires, "", False
        self._register()
        return eventually(lambda: self._registered, deadline=ANSWER, message=f"{self._user}: no answer to REGISTER")

    def _register(self, *more: str) -> None:
        self._requests += 1
        here = "{}:{}".format(*self._socket.getsockname())
        self._send(
            f"REGISTER sip:{self._domain} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{secrets.token_hex(8)};rport",
            f"From: <sip:{self._user}@{self._domain}>;tag={self._tag}",
            f"To: <sip:{self._user}@{self._domain}>",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._requests} REGISTER",
            "Max-Forwards: 70",
            f"Contact: <sip:{self._known.format(port=self._socket.getsockname()[1])}@{here}>;expires={self._expires}",
            *more,
        )

    def _digest(self, challenge: str) -> str:
        given = {name.lower(): quoted or bare for name, quoted, bare in PARAMETER.findall(challenge)}
        realm, nonce, uri = given["realm"], given["nonce"], f"sip:{self._domain}"
        who = _md5(f"{self._user}:{realm}:{self._password}")
        fields = f'username="{self._user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5'
        what = _md5(f"REGISTER:{uri}")
        if "qop" in given:
            own = secrets.token_hex(4)
            response = _md5(f"{who}:{nonce}:00000001:{own}:auth:{what}")
            fields += f', qop=auth, nc=00000001, cnonce="{own}"'
        else:
            response = _md5(f"{who}:{nonce}:{what}")
        opaque = f', opaque="{given["opaque"]}"' if "opaque" in given else ""
        return f'Authorization: Digest {fields}, response="{response}"{opaque}'

    def _send(self, *lines: str) -> None:
        self._socket.send("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())


PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]+))')


def _header(message: str, name: str) -> list[str]:
    return [value.strip() for value in re.findall(rf"^{name}:(.*)$", message, re.MULTILINE | re.IGNORECASE)]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
