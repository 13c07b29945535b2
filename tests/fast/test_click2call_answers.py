"""Every answer of POST /api/click2call, to the byte, in the contract's order of precedence."""

import itertools
import json

import pytest

from service import __version__
from service.ids import is_call_uuid
from tests.fast.conftest import Serve
from tests.fast.fake_ari import Asked, FakeAri
from tests.fast.serving import ACME, CLOSED, GLOBEX, HOTLINES, Serving
from tests.instruments.http_wire import Answer

MESSAGES = {
    "data_is_required": "Please check your input param",
    "tenant_invalid": "Your tenant not found",
    "extension_invalid": "Extension not found or disabled",
    "number_call_out_invalid": "Your hotline invalid",
    "user_not_registered": "User not registered extension with Softphone, IP Phone, Web",
    "do_not_call": "Do not call",
    "Unknown": "Service Unavailable",
}
WRONG = {
    "data": "data_is_required",
    "tenant": "tenant_invalid",
    "pbx": "Unknown",
    "extension": "extension_invalid",
    "hotline": "number_call_out_invalid",
    "offline": "user_not_registered",
}
RIGHT = {"extension": "101", "hotline": HOTLINES[ACME], "phone_number": "0909123456"}
COMBINATIONS = [
    wrongs
    for count in range(1, len(WRONG) + 1)
    for wrongs in itertools.combinations(WRONG, count)
    if not {"extension", "offline"} <= set(wrongs)
]


def failed(error: str, instance: str = "patchbay") -> tuple[int, bytes]:
    """Status and body of a failure."""
    text = (
        f'{{"status_code":-9999,"instance_id":"{instance}","instance_version":"{__version__}",'
        f'"payload":{{"status":"fail","error":"{error}","message":"{MESSAGES[error]}"}},"key_enabled":false}}'
    )
    return (503 if error == "Unknown" else 200), text.encode()


def click(service: Serving, domain: str = ACME, /, **fields: object) -> Answer:
    """The right request, but for these fields; None leaves one out."""
    body = {name: value for name, value in (RIGHT | fields).items() if value is not None}
    return service.post("/api/click2call", json.dumps(body), domain=domain)


def originated(asked: list[Asked]) -> list[Asked]:
    return [request for request in asked if request.method == "POST"]


@pytest.mark.parametrize("wrongs", COMBINATIONS, ids="+".join)
def test_the_first_thing_wrong_is_the_answer(
    ari: FakeAri, service: Serving, lonely: Serving, wrongs: tuple[str, ...]
) -> None:
    """Of several things wrong at once the answer names the first in the contract's order; nobody is rung."""
    asked_of = lonely if "pbx" in wrongs else service
    domain = CLOSED if "tenant" in wrongs else ACME
    extension = "999" if "extension" in wrongs else "104" if "offline" in wrongs else "101"
    hotline = HOTLINES[GLOBEX] if "hotline" in wrongs else HOTLINES[domain]
    number = "12a" if "data" in wrongs else RIGHT["phone_number"]
    with ari.asked_inside() as asked:
        answer = click(asked_of, domain, extension=extension, hotline=hotline, phone_number=number)
    assert answer.seen == failed(WRONG[wrongs[0]], asked_of.settings.instance_id)
    assert originated(asked) == []


@pytest.mark.parametrize("field", RIGHT)
@pytest.mark.parametrize("value", [None, "", "   ", [], {}, True, False, -101, 1.5, 101.0, ["101"]])
def test_a_field_missing_or_blank(service: Serving, field: str, value: object) -> None:
    assert click(service, **{field: value}).seen == failed("data_is_required")


@pytest.mark.parametrize(
    "number",
    ["1", "+1", "+", "0" * 33, "+" + "0" * 33, "09+09", "++09", "09-x", "०९०९", "０９０９", "09\n09", "0909\n",
     "09\t09", "09,w1", "*8", "#1", "09&PJSIP/x", "sip:09", "()", "..", "09\u200b09", "09\u00a009", "tel:0909"],
)  # fmt: skip
def test_a_number_outside_the_grammar(service: Serving, number: str) -> None:
    """Plus, digits of ASCII, the fillers: nothing else, from end to end."""
    assert click(service, phone_number=number).seen == failed("data_is_required")


@pytest.mark.parametrize(
    ("given", "dialled"),
    [("0909 123 456", "0909123456"), (" +84 (90) 912-34.56 ", "+84909123456"), ("11", "11"), ("0" * 32, "0" * 32),
     (84909123456, "84909123456"), ("(((09)))", "09")],
)  # fmt: skip
def test_a_number_with_fillers(ari: FakeAri, service: Serving, given: object, dialled: str) -> None:
    """What is dialled is the number without them."""
    with ari.asked_inside() as asked:
        assert json.loads(click(service, phone_number=given).body)["status_code"] == 9999
    assert [request.query["extension"] for request in originated(asked)] == [dialled]


def test_success(ari: FakeAri, service: Serving) -> None:
    """The whole answer, to the byte; the id is a uuid4 and is listed from this moment."""
    answer = click(service)
    call_id = json.loads(answer.body)["payload"]["call_uuid"]
    assert is_call_uuid(call_id)
    assert answer.seen == (
        200,
        (
            f'{{"status_code":9999,"instance_id":"patchbay","instance_version":"{__version__}",'
            f'"payload":{{"call_uuid":"{call_id}"}},"key_enabled":false}}'
        ).encode(),
    )
    (row,) = json.loads(service.get().body)["data"]
    assert (row["call_id"], row["source"], row["destination"]) == (call_id, "101", "0909123456")
    assert (row["direction"], row["state"]) == ("outbound", "CS_INIT")


def test_integers_stand_for_their_digits(ari: FakeAri, service: Serving) -> None:
    """An extension as a number; a hotline as a number has lost its zero and is nobody's."""
    assert json.loads(click(service, extension=101).body)["status_code"] == 9999
    assert click(service, hotline=int(HOTLINES[ACME])).seen == failed("number_call_out_invalid")


@pytest.mark.parametrize("hotline", ["2873001234", "+842873001234", "028 7300 1234", "02873001234;x", "carrier"])
def test_a_hotline_is_compared_as_text(service: Serving, hotline: str) -> None:
    assert click(service, hotline=hotline).seen == failed("number_call_out_invalid")


@pytest.mark.parametrize("extension", ["0101", "101@acme.test", "101@globex.test", "105", "carrier", "+101", "1０1"])
def test_an_extension_is_compared_as_text(service: Serving, extension: str) -> None:
    """105 is an extension of the other tenant only."""
    assert click(service, extension=extension).seen == failed("extension_invalid")


def test_a_number_that_is_an_extension_is_local(ari: FakeAri, service: Serving) -> None:
    """The called phone sees the extension, and no trunk is used."""
    with ari.asked_inside() as asked:
        call_id = json.loads(click(service, phone_number="102").body)["payload"]["call_uuid"]
    (request,) = originated(asked)
    variables = request.body["variables"]
    assert (variables["PATCHBAY_CALLERID"], variables["PATCHBAY_TRUNK"]) == ("101", "")
    (row,) = json.loads(service.get().body)["data"]
    assert (row["call_id"], row["direction"]) == (call_id, "local")


def test_instance_id_is_a_setting(serve: Serve, ari: FakeAri) -> None:
    """In successes, in failures, and in what is wrong with the request as such."""
    service = serve(instance_id="stg")
    assert click(service, hotline="0").seen == failed("number_call_out_invalid", "stg")
    assert json.loads(click(service).body)["instance_id"] == "stg"
    for answer in (service.get("/api/nothing"), service.ask("POST", "/api/click2call")):
        assert json.loads(answer.body)["instance_id"] == "stg"


@pytest.mark.parametrize("request_", ["GET /endpoints/PJSIP/101", "GET /endpoints/PJSIP/0909", "POST /channels"])
@pytest.mark.parametrize("status", [400, 403, 404, 409, 500, 200])
def test_asterisk_refuses(ari: FakeAri, service: Serving, request_: str, status: int) -> None:
    """503 in the envelope, whatever Asterisk says, and no call is listed. What means something passes."""
    with ari.trouble(request_, status, text="<html>"):
        answer = click(service)
    if status == 404 and "endpoints" in request_.lower():
        wanted = failed("extension_invalid") if "/101" in request_ else (200, answer.body)
        assert answer.seen == wanted
    elif (request_, status) != ("POST /channels", 200):
        assert answer.seen == failed("Unknown")
        assert json.loads(service.get().body)["total"] == 0
