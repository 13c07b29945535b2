"""What another tenant has and what nobody has are the same: in every byte of the answer, and in the work done."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

import service as package
from tests.fast.fake_ari import FakeAri
from tests.fast.fake_calls import Exchange
from tests.fast.serving import ACME, GLOBEX, HOTLINES, TOKENS, Serving
from tests.fast.test_call_answers import SUPERVISION, UNKNOWN_CALL, VERBS, body_of
from tests.instruments.http_wire import Wire, request
from tests.instruments.polling import eventually

OURS = Path(package.__file__).parent
WAY = [*OURS.glob("api/*.py"), *OURS.glob("operations/*.py"), *OURS.glob("audit/*.py")]
ON_THE_WAY = ("switchboard", "calls/picture", "calls/roll", "tenants", "tokens", "ids", "log")
WAY += [OURS / f"{name}.py" for name in ON_THE_WAY]
MODULES = {str(path) for path in WAY if path.stem not in ("connection", "rows")}
"""Those on the way from a request to its answer."""
LOOK = {"Picture.channel_ids", "Picture.channel_ids.<locals>.<setcomp>"}
BESIDE = {"Picture.settle", "Picture.supervision_keys", "new_key", *LOOK}
"""What is called in them for the proof that events come, when one comes, and to look whether some did not."""
NOBODYS_LEG = "pbx-1767323045.999999"
NOBODYS_KEY = "0123456789abcdef0123456789abcdef"

Work = Counter[str]
Seen = tuple[int, dict[str, str], bytes]


@contextmanager
def worked(service: Serving) -> Iterator[Work]:
    """How often each function of ours is called inside, and each built-in by one of ours: look-ups among them."""
    found: Work = Counter()

    def count(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code.co_filename not in MODULES or code.co_qualname in BESIDE:
            return
        if event == "call":
            found[code.co_qualname] += 1
        elif event == "c_call":
            found[f"{code.co_qualname}: {getattr(argument, '__qualname__', argument)}"] += 1

    in_its_thread(service, count)
    yield found
    in_its_thread(service, None)


def same(one: tuple[Seen, Work], other: tuple[Seen, Work]) -> None:
    assert one[0] == other[0]
    assert (one[1] - other[1], other[1] - one[1]) == (Counter(), Counter())


def in_its_thread(service: Serving, profile: object) -> None:
    async def set_it() -> None:
        sys.setprofile(profile)  # type: ignore[arg-type]

    asyncio.run_coroutine_threadsafe(set_it(), service.server.servers[0].get_loop()).result(5)


def ask(service: Serving, path: str, body: str) -> tuple[Seen, Work]:
    """All of an answer but its date, and the work it made."""
    said = request("POST", path, TOKENS[ACME], body.encode(), "X-Request-ID: same")
    with worked(service) as work, Wire(service.port) as wire:
        wire.say(said)
        heard = wire.hear()
    headers = {name: value for name, value in heard.headers.items() if name != "date"}
    return (heard.status, headers, heard.body), work


@pytest.fixture
def theirs(exchange: Exchange, ari: FakeAri) -> list[str]:
    """Every id of calls, legs, bridges, supervisors and Snoops of globex, supervised and parked ones."""
    talking, parked = exchange.talking(GLOBEX), exchange.parked(GLOBEX)
    answer = exchange.service.post(f"/v1/call/{talking.call_id}/listen", '{"ext":"101"}', domain=GLOBEX)
    assert answer.status == 200
    found = [talking.call_id, parked.call_id, *ari.channels, *ari.bridges]
    assert len(found) == 2 + 5 + 3, found
    return found


def test_a_call(service: Serving, ari: FakeAri, exchange: Exchange, theirs: list[str]) -> None:
    """Each verb with each id of the other's, while one has calls oneself: an unknown id's answer, and its work."""
    exchange.talking(ACME)
    eventually(lambda: service.get(domain=ACME).body.count(b'"ip":"1') == 1, message="no address")
    eventually(lambda: service.get(domain=GLOBEX).body.count(b'"ip":"1') == 2, message="no address")
    for verb in VERBS:
        for wrong in ((), ("ext",), ("legs",), ("data",)):
            if wrong and wrong[0] not in VERBS[verb]:
                continue
            body = body_of(verb, wrong)
            unknown, work = ask(service, f"/v1/call/{UNKNOWN_CALL}/{verb}", body)
            assert sum(work.values()) > 50
            with ari.asked_inside() as asked:
                for reference in (*theirs, NOBODYS_LEG, f"patchbay-{NOBODYS_KEY}-phone"):
                    same(ask(service, f"/v1/call/{reference}/{verb}", body), (unknown, work))
            assert asked == []


@pytest.mark.parametrize("verb", [*SUPERVISION, "transfer"])
def test_an_extension(service: Serving, ari: FakeAri, exchange: Exchange, verb: str) -> None:
    """105, which the other has and nobody else: Asterisk is asked as for one that nobody has."""
    path, told = f"/v1/call/{exchange.talking(ACME).call_id}/{verb}", []
    for extension in ("105", "199"):
        with ari.asked_inside() as asked:
            answer, _ = ask(service, path, body_of(verb).replace("103", extension))
        told.append((answer, [str(one).replace(extension, "…") for one in asked]))
    assert told[0] == told[1]
    assert told[0][1] == ["GET /endpoints/PJSIP/…%40acme.test"]


def wait_asked(ari: FakeAri, count: int) -> None:
    eventually(lambda: len(ari.asked) >= count, message="Asterisk is not asked so often")


CLICKS = {
    "extension": ('{"extension":"%s","hotline":"02873001234","phone_number":"0909123456"}', "105", "199"),
    "hotline": ('{"extension":"101","hotline":"%s","phone_number":"0909123456"}', HOTLINES[GLOBEX], "02873009990"),
}


@pytest.mark.parametrize(("body", "foreign", "nobodys"), CLICKS.values(), ids=CLICKS.keys())
def test_a_click(service: Serving, ari: FakeAri, body: str, foreign: str, nobodys: str) -> None:
    """Both numbers are looked up whatever comes of it."""
    told = []
    for value in (foreign, nobodys):
        with ari.asked_inside() as asked:
            wanted = len(ari.asked) + 2
            answer, _ = ask(service, "/api/click2call", body % value)
            wait_asked(ari, wanted)
        told.append((answer, sorted(str(one).replace(value, "…") for one in asked)))
    assert told[0] == told[1]
