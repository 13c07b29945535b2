"""A token is in no log, metric, answer or process list of a real service, wherever a client has put it."""

import http.client
import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from service.tokens import hash_token, new_token
from tests.fast.fake_ari import FakeAri
from tests.fast.serving import stranger
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually
from tests.instruments.service import Service

ODD = "s3cret.of/an+operator~=="
PATHS = [
    "/{0}",
    "/v1/call/{0}/listen",
    "/v1/call/{0}/park?token={0}",
    "/v1/call/Bearer%20{0}/transfer",
    "/v1/{0}/x" + "/x" * 80 + "/{0}",
    "/v1/call/" + "x" * 180 + "/{0}",
    "/api/click2call?access_token={0}",
    "/api/{0}",
    "/live/{0}",
]
HEADERS = ["X-Request-ID", "Cookie", "X-Api-Key", "User-Agent", "Origin", "Referer", "Expect", "Upgrade"]
VALUES = ["{0}", "Basic {0}", "Token {0}", "Bearer {0} {0}", "Bearer {0}, Bearer {0}"]
BODIES = [
    ("/api/click2call", {"extension": "{0}", "hotline": "02873001234", "phone_number": "0909123456"}),
    ("/api/click2call", {"extension": "101", "hotline": "{0}", "phone_number": "0909123456"}),
    ("/api/click2call", {"extension": "101", "hotline": "02873001234", "phone_number": "{0}"}),
    ("/api/click2call", {"{0}": "{0}"}),
    ("/v1/call/x/transfer", {"ext": "{0}", "legs": "{0}"}),
    ("/v1/call/{0}/transfer", {"ext": "{0}", "legs": "aleg"}),
]
RAW = [
    b"%b / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /x?%b HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /v1/call HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n",
    b"GET /v1/call HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\x00\r\n\r\n",
    b"POST /api/click2call HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n",
    b"%b\r\n\r\n",
]


@pytest.fixture(params=["text", "json"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service of its own at debug, with two tokens, in front of a fake ARI; `tokens` are in its folder's file."""
    tokens = [new_token(), ODD]
    (tmp_path / "tokens.json").write_text(json.dumps(tokens))
    tenants = tmp_path / "tenants.toml"
    listed = ", ".join(f'"{hash_token(token)}"' for token in tokens)
    tenants.write_text(f'[[tenant]]\ndomain = "acme.test"\ntokens = [{listed}]\n')
    with FakeAri() as ari:
        started = Service(
            tmp_path,
            ari_url=ari.url,
            ari_password="only-for-this-test",
            app="secrets",
            audit_log=str(tmp_path / "audit.jsonl"),
            tenants=str(tenants),
            log_level="debug",
            log_format=request.param,
        ).start()
        try:
            yield started
        finally:
            started.stop()


def tokens_of(service: Service) -> list[str]:
    tokens: list[str] = json.loads((service.folder / "tokens.json").read_text())
    return tokens


def everywhere(service: Service, token: str) -> Iterator[httpx.Response]:
    """The token in every odd place, alone and with itself in the right one."""
    right = {"Authorization": f"Bearer {token}"}
    for headers in (right, {}):
        for path in PATHS:
            spelt = quote(token, safe="")
            yield ask(service, "POST", path.format(spelt), headers, {"ext": "103", "legs": "aleg"})
            yield ask(service, "GET", path.format(spelt), headers)
        for name in HEADERS:
            yield ask(service, "GET", "/v1/call", {**headers, name: token})
        for path, fields in BODIES:
            body = {name.format(token): value.format(token) for name, value in fields.items()}
            yield ask(service, "POST", path.format(quote(token, safe="")), headers, body)
    for value in VALUES:
        yield ask(service, "GET", "/v1/call", {"Authorization": value.format(token)})
    yield ask(service, "GET", "/v1/call", {**right, "X-Request-ID": "the-last"})


def ask(
    service: Service, method: str, path: str, headers: dict[str, str], body: dict[str, str] | None = None
) -> httpx.Response:
    """From an address of its own, so that no refusal is slowed."""
    with httpx.Client(transport=httpx.HTTPTransport(verify=NO_TLS, local_address=stranger())) as client:
        return client.request(method, service.url + path, headers=headers, json=body)


def say(service: Service, raw: bytes, *, and_no_more: bool = False) -> bytes:
    """What is answered to any bytes until the connection is closed; `and_no_more` closes our half of it at once."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as wire:
        wire.sendall(raw)
        if and_no_more:
            wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65536), b""))


def test_a_token_is_nowhere(service: Service) -> None:
    """In both kinds of log, at debug."""
    for token in tokens_of(service):
        hidden = (token[:12], quote(token, safe=""), hash_token(token).removeprefix("sha256:"))
        statuses = set()
        for answer in everywhere(service, token):
            statuses.add(answer.status_code)
            told = answer.text + "".join(value for name, value in answer.headers.items() if name != "x-request-id")
            assert not [one for one in hidden if one in told], answer.request
        assert {200, 400, 401, 404} <= statuses
        for raw in RAW:
            assert token.encode() not in say(service, raw % token.encode(), and_no_more=True)
        eventually(lambda: "the-last" in service.log, message="no line for the last request")
        log, metrics = service.log, httpx.get(f"{service.url}/metrics", verify=NO_TLS).text
        assert not [line for line in log.splitlines() if any(one in line for one in hidden)]
        assert not [one for one in hidden if one in metrics]
        assert "[token]" in log
        assert service.process is not None
        for file in ("cmdline", "environ"):
            shown = Path(f"/proc/{service.process.pid}/{file}").read_text()
            assert not [one for one in hidden if one in shown]


def test_the_log_is_not_flooded_by_absurd_requests(service: Service) -> None:
    """Neither a method nor a path nor a call id of any length makes a long line."""
    token = tokens_of(service)[0]
    long = "x" * 60_000
    for head in (f"{long} /", f"GET /{long}", f"GET /{'x/' * 30_000}", f"POST /v1/call/{long}/listen"):
        body = b'{"ext":"103"}'
        length = f"Content-Length: {len(body)}\r\n"
        request = f"{head} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{length}Connection: close\r\n\r\n"
        assert say(service, request.encode() + body).startswith(b"HTTP/1.1 4")
    eventually(lambda: "CallNotFound" in service.log or "xxx" in service.log, message="no line for the last request")
    assert max(map(len, service.log.splitlines())) < 1000


def test_a_revoked_token_is_refused_on_a_connection_that_stays(service: Service) -> None:
    """By the next request after the reload."""
    kept, revoked = tokens_of(service)
    wire = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)

    def status(token: str) -> int:
        wire.request("GET", "/v1/call", headers={"Authorization": f"Bearer {token}"})
        answer = wire.getresponse()
        answer.read()
        return answer.status

    assert (status(kept), status(revoked)) == (200, 200)
    first = wire.sock.getsockname()
    file = Path(service.settings["tenants"])
    file.write_text(file.read_text().replace(f', "{hash_token(revoked)}"', ""))
    service.signal(signal.SIGHUP)
    eventually(lambda: status(revoked) == 401, message="the token still counts")
    assert status(kept) == 200
    assert wire.sock.getsockname() == first
    assert re.search(r"no access for 127\.0\.0\.1: unknown", service.log)
    wire.close()
