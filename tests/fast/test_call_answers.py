"""Every answer of /v1/call: the failure table in its order, what settings flip, and that a failure touches nothing."""

import itertools
import threading
from collections.abc import Iterable

import pytest

from tests.fast.conftest import Serve
from tests.fast.fake_ari import Asked, FakeAri
from tests.fast.fake_calls import Exchange, FakeCall
from tests.fast.serving import ACME, GLOBEX, Serving
from tests.instruments.http_wire import Answer
from tests.instruments.polling import eventually

CODES = {
    "data": (400, "DATA_IS_REQUIRED"),
    "legs": (400, "LEGS_INVALID"),
    "pbx": (503, "SERVICE_UNAVAILABLE"),
    "call": (404, "CALL_NOT_FOUND"),
    "ext": (400, "USER_NOT_REGISTERED"),
    "answered": (400, "CALL_NOT_ANSWERED"),
}
SUPERVISION = ("listen", "whisper", "barge")
VERBS = {
    "transfer": ("data", "legs", "pbx", "call", "ext", "answered"),
    "park": ("data", "legs", "pbx", "call", "answered"),
    **dict.fromkeys(SUPERVISION, ("data", "pbx", "call", "ext", "answered")),
}
UNKNOWN_CALL = "00000000-0000-4000-8000-000000000000"


def failed(verb: str, wrong: str, *, always_200: bool = False) -> tuple[int, bytes]:
    """Status and body of a failure."""
    status, code = CODES[wrong]
    body = '{"status":"fail"}' if verb == "park" else f'{{"status":"fail","error":"{code}"}}'
    return (200 if always_200 and status in (400, 404) else status), body.encode()


def ask(service: Serving, verb: str, call_id: str, body: str, domain: str = ACME) -> Answer:
    return service.post(f"/v1/call/{call_id}/{verb}", body, domain=domain)


def body_of(verb: str, wrong: Iterable[str] = ()) -> str:
    """A body that is right but for what is wrong."""
    ext = "999" if "ext" in wrong else "103"
    legs = "cleg" if "legs" in wrong else "bleg"
    fields = {"transfer": f'"ext":"{ext}","legs":"{legs}"', "park": f'"legs":"{legs}"'}.get(verb, f'"ext":"{ext}"')
    if "data" not in wrong:
        return "{" + fields + "}"
    return f'{{"legs":"{legs}"}}' if verb == "transfer" else "{}"


def changes(asked: Iterable[Asked]) -> list[str]:
    """What was asked that changes anything on Asterisk."""
    return [str(request) for request in asked if request.method != "GET"]


COMBINATIONS = [
    (verb, wrongs)
    for verb, possible in VERBS.items()
    for count in range(1, len(possible) + 1)
    for wrongs in itertools.combinations(possible, count)
]


@pytest.mark.parametrize(
    ("verb", "wrongs"), COMBINATIONS, ids=lambda value: value if isinstance(value, str) else "+".join(value)
)
def test_the_first_thing_wrong_is_the_answer(
    exchange: Exchange, lonely: Serving, verb: str, wrongs: tuple[str, ...]
) -> None:
    """Of several things wrong at once the answer names the first in the contract's order; Asterisk is not touched."""
    call = exchange.ringing() if "answered" in wrongs else exchange.talking()
    service = lonely if "pbx" in wrongs else exchange.service
    with exchange.ari.asked_inside() as asked:
        answer = ask(service, verb, UNKNOWN_CALL if "call" in wrongs else call.call_id, body_of(verb, wrongs))
    assert answer.seen == failed(verb, wrongs[0])
    assert changes(asked) == []


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("reference", ["call_id", "aleg", "bleg"])
def test_success(exchange: Exchange, verb: str, reference: str) -> None:
    """The answer echoes the reference as it was given, and park's has no ext."""
    given = getattr(exchange.talking(), reference)
    ext = "" if verb == "park" else ',"ext":"103"'
    answer = ask(exchange.service, verb, given, body_of(verb))
    assert answer.seen == (200, f'{{"status":"success","call_id":"{given}"{ext}}}'.encode())


def test_the_list(exchange: Exchange) -> None:
    """The whole answer, to the byte."""
    call = exchange.talking()
    row = (
        f'{{"call_id":"{call.call_id}","context":"acme.test","created_time":"2026-01-02 10:04:05",'
        '"destination":"0909123456","direction":"outbound","ip":"192.0.2.7","source":"101","state":"CS_EXECUTE"}'
    )
    wanted = f'{{"data":[{row}],"total":1}}'.encode()
    eventually(lambda: exchange.service.get().body == wanted, message=exchange.service.get().body.decode())


def test_an_empty_list(service: Serving) -> None:
    assert service.get().seen == (200, b'{"data":[],"total":0}')


def test_query_parameters_are_ignored(service: Serving) -> None:
    assert service.get("/v1/call?limit=0&offset=9&call_id=x").like == service.get().like


@pytest.mark.parametrize("ext", ["104", "999", "carrier", "101@acme.test", "0x67", " 1 03", "103;", "１０３"])
@pytest.mark.parametrize("verb", ["transfer", *SUPERVISION])
def test_an_ext_that_cannot_be_rung(exchange: Exchange, verb: str, ext: str) -> None:
    """Offline, unknown, another kind of endpoint and mere resemblance are all the same."""
    body = body_of(verb).replace('"103"', f'"{ext}"')
    with exchange.ari.asked_inside() as asked:
        answer = ask(exchange.service, verb, exchange.talking().call_id, body)
    assert answer.seen == failed(verb, "ext")
    assert changes(asked) == []


@pytest.mark.parametrize("verb", VERBS)
def test_another_tenants_call_is_an_unknown_one(exchange: Exchange, verb: str) -> None:
    """By its id and by the ids of its legs: the same to the last header."""
    theirs = exchange.talking(GLOBEX)
    unknown = ask(exchange.service, verb, UNKNOWN_CALL, body_of(verb))
    assert unknown.seen == failed(verb, "call")
    for reference in (theirs.call_id, theirs.aleg, theirs.bleg):
        assert ask(exchange.service, verb, reference, body_of(verb)).like == unknown.like


def not_answered(exchange: Exchange) -> list[tuple[FakeCall, str, str]]:
    """Call, verb and body of everything that waits for somebody who is not there."""
    ringing, parked, mobiles = exchange.ringing(), exchange.parked(), exchange.mobiles()
    aleg, bleg = '{"ext":"103","legs":"aleg"}', '{"ext":"103","legs":"bleg"}'
    return [
        (ringing, "transfer", bleg),
        *((call, verb, aleg) for call in (ringing, parked, mobiles) for verb in SUPERVISION),
        *((call, "park", body) for call in (ringing, parked) for body in (aleg, bleg)),
    ]


def test_call_not_answered(exchange: Exchange) -> None:
    """Ringing, parked, or without an extension: refused, and nothing touched."""
    for call, verb, body in not_answered(exchange):
        with exchange.ari.asked_inside() as asked:
            answer = ask(exchange.service, verb, call.call_id, body)
        assert answer.seen == failed(verb, "answered"), (verb, body)
        assert changes(asked) == []


@pytest.mark.parametrize("legs", ["aleg", "bleg"])
def test_a_parked_leg_is_transferred_by_either_name(exchange: Exchange, legs: str) -> None:
    call = exchange.parked()
    assert ask(exchange.service, "transfer", call.call_id, f'{{"ext":"103","legs":"{legs}"}}').status == 200


def test_a_caller_who_rings_the_other_side_is_transferred(exchange: Exchange) -> None:
    call = exchange.ringing()
    assert ask(exchange.service, "transfer", call.call_id, '{"ext":"103","legs":"aleg"}').status == 200


# -- settings -------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_failure_status_200(serve: Serve, exchange: Exchange, lonely: Serving, verb: str) -> None:
    """Only the 400s and 404s of the five verbs are flipped, never a 503 or what is wrong with the request as such."""
    flipped = serve(failure_status="200")
    call = Exchange(exchange.ari, flipped).ringing()
    for wrong in VERBS[verb]:
        if wrong != "pbx":
            call_id = UNKNOWN_CALL if wrong == "call" else call.call_id
            assert ask(flipped, verb, call_id, body_of(verb, (wrong,))).seen == failed(verb, wrong, always_200=True)
    assert flipped.get("/v1/nothing").status == 404
    assert ask(flipped, verb, call.call_id, " " * 65537).status == 413


def test_failure_status_200_leaves_503(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Serving(tmp_path_factory.mktemp("s"), "http://127.0.0.1:1/ari", failure_status="200") as away:
        assert ask(away, "park", UNKNOWN_CALL, body_of("park")).seen == (503, b'{"status":"fail"}')


@pytest.mark.parametrize("legs", ["aleg", "bleg"])
def test_transfer_legs_stands_in_for_missing_legs(serve: Serve, exchange: Exchange, legs: str) -> None:
    """Only for missing ones: blank ones are refused as ever."""
    service = serve(transfer_legs=legs)
    call = Exchange(exchange.ari, service).talking()
    with exchange.ari.asked_inside() as asked:
        assert ask(service, "transfer", call.call_id, '{"ext":"103"}').status == 200
    assert moved(asked) == getattr(call, legs)
    for blank in ('{"ext":"103","legs":""}', '{"ext":"103","legs":" "}', '{"ext":"103","legs":null}'):
        assert ask(service, "transfer", call.call_id, blank).seen == failed("transfer", "data")
    assert ask(service, "park", call.call_id, "{}").seen == failed("park", "data")


@pytest.mark.parametrize(("setting", "kept"), [("cut", "bleg"), ("keep", "aleg")])
def test_park_legs(serve: Serve, exchange: Exchange, setting: str, kept: str) -> None:
    """Whether `legs` = aleg names the leg that is cut or the one that stays."""
    service = serve(park_legs=setting)
    call = Exchange(exchange.ari, service).talking()
    with exchange.ari.asked_inside() as asked:
        assert ask(service, "park", call.call_id, '{"legs":"aleg"}').status == 200
    assert moved(asked) == getattr(call, kept)


def test_transfer_legs_names_the_leg_that_stays(exchange: Exchange) -> None:
    call = exchange.talking()
    with exchange.ari.asked_inside() as asked:
        assert ask(exchange.service, "transfer", call.call_id, '{"ext":"103","legs":"bleg"}').status == 200
    assert moved(asked) == call.bleg


def moved(asked: Iterable[Asked]) -> str:
    """The channel that Asterisk was asked to redirect."""
    (request,) = [one for one in asked if str(one).endswith("-redirect")]
    channel: str = request.body["variables"]["PATCHBAY_CHANNEL"]
    return channel


# -- Asterisk refuses, after all checks ---------------------------------------------

REFUSALS = [
    ("transfer", "POST /channels"),
    ("park", "POST /channels"),
    *(
        (verb, request)
        for verb in SUPERVISION
        for request in ("POST /bridges", "POST /channels/pbx", "POST /channels/patchbay")
    ),
    *((verb, "GET /endpoints") for verb in ("transfer", *SUPERVISION)),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [400, 403, 409, 500])
@pytest.mark.parametrize(("verb", "request_"), REFUSALS)
def test_asterisk_refuses(exchange: Exchange, verb: str, request_: str, status: int) -> None:
    """One of the contract's answers, never a fault of ours, and nothing is left."""
    call = exchange.talking()
    legs = dict(exchange.ari.channels)
    with exchange.ari.trouble(request_, status):
        answer = ask(exchange.service, verb, call.call_id, body_of(verb))
    assert answer.seen == failed(verb, "pbx")
    assert exchange.ari.channels == legs
    assert len(exchange.ari.bridges) == 1


@pytest.mark.parametrize(("verb", "request_"), [pair for pair in REFUSALS if "endpoints" not in pair[1]])
def test_asterisk_does_not_know_what_it_is_asked_about(exchange: Exchange, verb: str, request_: str) -> None:
    """404: the spied leg is gone; of anything else it means that Asterisk refuses."""
    call = exchange.talking()
    with exchange.ari.trouble(request_, 404):
        answer = ask(exchange.service, verb, call.call_id, body_of(verb))
    assert answer.seen == failed(verb, "answered" if request_ == "POST /channels/pbx" else "pbx")
    assert len(exchange.ari.channels) == 2
    assert len(exchange.ari.bridges) == 1


@pytest.mark.parametrize("status", [404, 500])
@pytest.mark.parametrize("kind", ["talking", "local"])
def test_the_leg_ends_as_it_is_spied_on(exchange: Exchange, kind: str, status: int) -> None:
    """Asterisk refuses before it tells of the end: then the other extension's leg is spied on, or the call is over."""
    call = getattr(exchange, kind)()
    with exchange.ari.trouble(f"POST /channels/{call.aleg}/snoop", status):
        ending = threading.Timer(0.1, exchange.ari.end, [call.aleg])
        ending.start()
        answer = ask(exchange.service, "listen", call.call_id, body_of("listen"))
        ending.join()
    assert answer.seen[0] == 200 if kind == "local" else answer.seen == failed("listen", "call")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("verb", "request_"), REFUSALS)
def test_asterisk_answers_nonsense(exchange: Exchange, verb: str, request_: str) -> None:
    """Never a fault of ours."""
    call = exchange.talking()
    with exchange.ari.trouble(request_, 200, text="<html>login</html>"):
        answer = ask(exchange.service, verb, call.call_id, body_of(verb))
    if request_ in ("POST /bridges", "POST /channels/patchbay"):
        assert answer.status in (200, 503)  # what it says to these is not read
    else:
        assert answer.seen == failed(verb, "pbx")


@pytest.mark.parametrize("verb", ["transfer", "park"])
@pytest.mark.parametrize(("receipt", "wrong"), [("NOEXTEN", "pbx"), ("NOCHANNEL", "answered"), ("FAILED", "pbx")])
def test_a_redirect_that_comes_to_nothing(
    exchange: Exchange, ari: FakeAri, verb: str, receipt: str, wrong: str
) -> None:
    """The dialplan has no such extension; the leg has just gone; whatever else."""
    call = exchange.talking()
    ari.receipt = receipt
    try:
        assert ask(exchange.service, verb, call.call_id, body_of(verb)).seen == failed(verb, wrong)
    finally:
        ari.receipt = "SUCCESS"
