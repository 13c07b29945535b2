"""Writes down what Asterisk tells whoever watches it as the service does: snapshots and the events between them.

A recording is a file of JSON lines, each `{"snapshot": {channels, bridges, endpoints}, "name": …}` or `{"event": …}`;
it begins and ends with a snapshot. Parts that the service's models do not read are left out.
"""

import json
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from service.live import SOURCES, WANTED
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually

APP = "recorder"
QUIET_SECONDS = 0.2  # without an event; what Asterisk and phones do on their own follows within milliseconds
DEADLINE = 10.0

UNREAD = frozenset(
    (
        "accountcode",
        "app_data",
        "application",
        "asterisk_id",
        "cause_txt",
        "channel_ids",
        "connected",
        "creator",
        "dialstring",
        "forward",
        "forwarded",
        "language",
        "priority",
        "protocol_id",
        "soft",
        "timestamp",
        "video_mode",
        "video_source_id",
    )
)

Json = Any  # as Asterisk sends it


class Recorder:
    """Watches the Asterisk at `url` (…/ari) from entering to leaving, and then writes the file."""

    def __init__(self, url: str, user: str, password: str, file: Path) -> None:
        self.file = file
        self._stream = f"{url.replace('http', 'ws', 1)}/events?app={APP}&subscribeAll=false&api_key={user}:{password}"
        self._http = httpx.Client(base_url=url, auth=(user, password), verify=NO_TLS, timeout=DEADLINE)
        self._lines: list[Json] = []
        self._last_event = 0.0
        self._socket: ClientConnection | None = None

    def __enter__(self) -> Self:
        self._socket = connect(self._stream, proxy=None, compression=None, max_size=None)
        threading.Thread(target=self._read, args=(self._socket,), daemon=True).start()
        self._ask("PUT", f"/applications/{APP}/eventFilter", json={"allowed": [{"type": name} for name in WANTED]})
        self._ask("POST", f"/applications/{APP}/subscription", params={"eventSource": ",".join(SOURCES)})
        self.quiet("start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.quiet("end")
                self.file.write_text("".join(_line(line) for line in self._lines))
        finally:
            assert self._socket is not None
            self._socket.close()
            self._http.close()

    def quiet(self, name: str) -> None:
        """Waits until Asterisk has nothing to tell, and takes a snapshot that no event has overtaken."""
        eventually(lambda: self._snapshot(name), deadline=DEADLINE, message="Asterisk does not come to rest")

    def _snapshot(self, name: str) -> bool:
        before = len(self._lines)
        taken = {what: self._ask("GET", f"/{path}").json() for what, path in _RESOURCES.items()}
        eventually(lambda: time.monotonic() - self._last_event > QUIET_SECONDS, deadline=DEADLINE)
        if len(self._lines) != before:
            return False
        self._lines.append({"snapshot": taken, "name": name})
        return True

    def _read(self, socket: ClientConnection) -> None:
        try:
            for frame in socket:
                self._lines.append({"event": json.loads(frame)})
                self._last_event = time.monotonic()
        except ConnectionClosed:
            return

    def _ask(self, method: str, path: str, **how: Json) -> httpx.Response:
        return self._http.request(method, path, **how).raise_for_status()


_RESOURCES = {"channels": "channels", "bridges": "bridges", "endpoints": "endpoints/PJSIP"}


def read(file: Path) -> Iterable[Json]:
    """The lines of a recording."""
    return (json.loads(line) for line in file.read_text().splitlines())


def _line(line: Json) -> str:
    return json.dumps(_read_parts(line), ensure_ascii=False, separators=(",", ":")) + "\n"


def _read_parts(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _read_parts(part) for key, part in value.items() if key not in UNREAD}
    return [_read_parts(part) for part in value] if isinstance(value, list) else value
