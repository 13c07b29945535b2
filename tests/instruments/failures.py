"""The contract's failures as they go over the wire."""

from collections.abc import Iterator

import httpx

from service import __version__
from tests.instruments.no_tls import NO_TLS
from tests.instruments.stage import Stage

UNKNOWN_CALL = "5f0c1f0e-6f0b-4c53-9b0c-6d1f2b9d8a11"
FREE, OFFLINE, UNKNOWN = "103", "104", "999"
"""An extension whose phone is idle, one without a phone, and no extension."""

SUPERVISION = ("listen", "whisper", "barge")
VERBS = ("transfer", "park", *SUPERVISION)
STATUS = {"CALL_NOT_FOUND": 404, "SERVICE_UNAVAILABLE": 503}
MESSAGES = {
    "data_is_required": "Please check your input param",
    "tenant_invalid": "Your tenant not found",
    "extension_invalid": "Extension not found or disabled",
    "number_call_out_invalid": "Your hotline invalid",
    "user_not_registered": "User not registered extension with Softphone, IP Phone, Web",
    "do_not_call": "Do not call",
    "Unknown": "Service Unavailable",
}

Wire = tuple[int, bytes]
Try = tuple[str, bytes, Wire]
"""Path, body, and what must come back."""


def failure(verb: str, code: str) -> Wire:
    """Status and body of a failed verb."""
    body = '{"status":"fail"}' if verb == "park" else f'{{"status":"fail","error":"{code}"}}'
    return STATUS.get(code, 400), body.encode()


def click_failure(error: str) -> Wire:
    """Status and body of a failed click-to-call."""
    body = (
        f'{{"status_code":-9999,"instance_id":"patchbay","instance_version":"{__version__}",'
        f'"payload":{{"status":"fail","error":"{error}","message":"{MESSAGES[error]}"}},"key_enabled":false}}'
    )
    return (503 if error == "Unknown" else 200), body.encode()


def good(verb: str, ext: str = FREE) -> bytes:
    """A body of this verb in which nothing is wrong."""
    fields = {"transfer": f'"ext":"{ext}","legs":"bleg"', "park": '"legs":"bleg"'}.get(verb, f'"ext":"{ext}"')
    return f"{{{fields}}}".encode()


def tries(call_id: str) -> Iterator[Try]:
    """Every failure that can be had on a call that is up."""
    for verb in VERBS:
        path = f"/v1/call/{call_id}/{verb}"
        for body in (
            b"",
            b"{}",
            b"[]",
            b"{",
            b"\xff",
            good(verb).replace(b'"1', b'" ",1') if verb != "park" else b'{"legs":""}',
        ):
            yield path, body, failure(verb, "DATA_IS_REQUIRED")
        for reference in (UNKNOWN_CALL, "x", call_id.upper(), call_id + "0", call_id[:-1]):
            yield f"/v1/call/{reference}/{verb}", good(verb), failure(verb, "CALL_NOT_FOUND")
        if verb in ("transfer", "park"):
            yield path, b'{"ext":"103","legs":"cleg"}', failure(verb, "LEGS_INVALID")
        if verb != "park":
            for ext in (OFFLINE, UNKNOWN, "103@acme.test", "carrier", "s"):
                yield path, good(verb, ext), failure(verb, "USER_NOT_REGISTERED")
        yield path, b" " * 65537, (413, b'{"error":"Content Too Large"}')


def click_tries() -> Iterator[Try]:
    """Every failure of click-to-call, but those that need a PBX or a tenant of their own."""
    for extension, hotline, number, error in (
        ("101", "02873001234", "no number", "data_is_required"),
        ("", "02873001234", "0909123456", "data_is_required"),
        (UNKNOWN, "02873001234", "0909123456", "extension_invalid"),
        ("101", "02873005678", "0909123456", "number_call_out_invalid"),
        (OFFLINE, "02873001234", "0909123456", "user_not_registered"),
    ):
        fields = f'"extension":"{extension}","hotline":"{hotline}","phone_number":"{number}"'
        yield "/api/click2call", f"{{{fields}}}".encode(), click_failure(error)


def check(http: httpx.Client, attempts: Iterator[Try]) -> None:
    """Tries them all; each must be answered exactly so."""
    for path, body, wanted in attempts:
        answer = http.post(path, content=body)
        assert (answer.status_code, answer.content) == wanted, (path, body[:80])


def another_client(stage: Stage, url: str) -> httpx.Client:
    """Speaks for acme to another service."""
    return httpx.Client(base_url=url, headers=dict(stage.acme.http.headers), verify=NO_TLS, timeout=10)
