"""What a token may do and until when; what becomes of requests whose token does not do."""

import asyncio
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.api.refusals import BURST, INTERVAL, LONGEST_WAIT, MOST_WAITING, Reason, Refusals, source_of
from service.api.routes import table
from service.metrics import Metrics
from service.pace import MOST_KEYS, Pace
from service.settings import Settings
from service.tokens import Scope, hash_token
from tests.fast.fake_ari import FakeAri
from tests.fast.serving import ACME, Serving, stranger
from tests.fast.test_call_answers import UNKNOWN_CALL
from tests.fast.test_http_edge import envelope
from tests.instruments.http_wire import Answer

END = datetime(2030, 1, 1, tzinfo=UTC)
ROUTES = [(entry.method, entry.path, entry.scope) for entry in table(Settings()) if entry.scope]
FORBIDDEN = b'{"error":"Forbidden"}'


@contextmanager
def limited(folder: Path) -> Iterator[Serving]:
    """Acme with a token of each single scope, named so, and one that ends at END; another tenant, disabled."""
    entries = [f'{{ hash = "{hash_token(scope)}", name = "{scope}-only", scopes = ["{scope}"] }}' for scope in Scope]
    entries.append(f'{{ hash = "{hash_token("leaving")}", name = "temp", expires = {END.isoformat()} }}')
    file = folder / "some-tenants.toml"
    closed = f'[[tenant]]\ndomain = "closed.test"\nenabled = false\ntokens = ["{hash_token("closed")}"]\n'
    file.write_text(f'[[tenant]]\ndomain = "{ACME}"\ntokens = [{", ".join(entries)}]\n{closed}')
    with FakeAri() as ari, Serving(folder, ari.url, tenants=file) as serving:
        serving.wait_ready()
        yield serving


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with limited(tmp_path_factory.mktemp("guarded")) as serving:
        yield serving


def ask(service: Serving, token: str, method: str, path: str, body: bytes = b"{}", source: str = "") -> Answer:
    headers = [("Authorization", f"Bearer {token}")] if token else []
    return service.ask(method, path, headers, body, source=source or stranger())


# -- scopes -----------------------------------------------------------------------------


def test_what_each_route_needs() -> None:
    """A wallboard's token cannot listen in."""
    needed = {path.rpartition("/")[2]: str(scope) for _, path, scope in ROUTES}
    assert needed == {
        "call": "read",
        "click2call": "call",
        "transfer": "move",
        "park": "move",
        "listen": "supervise",
        "whisper": "supervise",
        "barge": "supervise",
    }


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(("method", "path", "needed"), ROUTES)
def test_a_token_does_what_its_scope_allows_and_nothing_else(
    guarded: Serving, method: str, path: str, needed: Scope, scope: Scope
) -> None:
    """403 in the path's style, naming the scope, before a word about body or call."""
    path = path.replace("{call_id}", UNKNOWN_CALL)
    for body in (b"{}", b"[", b'{"ext":"103","legs":"aleg"}', b" " * 70_000):
        answer = ask(guarded, scope, method, path, body)
        if scope is needed:
            assert answer.status != 403
            continue
        assert answer.status == 403
        challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
        assert answer.headers["www-authenticate"] == challenge
        refusal = envelope("forbidden", "Your access token does not allow this")
        assert answer.body == (refusal if path.startswith("/api") else FORBIDDEN)


@pytest.mark.parametrize("scope", Scope)
def test_what_is_no_route_needs_no_scope(guarded: Serving, scope: Scope) -> None:
    """404 and 405 tell nothing of anybody."""
    assert ask(guarded, scope, "GET", "/v1/nothing").status == 404
    assert ask(guarded, scope, "PUT", "/v1/call").status == 405


# -- the end of a token -----------------------------------------------------------------


@pytest.fixture
def today(guarded: Serving) -> Iterator[list[datetime]]:
    """What the service's clock shows: the last of these."""
    shown, clock = [END], guarded.book.now
    guarded.book.now = lambda: shown[-1]
    yield shown
    guarded.book.now = clock


@pytest.mark.parametrize("path", ["/v1/call", "/v1/nothing", "/api/click2call", f"/v1/call/{UNKNOWN_CALL}/listen"])
def test_an_expired_token_is_an_unknown_one(guarded: Serving, today: list[datetime], path: str) -> None:
    """To the last header; judged at each request."""
    today.append(END - timedelta(microseconds=1))
    assert ask(guarded, "leaving", "GET", path).status != 401
    today.append(END)
    unknown = ask(guarded, "nobodys", "GET", path)
    assert unknown.status == 401
    assert ask(guarded, "leaving", "GET", path).like == unknown.like


# -- what is counted and told -----------------------------------------------------------


def counts(service: Serving) -> dict[str, int]:
    """Refusals by reason, as /metrics shows them."""
    told = service.ask("GET", "/metrics").body.decode()
    found = re.findall(r'^patchbay_auth_failures_total\{reason="(\w+)"\} (\d+)\.0$', told, re.MULTILINE)
    return {reason: int(count) for reason, count in found}


def test_refusals_are_counted_by_reason(guarded: Serving, today: list[datetime]) -> None:
    """All reasons are there from the start, so that a first one shows as a rise."""
    before = counts(guarded)
    assert set(before) == set(Reason)
    for token in ("", "nobodys", "leaving", "closed", "read"):
        ask(guarded, token, "POST", "/v1/call/x/listen")
    ask(guarded, "supervise", "POST", "/v1/call/x/listen")
    after = counts(guarded)
    assert {reason: after[reason] - before[reason] for reason in after} == {
        "missing": 1,
        "unknown": 1,
        "expired": 1,
        "scope": 1,
        "disabled": 1,
    }


def test_a_refusal_is_told_with_who_and_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At warning, for every reason."""
    with limited(tmp_path) as service, caplog.at_level(logging.WARNING, logger="patchbay"):
        service.book.now = lambda: END
        tokens = {"": "missing", "nobodys": "unknown", "leaving": "expired", "closed": "disabled", "read": "scope"}
        assert set(tokens.values()) == set(Reason)
        sources = [stranger() for _ in tokens]
        for token, source in zip(tokens, sources, strict=True):
            ask(service, token, "POST", "/v1/call/x/listen", source=source)
        for reason, source in zip(tokens.values(), sources, strict=True):
            assert f"no access for {source}: {reason};" in caplog.text


class Clock:
    """A clock that moves when it is slept on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_log_cannot_be_flooded(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """One line a minute for an address, ten at once for all, and what was left out is counted."""
    refusals = Refusals(Metrics(), clock)
    with caplog.at_level(logging.WARNING, logger="patchbay"):
        for _ in range(1000):
            refusals.note(Reason.UNKNOWN, "192.0.2.1")
        assert len(caplog.records) == 1
        clock.now += 60
        refusals.note(Reason.MISSING, "192.0.2.1")
        assert caplog.records[-1].getMessage() == (
            "no access for 192.0.2.1: missing; 999 more since the last such line"
        )
        caplog.clear()
        for number in range(1000):
            refusals.note(Reason.UNKNOWN, f"198.51.100.{number}")
    assert len(caplog.records) <= 10


# -- slowing down -----------------------------------------------------------------------


def test_refusals_of_one_address_get_slower(clock: Clock) -> None:
    """Ten at once, the next ones each later, then none until time has passed; other addresses do not notice."""
    refusals = Refusals(Metrics(), clock, clock.sleep)

    def turn(source: str = "192.0.2.1") -> bool:
        return asyncio.run(refusals.turn(source))

    assert all(turn() for _ in range(BURST))
    assert clock.slept == []
    assert turn()
    assert turn()
    assert clock.slept == [INTERVAL, 2 * INTERVAL]
    assert 2 * INTERVAL == LONGEST_WAIT
    assert not any(turn() for _ in range(100))
    assert turn("192.0.2.2")
    clock.now += INTERVAL
    assert turn()
    assert not turn()
    clock.now += 3600
    assert all(turn() for _ in range(BURST))
    assert len(clock.slept) == 3


def test_only_so_many_wait(clock: Clock) -> None:
    """Connections cannot be piled up by failing from many addresses."""
    done = asyncio.Event()

    async def never(_: float) -> None:
        await done.wait()

    async def from_many() -> list[bool]:
        refusals = Refusals(Metrics(), clock, never)
        waiting = []
        for number in range(MOST_WAITING + 5):
            clock.now += 1  # so that the pace for all addresses has no part in it
            for _ in range(BURST):
                await refusals.turn(str(number))
            waiting.append(asyncio.create_task(refusals.turn(str(number))))
            await asyncio.sleep(0)
        refused = [task.done() for task in waiting]
        done.set()
        assert sum(await asyncio.gather(*waiting)) == MOST_WAITING
        return refused

    assert asyncio.run(from_many()) == [False] * MOST_WAITING + [True] * 5


def test_many_addresses_are_slowed_together(clock: Clock) -> None:
    """Whoever has a whole network of them."""
    refusals = Refusals(Metrics(), clock, clock.sleep)
    answered = sum(asyncio.run(refusals.turn(str(number))) for number in range(3000))
    assert answered == 1000


def test_memory_is_bounded(clock: Clock) -> None:
    """What is forgotten is what was quiet for longest."""
    pace = Pace(2, 60, clock)
    for name in ("first", "second", *map(str, range(MOST_KEYS - 2)), "first"):
        assert pace.turn(name) == 0
    pace.turn("one more")
    assert len(pace) == MOST_KEYS
    assert pace.turn("first") is None
    assert [pace.turn("second"), pace.turn("second")] == [0, 0]


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("10.0.0.1 GET /v1/call", "-"),
        ("", "-"),
    ],
)
def test_who_asks(address: str, source: str) -> None:
    """Whoever has one IPv6 address has 2^64 of them."""
    assert source_of((address, 1)) == source


def test_a_unix_socket_asks() -> None:
    assert source_of(None) == "-"


@pytest.mark.parametrize("path", ["/v1/call", "/api/click2call"])
def test_whoever_tries_tokens_slows_nobody_else_down(
    guarded: Serving, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """Sixty guesses at once: some are answered 429; a neighbour's token, from the same address, is as good as ever."""
    source = stranger()
    with ThreadPoolExecutor(60) as pool, caplog.at_level(logging.INFO, logger="patchbay"):
        guesses = [pool.submit(ask, guarded, f"guess-{number}", "POST", path, source=source) for number in range(60)]
        neighbour = ask(guarded, "read", "GET", "/v1/call", source=source)
        answers = [guess.result() for guess in guesses]
    assert neighbour.seen == (200, b'{"data":[],"total":0}')
    assert {answer.status for answer in answers} == {401, 429}
    turned_away = next(answer for answer in answers if answer.status == 429)
    assert turned_away.headers["retry-after"] == "1"
    assert turned_away.headers["content-type"] == "application/json"
    plain, wrapped = b'{"error":"Too Many Requests"}', envelope("Unknown", "Too Many Requests")
    assert turned_away.body == (wrapped if path.startswith("/api") else plain)
    assert " 401 " in caplog.text
    assert " 429 " not in caplog.text, "a line for each would flood the log"


def test_a_token_that_does_never_waits(guarded: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when refusals wait for ever; nor does one that only lacks a scope."""

    async def for_ever(*_: object) -> bool:
        return await asyncio.Event().wait()

    monkeypatch.setattr(Refusals, "turn", for_ever)
    assert ask(guarded, "read", "GET", "/v1/call").status == 200
    assert ask(guarded, "read", "POST", "/api/click2call").status == 403
