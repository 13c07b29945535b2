"""An HTTP client that does with its connection whatever a socket allows, and waits for what comes back."""

import select
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

WAIT_SECONDS = 15.0
PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Answer:
    """One answer: names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def seen(self) -> tuple[int, bytes]:
        """What a client sees first."""
        return self.status, self.body

    @property
    def like(self) -> tuple[int, dict[str, str], bytes]:
        """All of it but the date."""
        return self.status, {name: value for name, value in self.headers.items() if name != "date"}, self.body


def request(method: str, path: str, token: str = "", body: bytes | None = None, *more: str) -> bytes:
    """A whole request; `more` are further lines of its head. Without a body of known length there is none."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *more]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [] if body is None else [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def trickle(pieces: Mapping["Wire", bytes]) -> None:
    """On each wire the same piece again and again, with pauses, until something comes back on all of them."""
    for _ in range(int(WAIT_SECONDS / PAUSE_SECONDS)):
        waiting = [wire for wire in pieces if not wire.told]
        if not waiting:
            return
        for wire in waiting:
            with suppress(ConnectionError):
                wire.say(pieces[wire])
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"nothing came within {WAIT_SECONDS} s")


class Wire:
    """A connection, from the address `source` of this machine; all of 127.0.0.0/8 is this machine."""

    def __init__(self, port: int, source: str = "", receive_buffer: int = 0, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((source, 0))
        self.socket.settimeout(WAIT_SECONDS)
        self.socket.connect((host, port))
        self._read = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def say_no_more(self) -> None:
        """Closes our half."""
        self.socket.shutdown(socket.SHUT_WR)

    def hear(self) -> Answer:
        """The next answer."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return Answer(int(first.split()[1]), headers, body)

    def rest(self) -> bytes:
        """All that comes until the connection is closed, which it must be."""
        with suppress(ConnectionError):
            while some := self.socket.recv(65536):
                self._read += some
        return self._read

    @property
    def closed(self) -> bool:
        """Whether the other side has closed it, at this moment and without having said anything."""
        try:
            return self.told and self.socket.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            return True

    @property
    def told(self) -> bool:
        """Whether something has come, be it the end of the connection."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def _more(self) -> None:
        some = self.socket.recv(65536)
        assert some, f"closed after {self._read!r}"
        self._read += some
