"""A SIP client as an attacker has one: a socket and any text, with or without somebody's password."""

import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.harness.message import BRANCH, Headers, Message, build, digest, parse

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 5.0
"""A PBX answers within a ms; the rest is room for a loaded machine."""

RTP_PORT = 9
"""Offered in every SDP: the discard port, where nothing listens."""


@dataclass(frozen=True)
class Login:
    """Whom the sender claims to be in its proof, and the password it knows; or what it sends for a proof instead."""

    user: str
    password: str
    response: str = ""

    def proof(self, challenge: str, method: str, uri: str) -> str:
        """The Authorization header's text."""
        proof = digest(challenge, method, uri, self.user, self.password)
        forged = f'response="{self.response}"'
        return re.sub(r'response="[^"]*"', lambda _: forged, proof) if self.response else proof


@dataclass(frozen=True)
class Attempt:
    """One request and the answers to it, oldest first; the last is final unless the PBX fell silent."""

    call_id: str
    answers: Sequence[Message]

    @property
    def status(self) -> int:
        """Of the final answer; 0 when there was none."""
        return self.answers[-1].status if self.answers else 0


class Stranger:
    """A context manager: one UDP socket towards the PBX's SIP port."""

    def __init__(self, port: int, domain: str) -> None:
        self._pbx = (LOOPBACK, port)
        self._domain = domain
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.settimeout(ANSWER_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    @property
    def port(self) -> int:
        """The port it sends from."""
        return int(self._socket.getsockname()[1])

    def register(self, user: str, login: Login | None = None) -> Attempt:
        """REGISTER of `user`, answering the challenge when there is a login; one that leaves no contact behind."""
        uri = f"sip:{self._domain}"
        return self._proved("REGISTER", uri, user, f"<sip:{user}@{self._domain}>", login, [("Expires", "0")], "")

    def invite(
        self,
        number: str,
        user: str,
        login: Login | None = None,
        *,
        sender: str = "",
        more: Headers | None = None,
        patient: bool = True,
    ) -> Attempt:
        """INVITE of `number`, percent-encoded by the caller; `sender` is the From header's text when it is unusual.

        Who is not `patient` cancels it as soon as anything rings or is heard.
        """
        uri = f"sip:{number}@{self._domain}"
        who = sender or f"<sip:{user}@{self._domain}>"
        return self._proved("INVITE", uri, user, who, login, more or [], self._sdp(), patient)

    def ask(self, method: str, number: str, user: str) -> Attempt:
        """Any other request, without a proof."""
        return self._proved(method, f"sip:{number}@{self._domain}", user, f"<sip:{user}@{self._domain}>", None, [], "")

    def raw(self, data: bytes) -> None:
        """Whatever bytes, as one datagram."""
        self._socket.sendto(data, self._pbx)

    # -- inside -------------------------------------------------------------------

    def _proved(
        self,
        method: str,
        uri: str,
        user: str,
        sender: str,
        login: Login | None,
        more: Headers,
        body: str,
        patient: bool = True,
    ) -> Attempt:
        call_id = f"stranger-{os.urandom(6).hex()}"
        headers = [("From", f"{sender};tag={os.urandom(4).hex()}"), ("To", _to(method, uri, user, self._domain)), *more]
        self._send(method, uri, call_id, 1, headers, body)
        answers = self._answers(method, call_id)
        self._acknowledge(method, uri, call_id, 1, headers, answers)
        if login and answers and answers[-1].status == 401:
            challenge = answers[-1].get("www-authenticate")
            proof = ("Authorization", login.proof(challenge, method, uri))
            self._send(method, uri, call_id, 2, [*headers, proof], body)
            answers += self._answers(method, call_id, 2, cancel=None if patient else (uri, headers[:2]))
            self._acknowledge(method, uri, call_id, 2, headers, answers)
        return Attempt(call_id, answers)

    def _send(
        self, method: str, uri: str, call_id: str, sequence: int, headers: Headers, body: str, branch_of: str = ""
    ) -> None:
        branch = f"{BRANCH}{sequence}{call_id}{branch_of or method}"
        common = [
            ("Via", f"SIP/2.0/UDP {LOOPBACK}:{self.port};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("Call-ID", call_id),
            ("CSeq", f"{sequence} {method}"),
            ("Contact", f"<sip:stranger@{LOOPBACK}:{self.port}>"),
        ]
        self.raw(build(f"{method} {uri} SIP/2.0", [*common, *headers], body))

    def _answers(
        self, method: str, call_id: str, sequence: int = 1, cancel: tuple[str, Headers] | None = None
    ) -> list[Message]:
        """All answers up to the final one of that request, which is cancelled at its first ringing if so wanted."""
        found: list[Message] = []
        while not found or found[-1].status < 200:
            try:
                message = parse(self._socket.recv(65536))
            except TimeoutError:
                break
            if message and message.get("call-id") == call_id and message.get("cseq") == f"{sequence} {method}":
                found.append(message)
            if cancel and found and 100 < found[-1].status < 200:
                uri, headers = cancel
                self._send("CANCEL", uri, call_id, sequence, headers, "", branch_of="INVITE")
                cancel = None
        return found

    def _acknowledge(
        self, method: str, uri: str, call_id: str, sequence: int, headers: Headers, answers: Sequence[Message]
    ) -> None:
        if method == "INVITE" and answers and answers[-1].status >= 200:
            sender = next(value for name, value in headers if name == "From")
            to = answers[-1].get("to")
            self._send("ACK", uri, call_id, sequence, [("From", sender), ("To", to)], "")

    def _sdp(self) -> str:
        return (
            f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
            f"m=audio {RTP_PORT} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )


def _to(method: str, uri: str, user: str, domain: str) -> str:
    return f"<sip:{user}@{domain}>" if method == "REGISTER" else f"<{uri}>"
