"""The service in a thread of this process, and a client that can be as rude as the wire allows."""

import asyncio
import hashlib
import http.client
import itertools
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from service.__main__ import config
from service.api.server import Server
from service.settings import Settings
from service.tenants import TenantBook
from tests.instruments.http_wire import Answer
from tests.instruments.polling import eventually

ACME, GLOBEX, CLOSED = "acme.test", "globex.test", "closed.test"
TOKENS = {ACME: "token-of-acme", GLOBEX: "token-of-globex", CLOSED: "token-of-closed"}
HOTLINES = {ACME: "02873001234", GLOBEX: "02873005678", CLOSED: "02873009999"}
ZONE = "Asia/Ho_Chi_Minh"
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")

_STRANGERS = (f"127.{first}.{second}.{third}" for first, second, third in itertools.product(range(1, 255), repeat=3))

Headers = Sequence[tuple[str, str]]


def stranger() -> str:
    """An address that has asked for nothing yet, so that it is not slowed for what others did."""
    return next(_STRANGERS)


def token_of(domain: str) -> tuple[str, str]:
    """The header that speaks for a tenant."""
    return "Authorization", f"Bearer {TOKENS[domain]}"


def tenants_file(folder: Path) -> Path:
    """The three tenants; closed.test is disabled."""
    parts = []
    for domain, token in TOKENS.items():
        digest = hashlib.sha256(token.encode()).hexdigest()
        enabled = str(domain != CLOSED).lower()
        parts.append(
            f'[[tenant]]\ndomain = "{domain}"\nenabled = {enabled}\ntokens = ["sha256:{digest}"]\n'
            f'[tenant.hotlines]\n"{HOTLINES[domain]}" = {{ trunk = "carrier" }}\n'
        )
    path = folder / "tenants.toml"
    path.write_text("\n".join(parts))
    return path


class Serving:
    """A context manager: `python -m service` without the process."""

    def __init__(self, folder: Path, ari_url: str, **settings: object) -> None:
        given = {
            "ari_url": ari_url,
            "app": "fast",
            "tenants": tenants_file(folder),
            "audit_log": folder / "audit.jsonl",
            "port": 0,
            "timezone": ZONE,
        } | settings
        self.settings = Settings.model_validate(given)
        self.book = TenantBook(self.settings.tenants)
        self.config = config(self.settings, self.book)
        self.server = Server(self.config)
        self.port = 0
        self._thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> "Serving":
        self._thread.start()
        eventually(lambda: self.server.started, message="the service does not start")
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self._thread.join()

    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def idle(self) -> bool:
        """Whether nothing is tended in the background any more."""
        tasks = asyncio.all_tasks(self.server.servers[0].get_loop())
        return not any(task.get_name().startswith("keep ") for task in tasks)

    def wait_ready(self) -> None:
        eventually(lambda: self.ask("GET", "/ready").status == 200, message="the service is not ready")

    def wait_not_ready(self) -> None:
        eventually(lambda: self.ask("GET", "/ready").status == 503, message="the service is still ready")

    def ask(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes | Iterable[bytes] | None = None,
        request_id: str = "fast",
        source: str = "127.0.0.1",
    ) -> Answer:
        """One request on a connection of its own, nothing mended or followed; an iterable body goes in chunks.

        `source`: the address to ask from; all of 127.0.0.0/8 is this machine.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(source, 0))
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            connection.putheader("X-Request-ID", request_id)
            for name, value in headers:
                connection.putheader(name, value)
            chunked = body is not None and not isinstance(body, bytes)
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            elif body is not None and not any(name.lower() == "content-length" for name, _ in headers):
                connection.putheader("Content-Length", str(len(body)))  # type: ignore[arg-type]
            connection.endheaders(body, encode_chunked=chunked)
            return _answer(connection.getresponse())
        finally:
            connection.close()

    def post(self, path: str, body: bytes | str, *headers: tuple[str, str], domain: str = ACME) -> Answer:
        """A POST for a tenant."""
        content = body if isinstance(body, bytes) else body.encode()
        return self.ask("POST", path, [token_of(domain), *(headers or (JSON,))], content)

    def get(self, path: str = "/v1/call", domain: str = ACME) -> Answer:
        return self.ask("GET", path, [token_of(domain)])


def _answer(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())
