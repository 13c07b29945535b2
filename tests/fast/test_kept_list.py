"""GET /v1/call keeps what it has rendered, and nobody can tell but by its ETag."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.addresses import Addresses
from service.api.rows import Rows
from service.ari.client import AriClient
from service.live import Live
from tests.fast.conftest import Serve
from tests.fast.fake_ari import FakeAri, bridge
from tests.fast.fake_calls import Exchange
from tests.fast.replay import NAMES, TENANTS, Snapshot, steps
from tests.fast.serving import ACME, GLOBEX, Serving, token_of
from tests.instruments.http_wire import Answer
from tests.instruments.polling import eventually

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ADDRESS = '"ip":"192.0.2.7"'


def ask(service: Serving, *held: str, method: str = "GET", domain: str = ACME) -> Answer:
    """The list, for one who holds these ETags."""
    return service.ask(method, "/v1/call", [token_of(domain), *(("If-None-Match", tag) for tag in held)])


def settled(service: Serving, domain: str = ACME) -> str:
    """The ETag of the list once the address has arrived, after which nothing changes by itself."""
    eventually(lambda: ADDRESS in service.get(domain=domain).body.decode(), message="no address")
    return service.get(domain=domain).headers["etag"]


# -- on the wire ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("held", [["{}"], ["W/{}"], ['"x", {}'], ['"x"', "{}"], ['"x" ,\tW/{},"y"'], ["*"]])
def test_who_holds_the_list_is_told_so(exchange: Exchange, method: str, held: list[str]) -> None:
    """304 has no body, and no header but those of every answer and the ETag."""
    exchange.talking()
    etag = settled(exchange.service)
    answer = ask(exchange.service, *(tag.format(etag) for tag in held), method=method)
    assert answer.seen == (304, b"")
    assert answer.headers["etag"] == etag
    assert answer.headers["cache-control"] == "no-store"
    assert not {"content-type", "content-length"} & set(answer.headers)


@pytest.mark.parametrize("held", ['"x"', "", ",", "W/", '"*"', "*, *", "{}x", "x{}"])
def test_who_holds_something_else_gets_the_list(exchange: Exchange, held: str) -> None:
    exchange.talking()
    etag = settled(exchange.service)
    assert ask(exchange.service, held.format(etag)).like == exchange.service.get().like


def test_etag_is_strong_and_of_the_content(exchange: Exchange, serve: Serve) -> None:
    """The same from another replica, another one for another list, the first one again when it is over."""
    empty = exchange.service.get().headers["etag"]
    exchange.talking()
    one = settled(exchange.service)
    assert settled(serve(app="replica")) == one
    assert one.startswith('"')
    assert one != empty
    exchange.ari.clear()
    eventually(lambda: exchange.service.get().headers["etag"] == empty, message="the call is still listed")


def test_another_tenant_changes_nothing(exchange: Exchange) -> None:
    """Whoever polls is not woken by the calls of others."""
    exchange.talking()
    etag = settled(exchange.service)
    exchange.talking(GLOBEX)
    assert settled(exchange.service, GLOBEX) != etag
    assert ask(exchange.service, etag).status == 304
    assert ask(exchange.service, etag, domain=GLOBEX).status == 200


def test_an_address_that_arrives_late(exchange: Exchange) -> None:
    """It changes the row, and with it the ETag, although no event tells of it."""
    with exchange.ari.trouble("GET /channels/pbx-", status=200, seconds=0.3, text='{"value":"192.0.2.7:5060"}'):
        exchange.talking()
        before = exchange.service.get()
        assert '"ip":""' in before.body.decode()
        assert settled(exchange.service) != before.headers["etag"]


def test_what_changed_unseen_is_in_the_next_list(exchange: Exchange) -> None:
    """A new picture leaves nothing of the old rows."""
    call = exchange.talking()
    etag = settled(exchange.service)
    exchange.ari.drop()
    exchange.ari.channels[call.aleg]["name"] = "PJSIP/102@acme.test-0000beef"
    eventually(lambda: b'"source":"102"' in exchange.service.get().body, message="the old row is still served")
    assert settled(exchange.service) != etag


def test_nothing_is_called_unchanged_while_the_pbx_is_away(ari: FakeAri, service: Serving) -> None:
    """A 304 would say that the list is still true."""
    etag = service.get().headers["etag"]
    with ari.away():
        service.wait_not_ready()
        assert ask(service, etag).seen == (503, b'{"error":"Service Unavailable"}')
    service.wait_ready()


def test_a_parked_call_is_shown_as_such(exchange: Exchange) -> None:
    """A change of the bridge alone changes the row."""
    call = exchange.talking()
    settled(exchange.service)
    exchange.ari.join(bridge("holding", call.bleg, holding=True, name=f"park-{ACME}"))
    eventually(lambda: b'"CS_PARK"' in exchange.service.get().body, message="not shown as parked")


# -- on recorded reality --------------------------------------------------------------


class LateAddresses:
    """Stands in for the background and for Asterisk's answers: each address is told some events later."""

    def __init__(self) -> None:
        self.due: list[Coroutine[Any, Any, None]] = []

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.due.append(work)

    async def channels_get_variable(self, channel_id: str, variable: str) -> str:
        return f"192.0.2.{len(channel_id)}:5060"

    def tell(self, keep: int) -> None:
        while len(self.due) > keep:
            asyncio.run(self.due.pop(0))


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[LateAddresses]:
    late = LateAddresses()
    monkeypatch.setattr(AriClient, "channels_get_variable", lambda _, *asked: late.channels_get_variable(*asked))
    yield late
    late.tell(keep=0)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_what_would_be_rendered(name: str, late: LateAddresses) -> None:
    """After every event and every address, for both tenants, through every snapshot."""
    live = Live(AriClient("http://127.0.0.1:1/ari", "", ""), "test")
    addresses = Addresses(live, late)  # type: ignore[arg-type]
    rows = Rows(live, addresses, ZONE)
    addresses.listeners.append(rows.notice_address)
    live.listeners += [addresses.notice, rows.notice]
    for step in steps(name):
        if isinstance(step, Snapshot):
            live.picture = step.picture()
            live._announce((), ())
        else:
            live._apply([step])
        for keep in (1, 0):
            for domain in TENANTS:
                assert rows.listing(domain) == Rows(live, addresses, ZONE).listing(domain)
            late.tell(keep)
