"""What is the same for every request: tokens, paths, methods, headers, browsers, proxies."""

import json
import logging
import re
import socket
from typing import Any

import pytest

from service import __version__
from tests.fast.conftest import Serve
from tests.fast.fake_ari import FakeAri
from tests.fast.fake_calls import Exchange
from tests.fast.serving import ACME, CLOSED, JSON, TOKENS, Serving, stranger, token_of
from tests.fast.test_call_answers import UNKNOWN_CALL, body_of, failed
from tests.instruments.http_wire import Answer
from tests.instruments.polling import eventually

VERB = f"/v1/call/{UNKNOWN_CALL}/listen"
ROUTES = [("GET", "/v1/call"), ("POST", VERB), ("POST", "/api/click2call")]
UNDER_V1 = ["/v1/call", VERB, "/v1/nothing", "/", "/API/click2call", "/api2", "/apiclick2call", "/api%2Fclick2call"]
UNDER_API = ["/api/click2call", "/api/nothing", "/api", "/api/", "//api//click2call/", "/%61pi/x"]
PHRASES = {401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}


def envelope(error: str, message: str) -> bytes:
    return (
        f'{{"status_code":-9999,"instance_id":"patchbay","instance_version":"{__version__}",'
        f'"payload":{{"status":"fail","error":"{error}","message":"{message}"}},"key_enabled":false}}'
    ).encode()


def wrong(path: str, status: int) -> tuple[int, bytes]:
    """What is wrong with a request as such, in the style of its path."""
    if path in UNDER_API:
        return status, envelope("Unknown", PHRASES[status])
    return status, f'{{"error":"{PHRASES[status]}"}}'.encode()


# -- the token --------------------------------------------------------------------

NO_TOKENS: dict[str, list[str]] = {
    "none": [],
    "two": [f"Bearer {TOKENS[ACME]}", f"Bearer {TOKENS[ACME]}"],
    "two, one wrong": [f"Bearer {TOKENS[ACME]}", "Basic eDp5"],
    "two in one": [f"Bearer {TOKENS[ACME]}, Bearer {TOKENS[ACME]}"],
    "unknown": ["Bearer x"],
    "no scheme": [TOKENS[ACME]],
    "no token": ["Bearer"],
    "blank": ["Bearer  "],
    "empty": [""],
    "another scheme": [f"Basic {TOKENS[ACME]}"],
    "a longer scheme": [f"Bearers {TOKENS[ACME]}"],
    "a tab": [f"Bearer\t{TOKENS[ACME]}"],
    "other case": [f"Bearer {TOKENS[ACME].upper()}"],
    "more": [f"Bearer {TOKENS[ACME]} x"],
    "a hash": ["Bearer sha256:0"],
    "not ASCII": ["Bearer t\xf6ken"],
}


@pytest.mark.parametrize("given", NO_TOKENS.values(), ids=list(NO_TOKENS))
@pytest.mark.parametrize("path", UNDER_V1)
def test_401_of_v1(service: Serving, path: str, given: list[str]) -> None:
    """Before 404, 405 and 413, whatever is asked; never a hint of which it would have been."""
    headers = [("Authorization", value) for value in given]
    for method, body in (("GET", None), ("POST", b"{}"), ("PUT", b" " * 70_000), ("OPTIONS", None)):
        answer = service.ask(method, path, headers, body, source=stranger())
        assert answer.seen == (401, b'{"error":"Unauthorized"}')
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("given", NO_TOKENS.values(), ids=list(NO_TOKENS))
@pytest.mark.parametrize("path", UNDER_API)
def test_401_of_api(service: Serving, path: str, given: list[str]) -> None:
    headers = [("Authorization", value) for value in given]
    for method, body in (("GET", None), ("POST", b" " * 70_000), ("DELETE", None)):
        answer = service.ask(method, path, headers, body, source=stranger())
        assert answer.seen == (401, envelope("unauthorized", "Your access token is missing or invalid"))
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "])
def test_the_scheme_in_any_case(service: Serving, scheme: str) -> None:
    assert service.ask("GET", "/v1/call", [("authorization", f"{scheme} {TOKENS[ACME]}")]).status == 200


def test_a_disabled_tenant(service: Serving) -> None:
    """401 on /v1; on /api it gets as far as the contract's answer."""
    assert service.get(domain=CLOSED).seen == (401, b'{"error":"Unauthorized"}')
    assert service.get("/v1/nothing", domain=CLOSED).seen == (401, b'{"error":"Unauthorized"}')
    assert service.get("/api/nothing", domain=CLOSED).seen == wrong("/api/nothing", 404)


def test_live_and_ready_need_no_token(service: Serving) -> None:
    assert service.ask("GET", "/live").seen == (200, b'{"status":"live"}')
    assert service.ask("GET", "/ready").seen == (200, b'{"status":"ready"}')


# -- routes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/calls", "/v1/call/x", f"/v1/call/{UNKNOWN_CALL}", f"{VERB}/x", "/v1/call//listen", "/V1/call",
     "/v1/Call", "/v1/call/x/Listen", "/v1%2Fcall", "/v1/call/x%2Flisten", "/v1/call%20", "/v1/./call", "/v1/x/../call",
     "/api", "/api/nothing", "/API/click2call", "/api2", "/api%2Fclick2call"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_404(service: Serving, method: str, path: str) -> None:
    """In the style of the path, without a redirect."""
    answer = service.ask(method, path, [token_of(ACME)])
    assert answer.seen == wrong(path, 404)
    assert "location" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize(("allowed", "path"), ROUTES)
def test_405(service: Serving, method: str, allowed: str, path: str) -> None:
    """With the methods that would do."""
    if method == allowed or (method, allowed) == ("HEAD", "GET"):
        return
    answer = service.ask(method, path, [token_of(ACME)])
    status, body = wrong(path, 405)
    assert answer.seen == (status, b"" if method == "HEAD" else body)
    assert answer.headers["allow"] == ("GET, HEAD" if allowed == "GET" else "POST")


@pytest.mark.parametrize(
    "path", ["/v1/call", "/v1/call/", "//v1//call", "/v1///call//", "/%76%31/c%61ll", "/v1/call?x=/"]
)
def test_one_route_many_spellings(service: Serving, path: str) -> None:
    """Slashes doubled or at the end, letters percent-encoded: answered at once, not by a redirect."""
    assert service.get(path).seen == (200, b'{"data":[],"total":0}')


@pytest.mark.parametrize("path", [f"{VERB}/", f"//v1//call//{UNKNOWN_CALL}//listen//", VERB.replace("-", "%2D")])
def test_one_verb_many_spellings(service: Serving, path: str) -> None:
    assert service.post(path, "{}").seen == failed("listen", "data")


@pytest.mark.parametrize("path", ["/v1/call", "/live", "/ready", "/v1/nothing", "/api/nothing", VERB])
@pytest.mark.parametrize("token", [[], [token_of(ACME)]])
def test_head_is_get_without_body(service: Serving, path: str, token: list[tuple[str, str]]) -> None:
    get, head = (service.ask(method, path, token, source=stranger()) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (get.status, b"")
    assert head.like[1] == get.like[1]


# -- the call id --------------------------------------------------------------------


def test_a_call_id_is_decoded_once_and_echoed_as_given(exchange: Exchange) -> None:
    call = exchange.talking()
    for reference in (call.call_id, call.aleg):
        for spelt in (reference, reference.replace("-", "%2D"), "".join(f"%{ord(sign):02x}" for sign in reference)):
            answer = exchange.service.post(f"/v1/call/{spelt}/listen", body_of("listen"))
            assert answer.seen == (200, f'{{"status":"success","call_id":"{reference}","ext":"103"}}'.encode())
        twice = reference.replace("-", "%252D")
        assert exchange.service.post(f"/v1/call/{twice}/listen", body_of("listen")).seen == failed("listen", "call")


@pytest.mark.parametrize(
    "spelt",
    ["%2F", "a%2Fb", "..%2F..", "%2e%2e", "%00", "%0d%0a", "%ff", "%ed%a0%80", "%", "%zz", "%20", "*", "a;b", "a,b",
     "%3F", "%23", "x" * 30_000, "%5B" * 30_000, "patchbay-redirect", "UPPER"],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["listen", "park"])
def test_not_an_id_at_all(service: Serving, ari: FakeAri, verb: str, spelt: str) -> None:
    """CALL_NOT_FOUND; Asterisk is not asked."""
    with ari.asked_inside() as asked:
        answer = service.post(f"/v1/call/{spelt}/{verb}", body_of(verb))
    assert answer.seen == failed(verb, "call")
    assert asked == []


def test_a_very_long_call_id_that_comes_in_pieces(service: Serving) -> None:
    """Not refused by the parser, whose own limit holds for what has not come to its end yet."""
    text = f"POST /v1/call/{'%5B' * 30_000}/listen HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS[ACME]}\r\n"
    body = body_of("listen")
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as wire:
        wire.sendall(text.encode())
        assert service.get().status == 200, "the first piece has been read by now"
        wire.sendall(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert answered(wire, head_only=False) == 404


@pytest.mark.parametrize("spelt", ["%ff", "x" * 30_000])
def test_not_an_id_while_the_pbx_is_away(lonely: Serving, spelt: str) -> None:
    """503 comes first, for this as for any id."""
    assert lonely.post(f"/v1/call/{spelt}/listen", body_of("listen")).seen == failed("listen", "pbx")


def test_a_call_id_keeps_its_case(exchange: Exchange) -> None:
    call = exchange.talking().call_id
    assert exchange.service.post(f"/v1/call/{call.upper()}/listen", body_of("listen")).seen == failed("listen", "call")


# -- headers ------------------------------------------------------------------------


def every_kind(service: Serving) -> list[Answer]:
    """One answer of each kind."""
    return [
        service.get(),
        service.ask("GET", "/v1/call", source=stranger()),
        service.get("/v1/nothing"),
        service.ask("PUT", "/v1/call", [token_of(ACME)]),
        service.post(VERB, "{}"),
        service.post(VERB, body_of("listen")),
        service.post(VERB, " " * 70_000),
        service.post("/api/click2call", "{}"),
        service.get("/api/nothing"),
        service.ask("GET", "/live"),
        service.ask("GET", "/ready"),
    ]


def test_headers_of_every_answer(service: Serving, lonely: Serving) -> None:
    """JSON, never kept by anybody, without a word about the server."""
    for answer in (*every_kind(service), *every_kind(lonely)):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-length"] == str(len(answer.body))
        assert not {"server", "location", "set-cookie"} & set(answer.headers)


# -- a fault of ours ------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both styles' routes are at fault."""

    def fault(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("service.switchboard.Switchboard.require_ready", fault)


@pytest.mark.usefixtures("broken")
def test_500(service: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """In the route's style, with CORS, without a detail; the detail is in the log."""
    origin = ("Origin", "https://crm.example")
    click = '{"extension":"101","hotline":"02873001234","phone_number":"0909123456"}'
    asked = [
        ("/v1/call", service.ask("GET", "/v1/call", [token_of(ACME), origin])),
        (VERB, service.post(VERB, body_of("listen"), JSON, origin)),
        ("/api/click2call", service.post("/api/click2call", click, JSON, origin)),
    ]
    for path, answer in asked:
        assert answer.seen == wrong(path, 500)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["access-control-allow-origin"] == "*"
    assert caplog.text.count("RuntimeError: a secret detail") == len(asked)


# -- browsers -------------------------------------------------------------------------


def preflight(service: Serving, path: str, origin: str, method: str = "POST", headers: str = "authorization") -> Answer:
    asked = [("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers)]
    return service.ask("OPTIONS", path, asked)


@pytest.mark.parametrize("path", ["/v1/call", VERB, "/api/click2call", "/v1/nothing"])
def test_a_preflight_is_answered_without_a_token(service: Serving, path: str) -> None:
    answer = preflight(service, path, "https://crm.example", headers="authorization, content-type")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"Authorization", "Content-Type"} <= set(answer.headers["access-control-allow-headers"].split(", "))
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("how", [{"method": "DELETE"}, {"headers": "x-evil"}])
def test_a_preflight_for_more_is_refused(service: Serving, how: dict[str, Any]) -> None:
    answer = preflight(service, "/v1/call", "https://crm.example", **how)
    assert answer.seen == (400, b'{"error":"Bad Request"}')
    assert answer.headers["content-type"] == "application/json"


def test_cors_on_every_answer(service: Serving, lonely: Serving) -> None:
    """On errors too, or the browser hides them from the page."""
    origin = ("Origin", "https://crm.example")
    for where in (service, lonely):
        answers = [
            where.ask("GET", "/v1/call", [token_of(ACME), origin]),
            where.ask("GET", "/v1/call", [origin], source=stranger()),
            where.ask("GET", "/v1/nothing", [token_of(ACME), origin]),
            where.ask("PUT", "/api/click2call", [token_of(ACME), origin]),
            where.post(VERB, " " * 70_000, origin),
            where.post(VERB, body_of("listen"), origin),
        ]
        for answer in answers:
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers


def test_cors_for_chosen_origins(serve: Serve) -> None:
    """Those get their own name back, others nothing; caches are told that it differs."""
    service = serve(cors_origins="https://crm.example, https://two.example")
    for origin, allowed in (("https://two.example", "https://two.example"), ("https://evil.example", None)):
        for answer in (
            service.ask("GET", "/v1/call", [token_of(ACME), ("Origin", origin)]),
            service.ask("GET", "/v1/call", [("Origin", origin)], source=stranger()),
            preflight(service, "/v1/call", origin),
        ):
            assert answer.headers.get("access-control-allow-origin") == allowed
            assert "Origin" in answer.headers["vary"]


# -- the connection -------------------------------------------------------------------


def test_keep_alive_outlives_idle_pools(service: Serving) -> None:
    assert service.config.timeout_keep_alive >= 75


def test_one_connection_serves_many_requests(service: Serving) -> None:
    """Also after errors, after a body nobody read, and after a HEAD."""
    head = f"Host: x\r\nAuthorization: Bearer {TOKENS[ACME]}\r\n"
    requests = [
        f"GET /v1/call HTTP/1.1\r\n{head}\r\n",
        f"HEAD /v1/call HTTP/1.1\r\n{head}\r\n",
        "GET /v1/call HTTP/1.1\r\nHost: x\r\n\r\n",
        f"POST /v1/nothing HTTP/1.1\r\n{head}Content-Length: 3\r\n\r\nabc",
        f"POST {VERB} HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}",
    ]
    statuses = [200, 200, 401, 404, 400]
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as wire:
        for request, status in zip(requests * 2, statuses * 2, strict=True):
            wire.sendall(request.encode())
            assert answered(wire, head_only=request.startswith("HEAD")) == status


def answered(wire: socket.socket, *, head_only: bool) -> int:
    """Reads one answer off the wire; its status."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += wire.recv(1)
    head = text.decode().lower()
    length = 0 if head_only else int(head.partition("content-length: ")[2].partition("\r\n")[0])
    while length:
        length -= len(wire.recv(length))
    return int(head.split()[1])


def test_an_upgrade_to_a_websocket_is_a_plain_request(service: Serving) -> None:
    """No way around the token."""
    headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "eA=="),
    ]
    assert service.ask("GET", "/v1/call", headers).status == 401
    assert service.ask("GET", "/v1/call", [*headers, token_of(ACME)]).status == 200


FORWARDED = [("X-Forwarded-For", "203.0.113.9, 198.51.100.1"), ("X-Forwarded-Proto", "https")]


def request_line(log: pytest.LogCaptureFixture) -> str:
    """The service's line for the one request there was."""

    def written() -> list[str]:
        return [
            record.getMessage() for record in log.records if record.name == "patchbay" and " ms" in record.getMessage()
        ]

    return eventually(written, message="no line for the request")[0]


@pytest.mark.parametrize(
    ("proxies", "logged"), [("", "127.0.0.1"), ("192.0.2.1", "127.0.0.1"), ("127.0.0.1", "198.51.100.1")]
)
def test_forwarded_addresses_are_believed_of_proxies_only(
    serve: Serve, ari: FakeAri, caplog: pytest.LogCaptureFixture, proxies: str, logged: str
) -> None:
    service = serve(proxies=proxies)
    with caplog.at_level(logging.INFO, logger="patchbay"):
        assert service.ask("GET", "/v1/call", [token_of(ACME), *FORWARDED]).status == 200
        assert request_line(caplog).startswith(f"{logged} GET /v1/call 200 ")


def test_a_forwarded_address_begins_no_line(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """What it says cannot look like an entry of the log."""
    service = serve(proxies="127.0.0.1")
    with caplog.at_level(logging.INFO, logger="patchbay"):
        service.ask("GET", "/v1/call", [token_of(ACME), ("X-Forwarded-For", "10.0.0.1 GET /v1/call 200")])
        assert request_line(caplog).startswith("'10.0.0.1 GET /v1/call 200' GET /v1/call 200 ")


def test_the_log_never_tells_a_token(service: Serving, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="patchbay"):
        service.get()
        service.ask("GET", "/v1/call", [("Authorization", "Bearer a-guess")])
        eventually(lambda: caplog.text.count("GET /v1/call") >= 2, message="no line for the request")
    assert TOKENS[ACME] not in caplog.text
    assert "a-guess" not in caplog.text


def test_json_is_utf_8(exchange: Exchange) -> None:
    """Not escaped, as the pages show it."""
    answer = exchange.service.post(f"/v1/call/{exchange.talking().call_id}/listen", '{"ext":" 103 "}')
    assert json.loads(answer.body.decode("utf-8"))["ext"] == "103"


def test_the_request_s_own_id_is_taken_over(service: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """Returned and logged."""
    with caplog.at_level(logging.INFO, logger="patchbay"):
        answer = service.ask("GET", "/v1/call", [token_of(ACME)], request_id="crm-42.a_B")
        assert answer.headers["x-request-id"] == "crm-42.a_B"
        assert request_line(caplog)


@pytest.mark.parametrize("unfit", ["", "a b", "x" * 65, "a;b", "\u00e9"])
def test_an_id_that_is_not_fit_for_the_log_is_replaced(service: Serving, unfit: str) -> None:
    """By one of ours, another for every request; on refusals too."""
    answers = [service.ask("GET", path, request_id=unfit, source=stranger()) for path in ("/v1/call", "/nowhere")]
    made = {answer.headers["x-request-id"] for answer in answers}
    assert len(made) == 2
    assert all(re.fullmatch("[0-9a-f]{12}", one) for one in made)
