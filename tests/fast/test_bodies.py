"""How a request's body is read: whatever the Content-Type claims, whatever the body is, never a 500."""

import json

import pytest

from tests.fast.fake_calls import Exchange
from tests.fast.serving import ACME, FORM, HOTLINES, Serving, token_of
from tests.fast.test_call_answers import UNKNOWN_CALL, VERBS, failed
from tests.fast.test_click2call_answers import failed as api_failed
from tests.instruments.http_wire import Answer

TRANSFER = f"/v1/call/{UNKNOWN_CALL}/transfer"
FIELDS = '"ext":"103","legs":"bleg"'
GOOD = "{" + FIELDS + "}"
READ = failed("transfer", "call")
"""The answer to a body that was read: the call is an unknown one."""
NOT_READ = failed("transfer", "data")

PLAIN_TYPES = ["application/json", "application/json; charset=latin-1", "text/plain", "x", "", "multipart/form-data"]


def and_more(text: str) -> str:
    """A good body with something more in it."""
    return "{" + FIELDS + "," + text + "}"


def transfer(service: Serving, body: bytes | str, *headers: tuple[str, str]) -> Answer:
    return service.post(TRANSFER, body, *headers)


@pytest.mark.parametrize("kind", [*PLAIN_TYPES, FORM[1], FORM[1] + "; charset=utf-8"])
def test_json_is_read_under_any_content_type(service: Serving, kind: str) -> None:
    """415 is never answered."""
    assert transfer(service, GOOD, ("Content-Type", kind)).seen == READ


def test_json_is_read_without_a_content_type(service: Serving) -> None:
    answer = service.ask("POST", TRANSFER, [token_of(ACME)], GOOD.encode())
    assert answer.seen == READ


@pytest.mark.parametrize(
    "body",
    [
        "ext=103&legs=bleg",
        "legs=bleg&ext=103&x=1&y",
        "ext=103&legs=aleg&legs=bleg",
        "ext=+103+&legs=%62leg",
        "&&ext=103&legs=bleg&",
    ],
)
@pytest.mark.parametrize("kind", [FORM[1], "Application/X-WWW-Form-Urlencoded ; charset=UTF-8"])
def test_a_form_is_read_under_a_forms_content_type(service: Serving, body: str, kind: str) -> None:
    assert transfer(service, body, ("Content-Type", kind)).seen == READ


@pytest.mark.parametrize("kind", PLAIN_TYPES)
def test_a_form_under_another_content_type_is_no_object(service: Serving, kind: str) -> None:
    assert transfer(service, "ext=103&legs=bleg", ("Content-Type", kind)).seen == NOT_READ


@pytest.mark.parametrize(
    "body", [b"ext=%ff&legs=bleg", b"ext=%ed%a0%80&legs=bleg", b"ext=\xff&legs=bleg", b"&" * 5000, b"=", b""]
)
def test_a_form_that_is_none(service: Serving, body: bytes) -> None:
    assert transfer(service, body, FORM).seen == NOT_READ


DEEP = 50_000 // 5


@pytest.mark.parametrize(
    "body",
    ["", " ", "null", "true", "1", '"ext"', "[]", '["ext"]', "{", "{}", "}", '{"ext":"103"', "{'ext':'103'}", "ext",
     "NaN",
     "{" + FIELDS + ",}", GOOD + "{}", "\ufeff" + GOOD, "// x\n" + GOOD,
     and_more('"x":NaN'), and_more('"x":-Infinity'), and_more('"x":"\n"'),
     and_more('"x":"\\ud800"'), '{"ext":"\\ud800","legs":"bleg"}', and_more('"\\udfff":1'),
     "[" * DEEP, "[" * DEEP + "]" * DEEP, '{"x":' * DEEP + "1" + "}" * DEEP,
     and_more('"x":' + "[" * DEEP + "]" * DEEP), '{"x":"\\u0041","y":' + "[" * 900 + "]" * 900 + "}"],
)  # fmt: skip
def test_not_an_object(service: Serving, body: str) -> None:
    """No JSON, another value, nested too deep, a lone surrogate: a failure of the route, for each route."""
    assert transfer(service, body).seen == NOT_READ
    assert service.post(f"/v1/call/{UNKNOWN_CALL}/park", body).seen == failed("park", "data")
    assert service.post(f"/v1/call/{UNKNOWN_CALL}/listen", body.replace('"ext"', '"e"')).seen == failed(
        "listen", "data"
    )
    assert service.post("/api/click2call", body).seen == api_failed("data_is_required")


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        GOOD.encode("utf-16"),
        b'{"ext":"103\xe9","legs":"bleg"}',
        b"\xed\xa0\x80",
        b"\x00",
        GOOD.encode() + b"\x00",
    ],
)
@pytest.mark.parametrize("form", [False, True])
def test_not_utf_8(service: Serving, body: bytes, form: bool) -> None:
    assert transfer(service, body, *([FORM] if form else [])).seen == NOT_READ


@pytest.mark.parametrize(
    "value", ["null", "true", "false", "-1", "1.0", "1e3", '""', '"  "', "[]", "{}", '["103"]', "1e999"]
)
def test_a_field_of_another_kind(service: Serving, value: str) -> None:
    """Neither text nor a non-negative integer is a field that is missing."""
    assert transfer(service, f'{{"ext":{value},"legs":"bleg"}}').seen == NOT_READ
    assert transfer(service, f'{{"ext":"103","legs":{value}}}').seen == NOT_READ


@pytest.mark.parametrize(
    "value", ["0", "103", "9" * 4300, "9" * 50_000, '"103"', '"  103  "', '"\\u0031\\u00303"', '"x"']
)
def test_text_and_integers_are_fields(service: Serving, value: str) -> None:
    """However long."""
    assert transfer(service, f'{{"ext":{value},"legs":"bleg"}}').seen == READ


def test_an_integer_is_answered_as_its_digits(exchange: Exchange) -> None:
    """And spaces at the ends are dropped, those between are not."""
    call = exchange.talking().call_id
    wanted = f'{{"status":"success","call_id":"{call}","ext":"103"}}'.encode()
    for ext in ("103", '" 103 "', '"103"'):
        answer = exchange.service.post(f"/v1/call/{call}/listen", f'{{"ext":{ext}}}')
        assert answer.seen == (200, wanted)


def test_an_endless_ext_is_an_unknown_one(exchange: Exchange) -> None:
    call = exchange.talking().call_id
    for ext in ("9" * 60_000, '"' + "9" * 60_000 + '"'):
        answer = exchange.service.post(f"/v1/call/{call}/listen", f'{{"ext":{ext}}}')
        assert answer.seen == failed("listen", "ext")


@pytest.mark.parametrize(
    "body",
    ['{"ext":null,"legs":"x",' + FIELDS + "}", '{"ext":"","legs":"",' + FIELDS + "}", and_more('"LEGS":"x","Ext":[]'),
     and_more('"x":{"ext":""},"y":[1,2],"z":' + "7" * 5000), and_more('"x":-' + "7" * 5000)],
)  # fmt: skip
def test_the_last_of_a_repeated_key_wins_and_others_are_ignored(service: Serving, body: str) -> None:
    assert transfer(service, body).seen == READ


@pytest.mark.parametrize("legs", ["ALEG", "Bleg", "a", "aleg,bleg", "both", "0", "aleg\\n", "ａleg"])
@pytest.mark.parametrize("verb", ["transfer", "park"])
def test_legs_are_two_words(service: Serving, verb: str, legs: str) -> None:
    body = f'{{"ext":"103","legs":"{legs}"}}'
    assert service.post(f"/v1/call/{UNKNOWN_CALL}/{verb}", body).seen == failed(verb, "legs")


# -- size -------------------------------------------------------------------------

LIMIT = 64 * 1024
TOO_LARGE = (413, b'{"error":"Content Too Large"}')


def padded(body: str, size: int) -> bytes:
    return body.encode() + b" " * (size - len(body))


@pytest.mark.parametrize("chunked", [False, True])
def test_64_kib_are_read_and_one_byte_more_is_not(service: Serving, chunked: bool) -> None:
    """Whether the length was announced or not; the same in both styles."""
    click = f'{{"extension":"999","hotline":"{HOTLINES[ACME]}","phone_number":"0909123456"}}'
    for path, body, read in ((TRANSFER, GOOD, READ), ("/api/click2call", click, api_failed("extension_invalid"))):
        for size, wanted in ((LIMIT, read[0]), (LIMIT + 1, 413)):
            content = padded(body, size)
            given = [content[:1000], content[1000:]] if chunked else content
            answer = service.ask("POST", path, [token_of(ACME)], given)
            assert answer.status == wanted
            if wanted == 413 and path == TRANSFER:
                assert answer.seen == TOO_LARGE
            elif wanted == 413:
                payload = {"status": "fail", "error": "Unknown", "message": "Content Too Large"}
                assert json.loads(answer.body)["payload"] == payload


@pytest.mark.parametrize("length", [LIMIT + 1, 10**15, 10**30])
def test_an_announced_length_is_believed(service: Serving, length: int) -> None:
    """The answer does not wait for the body."""
    headers = [token_of(ACME), ("Content-Length", str(length))]
    assert service.ask("POST", TRANSFER, headers).status in (413, 400)


@pytest.mark.parametrize("verb", VERBS)
def test_too_large_for_every_verb(service: Serving, verb: str) -> None:
    assert service.post(f"/v1/call/{UNKNOWN_CALL}/{verb}", b" " * (LIMIT + 1)).seen == TOO_LARGE


def test_a_body_on_get_is_ignored(service: Serving) -> None:
    """Of any size and kind."""
    wanted = service.get().like
    for body in (b"{", b"\xff", b" " * 100_000):
        assert service.ask("GET", "/v1/call", [token_of(ACME)], body).like == wanted
