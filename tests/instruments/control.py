"""baresip's ctrl_tcp: commands and events as JSON netstrings over one TCP connection."""

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from tests.instruments.polling import eventually

Event = dict[str, Any]

ANSWER = 5.0
"""Seconds a command may take: baresip answers within a ms, the rest is room for a loaded machine."""


class PhoneError(AssertionError):
    """A phone did not do what it was told, or is gone."""


class Control:
    """One connection; `on_event` is called on the reading thread and must not wait for an answer of `ask`."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._socket: socket.socket | None = None
        self._tokens = itertools.count(1)
        self._answers: dict[str, Event] = {}
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._open = False

    def connect(self, port: int, alive: Callable[[], bool], deadline: float) -> None:
        """Connect once the port listens; AssertionError when not `alive` or after `deadline` seconds."""

        def attempt() -> socket.socket | None:
            if not alive():
                raise PhoneError("the process ended")
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1)
            except OSError:
                return None

        connection = eventually(attempt, deadline=deadline, message="no answer on the control port")
        assert connection is not None
        connection.settimeout(None)
        self._socket, self._open = connection, True
        threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def ask(self, command: str, params: str = "") -> str:
        """Send a command and return what it printed; PhoneError when refused, unanswered or disconnected."""
        token = self.tell(command, params)
        with self._changed:
            self._changed.wait_for(lambda: token in self._answers or not self._open, ANSWER)
            answer = self._answers.pop(token, None)
        if answer is None:
            raise PhoneError(f"no answer to {command} {params}".rstrip())
        if not answer.get("ok"):
            raise PhoneError(f"{command} {params} refused: {answer.get('data')}")
        return str(answer.get("data", ""))

    def tell(self, command: str, params: str = "") -> str:
        """Send a command without waiting; returns the token its answer will carry."""
        token = str(next(self._tokens))
        message: Event = {"command": command, "token": token} | ({"params": params} if params else {})
        data = json.dumps(message).encode()
        try:
            with self._sending:
                if self._socket is None:
                    raise PhoneError(f"{command}: not connected")
                self._socket.sendall(b"%d:%b," % (len(data), data))
        except OSError as exc:
            raise PhoneError(f"{command}: {exc}") from exc
        return token

    def close(self) -> None:
        """Disconnect; may be repeated."""
        with self._sending:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                self._socket.close()
                self._socket = None

    def _read(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError):
                for message in _netstrings(connection):
                    self._take(message)
        finally:
            with self._changed:
                self._open = False
                self._changed.notify_all()

    def _take(self, message: bytes) -> None:
        parsed: Event = json.loads(message.decode(errors="replace"), strict=False)
        if parsed.get("response"):
            with self._changed:
                self._answers[str(parsed.get("token"))] = parsed
                self._changed.notify_all()
        elif parsed.get("event"):
            self._on_event(parsed)


def _netstrings(connection: socket.socket) -> Iterator[bytes]:
    buffer = b""
    while received := connection.recv(65536):
        # baresip leaves Nagle on: without this its next message waits 40 ms for our delayed ACK.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        buffer += received
        while (colon := buffer.find(b":")) > 0 and len(buffer) > (end := colon + 1 + int(buffer[:colon])):
            yield buffer[colon + 1 : end]
            buffer = buffer[end + 1 :]
