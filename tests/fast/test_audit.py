"""What of a supervision stands in the audit log, and that it stands there before it happens."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from service import ids
from service.audit import story
from service.audit.file import AuditFile
from service.tokens import hash_token
from tests.fast.conftest import OFFLINE, ONLINE, Serve
from tests.fast.fake_ari import Asked, FakeAri
from tests.fast.fake_calls import MOBILE, Exchange, FakeCall
from tests.fast.serving import ACME, GLOBEX, TOKENS, Serving
from tests.instruments.polling import eventually

Line = dict[str, str]
TOKEN_NAME = hash_token(TOKENS[ACME]).removeprefix("sha256:")[:8]


def lines(service: Serving) -> list[Line]:
    """What stands in the log of a service."""
    path = service.settings.audit_log
    return [json.loads(line) for line in path.read_text().splitlines() if line] if path.is_file() else []


def events(service: Serving, key: str) -> list[str]:
    return [line["event"] for line in lines(service) if line["key"] == key]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is so without delay."""
    monkeypatch.setattr("service.keeper.AUDIT_RETRY_SECONDS", 0.1)
    monkeypatch.setattr("service.succession.UNSEEN_SECONDS", 0.1)


@pytest.fixture
def ari() -> Iterator[FakeAri]:
    """One of its own for each test: no other replica lets a supervisor in."""
    with FakeAri() as fake:
        fake.endpoints = dict.fromkeys(ONLINE, "online") | dict.fromkeys(OFFLINE, "offline")
        yield fake


@pytest.fixture
def serve(ari: FakeAri, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    with ExitStack() as stack:
        yield Serve(ari, tmp_path_factory, stack)


class Watch:
    """What stood in the log about a supervision when Asterisk was asked something about it."""

    def __init__(self, ari: FakeAri, service: Serving) -> None:
        self.service = service
        self.seen: list[tuple[str, list[str]]] = []
        ari.witness = self._note

    def _note(self, asked: Asked) -> None:
        for name in (asked.path, *asked.query.values()):
            for part in name.split("/"):
                if key := ids.supervision_key(part):
                    self.seen.append((str(asked), events(self.service, key)))
                    return

    def at(self, *words: str) -> list[list[str]]:
        """What stood there at each request that has all the words in it."""
        return [told for asked, told in self.seen if all(word in asked for word in words)]


def supervise(service: Serving, call: FakeCall, mode: str = "listen", ext: str = "103") -> int:
    return service.post(f"/v1/call/{call.call_id}/{mode}", json.dumps({"ext": ext})).status


def key_of(ari: FakeAri) -> str:
    """Of the only supervision there is."""
    (key,) = {key for bridge in ari.bridges if (key := ids.supervision_key(bridge))}
    return key


def has_come(service: Serving, key: str, event: str) -> Line:
    def last() -> Line | None:
        return next((one for one in lines(service) if (one["key"], one["event"]) == (key, event)), None)

    found = eventually(last, message=f"no line {event}: {events(service, key)}")
    assert found is not None
    return found


def heard(ari: FakeAri, service: Serving, call: FakeCall, mode: str = "listen") -> str:
    """103 supervises the call and has answered; the supervision's key."""
    assert supervise(service, call, mode) == 200
    key = key_of(ari)
    ari.answer(ids.phone_id(key))
    eventually(lambda: ids.phone_id(key) in ari.bridges[ids.bridge_id(key)]["channels"], message="it is not let in")
    return key


def test_a_whole_story(ari: FakeAri, service: Serving, exchange: Exchange) -> None:
    """Rung, heard, two changes of mode, the end: who, what, on whose request."""
    call = exchange.talking()
    key = heard(ari, service, call)
    assert supervise(service, call, "whisper") == 200
    assert supervise(service, call, "whisper") == 200
    assert supervise(service, call, "barge") == 200
    ari.end(ids.phone_id(key))
    end = has_come(service, key, "ended")
    told = [line for line in lines(service) if line["key"] == key]
    assert [(line["event"], line["mode"]) for line in told] == [
        ("rung", "listen"),
        ("hears", "listen"),
        ("mode", "whisper"),
        ("mode", "barge"),
        ("ended", "barge"),
    ]
    assert end["reason"] == story.HUNG_UP
    times = [line.pop("time") for line in told]
    assert times == sorted(times)
    for line in told:
        assert line | {"event": "", "mode": "", "reason": ""} == {
            "event": "",
            "tenant": ACME,
            "supervisor": "103",
            "mode": "",
            "call": call.call_id,
            "leg": call.aleg,
            "source": "101",
            "destination": MOBILE,
            "key": key,
            "token": TOKEN_NAME,
            "request": "fast",
            "reason": "",
            "app": service.settings.app,
            "instance": "patchbay",
        }


def test_every_line_is_there_before_it_happens(ari: FakeAri, service: Serving, exchange: Exchange) -> None:
    """Before the first request about it, before the phone is let in, before the Snoop of another mode."""
    call, watch = exchange.talking(), Watch(ari, service)
    key = heard(ari, service, call)
    assert supervise(service, call, "barge") == 200
    begun, rung, let_in = watch.at("POST /bridges/")[0], watch.at("POST", "phone"), watch.at("addChannel")
    assert begun == ["rung"]
    assert rung == [["rung"]]
    assert let_in[:2] == [["rung"], ["rung", "hears"]]
    assert watch.at("snoop", "-barge-") == [["rung", "hears", "mode"]]
    assert events(service, key) == ["rung", "hears", "mode"]


@pytest.mark.parametrize("mode", ["listen", "whisper", "barge"])
def test_without_a_log_nobody_is_rung(serve: Serve, ari: FakeAri, tmp_path: Path, mode: str) -> None:
    """503, Asterisk is asked to do nothing, the failure is counted; the rest works; with a log again it all does."""
    service = serve(audit_log=tmp_path / "no such folder" / "audit.jsonl")
    call = Exchange(ari, service).talking()
    with ari.asked_inside() as asked:
        answer = service.post(f"/v1/call/{call.call_id}/{mode}", '{"ext":"103"}')
    assert answer.seen == (503, b'{"status":"fail","error":"SERVICE_UNAVAILABLE"}')
    assert [one for one in asked if one.method != "GET"] == []
    assert failures(service) > 0
    assert service.post(f"/v1/call/{call.call_id}/park", '{"legs":"bleg"}').status == 200
    service.settings.audit_log.parent.mkdir()
    assert supervise(service, call, mode) == 200


def test_without_a_log_no_mode_changes(serve: Serve, ari: FakeAri, tmp_path: Path) -> None:
    """The supervisor stays on in the mode it had, and the end is written when the log is back."""
    service = serve(audit_log=tmp_path / "log" / "audit.jsonl")
    service.settings.audit_log.parent.mkdir()
    call = Exchange(ari, service).talking()
    key = heard(ari, service, call)
    folder = service.settings.audit_log.parent
    folder.rename(tmp_path / "away")
    with ari.asked_inside() as asked:
        assert supervise(service, call, "barge") == 503
    assert [one for one in asked if one.method != "GET"] == []
    ari.end(ids.phone_id(key))
    eventually(lambda: ids.bridge_id(key) not in ari.bridges, message="it is not cleared")
    folder.with_name("away").rename(folder)
    assert has_come(service, key, "ended")["reason"] == story.HUNG_UP


def test_without_a_log_who_answers_is_hung_up(serve: Serve, ari: FakeAri, tmp_path: Path) -> None:
    """Unheard, and the log says why as soon as it can."""
    service = serve(audit_log=tmp_path / "log" / "audit.jsonl")
    folder = service.settings.audit_log.parent
    folder.mkdir()
    call = Exchange(ari, service).talking()
    assert supervise(service, call) == 200
    key = key_of(ari)
    folder.rename(tmp_path / "away")
    with ari.asked_inside() as asked:
        ari.answer(ids.phone_id(key))
        eventually(lambda: ids.phone_id(key) not in ari.channels, message="it is not hung up")
    assert not [one for one in asked if "addChannel" in str(one)]
    folder.with_name("away").rename(folder)
    assert has_come(service, key, "ended")["reason"] == story.NOT_AUDITED


def test_a_slow_disk_is_not_waited_for(
    ari: FakeAri, service: Serving, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that hangs is one that cannot be written; meanwhile everything else is answered."""
    call = exchange.talking()
    hangs = threading.Event()
    monkeypatch.setattr("service.audit.trail.WRITE_SECONDS", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(AuditFile, "append", lambda *_, **__: hangs.wait(10))
        worker = threading.Thread(target=supervise, args=(service, call))
        worker.start()
        assert service.get().status == 200
        assert supervise(service, call) == 503
        worker.join()
        hangs.set()
    assert supervise(service, call) == 200


REFUSALS = [
    ("listen", '{"ext":"199"}', "199", "USER_NOT_REGISTERED"),
    ("whisper", '{"ext":"104"}', "104", "USER_NOT_REGISTERED"),
    ("barge", "{}", "", "DATA_IS_REQUIRED"),
    ("listen", "[" * 100, "", "DATA_IS_REQUIRED"),
    ("listen", '{"ext":"' + "x" * 70_000 + '"}', "", "TOO_LARGE"),
    ("listen", '{"ext":"1\\n\\u202e' + "x" * 300 + '"}', "1\n\u202e" + "x" * 197, "USER_NOT_REGISTERED"),
]


@pytest.mark.parametrize(("mode", "body", "ext", "reason"), REFUSALS, ids=range(len(REFUSALS)))
def test_refusals(service: Serving, exchange: Exchange, mode: str, body: str, ext: str, reason: str) -> None:
    """What was asked for, by whom, and why it was not done."""
    call = exchange.talking()
    service.post(f"/v1/call/{call.call_id}/{mode}", body)
    assert lines(service)[-1] | {"time": "", "app": ""} == {
        "time": "",
        "event": "refused",
        "tenant": ACME,
        "supervisor": ext,
        "mode": mode,
        "call": call.call_id,
        "leg": "",
        "source": "",
        "destination": "",
        "key": "",
        "token": TOKEN_NAME,
        "request": "fast",
        "reason": reason,
        "app": "",
        "instance": "patchbay",
    }


def refused(service: Serving, reference: str, domain: str = ACME) -> str:
    service.post(f"/v1/call/{reference}/listen", '{"ext":"103"}', domain=domain)
    last = lines(service)[-1]
    assert (last["event"], last["tenant"], last["call"]) == ("refused", domain, reference)
    return last["reason"]


def test_refusals_for_the_call_s_sake(ari: FakeAri, service: Serving, exchange: Exchange) -> None:
    """Unknown, another tenant's, not there to be spied on, Asterisk away or refusing."""
    call = exchange.talking()
    assert refused(service, "unknown") == "CALL_NOT_FOUND"
    assert refused(service, call.call_id, GLOBEX) == "CALL_NOT_FOUND"
    assert refused(service, exchange.parked().call_id) == "CALL_NOT_ANSWERED"
    with ari.trouble("POST /bridges", status=500):
        assert refused(service, call.call_id) == "SERVICE_UNAVAILABLE"


def test_a_refusal_is_answered_without_a_log(serve: Serve, ari: FakeAri, tmp_path: Path) -> None:
    service = serve(audit_log=tmp_path / "gone" / "audit.jsonl")
    answer = service.post("/v1/call/unknown/listen", '{"ext":"103"}')
    assert answer.seen == (404, b'{"status":"fail","error":"CALL_NOT_FOUND"}')
    assert failures(service) > 0


def test_what_asterisk_refuses_has_an_end(ari: FakeAri, service: Serving, exchange: Exchange) -> None:
    """A beginning stands there already when Asterisk says no."""
    call = exchange.talking()
    for begins in ("POST /bridges", "POST /channels/pbx", "POST /channels/patchbay"):
        with ari.trouble(begins, status=500):
            assert supervise(service, call) == 503
        begun = [line["key"] for line in lines(service) if line["event"] == "rung"][-1]
        assert has_come(service, begun, "ended")["reason"] in (story.NEVER_HEARD, story.UNSEEN)
        assert events(service, begun).count("ended") == 1


def test_a_phone_that_never_answers(ari: FakeAri, service: Serving, exchange: Exchange) -> None:
    supervise(service, exchange.talking())
    key = key_of(ari)
    ari.end(ids.phone_id(key))
    assert has_come(service, key, "ended")["reason"] == story.NEVER_HEARD
    assert events(service, key) == ["rung", "ended"]


def test_a_phone_that_declines_at_once(ari: FakeAri, service: Serving, exchange: Exchange) -> None:
    """It is gone before anybody has looked at it."""
    ari.declines = True
    assert supervise(service, exchange.talking()) == 200
    key = lines(service)[-1]["key"]
    assert has_come(service, key, "ended")["reason"] == story.NEVER_HEARD
    assert events(service, key) == ["rung", "ended"]


def test_a_call_that_ends(ari: FakeAri, service: Serving, exchange: Exchange) -> None:
    call = exchange.talking()
    key = heard(ari, service, call)
    for leg in (call.aleg, call.bleg):
        ari.end(leg)
    assert has_come(service, key, "ended")["reason"] == story.CALL_ENDED


def test_two_replicas_tell_it_once_in_one_file(
    serve: Serve, ari: FakeAri, service: Serving, exchange: Exchange
) -> None:
    """Both see the phone answer and the call end; the other one changes the mode, under its own name."""
    other = serve(audit_log=service.settings.audit_log, app="other", instance_id="other")
    call = exchange.talking()
    key = heard(ari, service, call)
    assert supervise(other, call, "whisper") == 200
    for leg in (call.aleg, call.bleg):
        ari.end(leg)
    has_come(service, key, "ended")
    eventually(lambda: service.idle() and other.idle(), message="it is still tended")
    assert events(service, key) == ["rung", "hears", "mode", "ended"]
    told = {line["event"]: line for line in lines(service) if line["key"] == key}
    assert (told["rung"]["instance"], told["mode"]["instance"]) == ("patchbay", "other")
    assert (told["hears"]["supervisor"], told["ended"]["supervisor"]) == ("103", "103")


class TestSuccession:
    """A service that starts closes the books of the one before."""

    def _left(self, folder: Path, key: str, **more: str) -> Path:
        """A log whose service died during a supervision."""
        path = folder / "audit.jsonl"
        entry: dict[str, Any] = {"event": "hears", "tenant": ACME, "supervisor": "103", "mode": "barge", "call": "c"}
        rest = dict.fromkeys(("leg", "source", "destination", "request", "reason"), "")
        path.write_text(json.dumps({"time": "", **entry, **rest, "key": key, "token": "crm", **more}) + "\n")
        return path

    def test_what_ended_unseen(self, ari: FakeAri, serve: Serve, tmp_path: Path) -> None:
        """It is not on Asterisk any more: its end is written, as the one who asked for it."""
        key = ids.new_key()
        service = serve(audit_log=self._left(tmp_path, key), app="successor-1")
        end = has_come(service, key, "ended")
        assert (end["reason"], end["token"], end["supervisor"]) == (story.UNSEEN, "crm", "103")

    def test_what_goes_on(
        self, ari: FakeAri, serve: Serve, service: Serving, exchange: Exchange, tmp_path: Path
    ) -> None:
        """It is told to go on, under the name it had, and ends once, in due time."""
        call = exchange.talking()
        key = heard(ari, service, call, "whisper")
        successor = serve(audit_log=self._left(tmp_path, key), app="successor-2")
        continued = has_come(successor, key, "continues")
        assert (continued["token"], continued["mode"], continued["call"]) == ("crm", "whisper", call.call_id)
        assert (continued["source"], continued["destination"]) == ("101", MOBILE)
        ari.end(ids.phone_id(key))
        assert has_come(successor, key, "ended")["reason"] == story.HUNG_UP
        assert events(successor, key) == ["hears", "continues", "ended"]


def failures(service: Serving) -> float:
    """How often the log could not be written."""
    text = service.ask("GET", "/metrics").body.decode()
    return float(text.rpartition("\npatchbay_audit_failures_total ")[2].partition("\n")[0])


@pytest.mark.parametrize("mode", ["listen", "whisper", "barge"])
def test_a_token_that_may_not_supervise(ari: FakeAri, tmp_path: Path, mode: str) -> None:
    """The wallboard's token is refused, and the log says whose it was; what it may do leaves no line."""
    tenants = tmp_path / "limited.toml"
    token = f'{{ hash = "{hash_token("board")}", name = "wallboard", scopes = ["read"] }}'
    tenants.write_text(f'[[tenant]]\ndomain = "{ACME}"\ntokens = [{token}]\n')
    header = [("Authorization", "Bearer board")]
    with Serving(tmp_path, ari.url, tenants=tenants) as service:
        service.wait_ready()
        assert service.ask("GET", "/v1/call", header).status == 200
        assert service.ask("POST", "/v1/call/c-1/park", header, b"{}").status == 403
        assert service.ask("POST", f"/v1/call/c-1/{mode}", header, b"{}").status == 403
        (line,) = lines(service)
    assert (line["event"], line["reason"], line["mode"], line["call"]) == ("refused", "FORBIDDEN", mode, "c-1")
    assert (line["tenant"], line["token"], line["request"]) == (ACME, "wallboard", "fast")
