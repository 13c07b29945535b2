"""The bench's arithmetic and its table; what it measures is for reading and is not tested."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tests.bench import table
from tests.bench.budgets import Budget, kept
from tests.bench.clients import Client, wire
from tests.bench.events import frames
from tests.bench.figures import Figure, percentile
from tests.bench.many import CLIENTS, a_second
from tests.bench.operations import settled
from tests.bench.process import cpu_seconds, resident_kb
from tests.bench.run import SECTIONS
from tests.bench.steps import Span, rows, stamps, steps
from tests.bench.subscriptions import FILTERED, WATCHERS, WHOLE, Watched
from tests.bench.subscriptions import rows as rows_of_types
from tests.bench.table import Row
from tests.bench.throughput import calls, parties

LISTED = Row("a list", "ms", Figure(2.0, 9.0, 40), Figure(50.0, 80.0, 40), "all channels", Budget.LIST)
SLOW = Row("a slow list", "ms", Figure(4.0, 9.0, 40), Figure(50.0, 80.0, 40), "all channels", Budget.LIST)


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1.0), (50, 5.0), (51, 6.0), (90, 9.0), (91, 10.0), (99, 10.0), (100, 10.0)]
)
def test_a_percentile_is_a_sample_by_nearest_rank(percent: float, expected: float) -> None:
    """Of 1 to 10, in any order."""
    samples = [10.0, *map(float, range(1, 10))]
    assert percentile(samples, percent) == expected


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no samples"):
        Figure.of([])


def test_a_figure_knows_how_many_samples_it_is_of() -> None:
    assert Figure.of([3.0, 1.0, 2.0]) == Figure(2.0, 3.0, 3)


@pytest.mark.parametrize(
    ("budget", "ours", "reference", "within"),
    [
        (Budget.LIST, Figure(5.0), Figure(100.0), True),
        (Budget.LIST, Figure(5.1), Figure(100.0), False),
        (Budget.LIST_AGE, Figure(1.0, 10.0), None, True),
        (Budget.LIST_AGE, Figure(1.0, 10.1), None, False),
        (Budget.SERVICE_CPU, Figure(1.0, 99.0), None, True),
        (Budget.SERVICE_CPU, Figure(1.1), None, False),
        (Budget.MODE_SWITCH, Figure(0.0, 10.0), None, True),
    ],
)
def test_a_budget_limits_the_number_it_names(
    budget: Budget, ours: Figure, reference: Figure | None, within: bool
) -> None:
    """The ratio at p50, the p50 or the p99; at the limit is within."""
    assert kept(budget, ours, reference) is within


def test_a_row_without_the_number_its_budget_limits_is_an_error() -> None:
    """It would otherwise be within by itself."""
    with pytest.raises(ValueError, match="LIST_AGE limits the p99"):
        kept(Budget.LIST_AGE, Figure(1.0), None)
    with pytest.raises(ValueError, match="LIST limits the ratio"):
        kept(Budget.LIST, Figure(1.0), None)


def test_a_row_says_whether_it_is_within_its_budget() -> None:
    assert table.cells(LISTED) == (
        "a list",
        "2.0 / 9.0 ms",
        "50.0 / 80.0 ms (all channels)",
        "0.040",
        "ratio ≤ 1/20",
        "yes",
    )
    assert table.cells(SLOW)[-1] == "NO"
    assert table.cells(Row("a size", "MB", Figure(55.5)))[1:] == ("55.5 MB", "", "", "", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.012"), (0.123, "0.12"), (1.26, "1.3"), (99.94, "99.9"), (12345.6, "12,346")],
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert table.number(value) == text


def test_a_budget_without_a_row_is_in_the_table() -> None:
    """What could not be measured is not left out in silence."""
    assert table.missing([LISTED]) == [budget for budget in Budget if budget is not Budget.LIST]
    told = table.plain([LISTED])
    assert told.count(table.NOT_MEASURED) == len(Budget) - 1
    assert Budget.MODE_SWITCH.value.what in told


def test_every_budget_is_measured_by_one_section() -> None:
    """A budget added without a measurement would only ever be `not measured`."""
    declared = [budget for section in SECTIONS for budget in section.budgets]
    assert sorted(declared, key=lambda budget: budget.name) == sorted(Budget, key=lambda budget: budget.name)


def test_what_only_runs_when_it_is_asked_for_has_no_budget() -> None:
    """It would be `not measured` in every whole run."""
    assert not any(section.budgets for section in SECTIONS if not section.always)


def test_budgets_are_all_different() -> None:
    """Of two that are equal Python makes one."""
    assert len(Budget.__members__) == len(Budget) == 9


def test_the_markdown_has_a_line_for_every_row() -> None:
    head, rule, first, *rest = table.markdown([LISTED]).splitlines()
    assert head == "| what | ours | reference | ratio | budget | within |"
    assert set(rule) == {"|", " ", "-"}
    assert first.startswith("| a list | 2.0 / 9.0 ms |")
    assert len(rest) == len(Budget) - 1


def test_a_run_can_be_compared_with_what_another_wrote_down() -> None:
    """By what is measured; what only one of them has is left out."""
    earlier = json.loads(table.as_json([LISTED, Row("gone", "ms", Figure(1.0))]))
    assert earlier[0]["budget"] == "list"
    assert earlier[0]["within"] is True
    faster = Row("a list", "ms", Figure(1.0, 2.0, 40), Figure(50.0, 80.0, 40), "all channels", Budget.LIST)
    _, line = table.compare([faster, Row("new", "ms", Figure(1.0))], earlier).splitlines()
    assert line.split() == ["a", "list", "2.0", "ms", "1.0", "ms", "-50", "%", "0.040", "0.020"]


def test_this_process_has_cpu_and_memory() -> None:
    """Read from /proc, in seconds and KB."""
    assert cpu_seconds(os.getpid()) > 0
    assert resident_kb(os.getpid()) > 10_000


def test_replayed_events_have_ids_of_their_own() -> None:
    """Each pass is of other calls, and an id is the same wherever it stands in one pass."""
    passes = [set(_ids(list(frames(["transfer_twice"], serial)))) for serial in (1, 2)]
    assert len(passes[0]) == len(passes[1]) > 5
    assert passes[0].isdisjoint(passes[1])


def _ids(sent: list[str]) -> list[str]:
    events = [json.loads(frame) for frame in sent]
    return [event[part]["id"] for event in events for part in ("channel", "bridge") if part in event]


def made(name: str, state: str = "Up") -> dict[str, str]:
    return {"name": name, "state": state}


TALK = [made("PJSIP/101@acme.test-0000002a"), made("PJSIP/carrier-0000002b")]


def test_a_call_is_settled_when_its_phones_are_up_and_nothing_else_is_there() -> None:
    """Neither a helper on its way nor a phone too many."""
    found = settled(TALK, "101", "carrier")
    assert found == {"101": TALK[0], "carrier": TALK[1]}
    assert settled(TALK, "101") is None
    assert settled([TALK[0], made("PJSIP/carrier-0000002b", "Ringing")], "101", "carrier") is None
    assert settled([*TALK, made("Local/redirect@patchbay-redirect-01;1")], "101", "carrier") is None


def test_a_supervised_call_is_settled_with_one_snoop() -> None:
    """Two are there while one takes the other's place."""
    boss, snoop = made("PJSIP/103@acme.test-0000002c"), made("Snoop/pbx-1.1-00000000")
    assert settled([*TALK, boss, snoop], "101", "carrier", "103")
    assert settled([*TALK, boss, snoop, snoop], "101", "carrier", "103") is None


def test_requests_a_second_are_those_of_whole_bursts() -> None:
    """Two bursts of half a second and one."""
    assert a_second([0.1] * (CLIENTS - 1) + [0.5] + [1.0] * CLIENTS) == pytest.approx(2 * CLIENTS / 1.5)


ASKED = Span("park", 10.0, 10.008)
TOLD = [Span("ask", 10.0015, 10.002), Span("ask", 10.002, 10.004), Span("event", 10.003, 10.006), Span("ask", 9.0, 9.5)]


def test_an_operation_s_steps_reach_from_the_request_to_the_answer() -> None:
    """In ms since it was sent; what another operation has taken is not among them."""
    assert [(span.name, round(span.began, 3), round(span.ended, 3)) for span in steps(ASKED, TOLD)] == [
        ("HTTP in, token, body", 0.0, 1.5),
        ("ask", 1.5, 4.0),
        ("event", 3.0, 6.0),
        ("answer out", 6.0, 8.0),
    ]


def test_steps_are_rows_in_the_order_they_begin() -> None:
    """Without what only few rounds took."""
    once = [*steps(ASKED, TOLD), Span("again", 1.0, 2.0)]
    found = list(rows("park", [once, list(steps(ASKED, TOLD))]))
    assert [row.what for row in found] == ["park: HTTP in, token, body", "park: ask", "park: event", "park: answer out"]
    assert [round(row.ours.p50, 3) for row in found] == [1.5, 2.5, 3.0, 2.0]
    assert found[1].against == "from 1.5 to 4.0 ms of 8.0"


def test_stamps_are_the_last_that_a_service_says() -> None:
    """One that has said none has failed, and its log tells why."""
    assert stamps('log\nstamps: [["ask", 1.0, 2.0]]\n') == [Span("ask", 1.0, 2.0)]
    with pytest.raises(AssertionError, match="no port"):
        stamps("no port")


def test_channels_are_counted_by_party_once_they_are_up() -> None:
    """What is not up, or a helper, has its own name and so is none of the wanted."""
    ringing, helper = made("PJSIP/102@acme.test-0000002d", "Ringing"), made("Local/redirect@patchbay-redirect-01;1")
    assert parties([*TALK, TALK[1]]) == {"101": 1, "carrier": 2}
    assert parties([ringing, helper]) == {ringing["name"]: 1, helper["name"]: 1}


def test_the_legs_of_calls_are_found_by_their_linkedid() -> None:
    """Whichever side is listed first."""
    vars_of = [{"channelvars": {"CHANNEL(linkedid)": f"pbx-{call}"}} for call in (1, 2)]
    listed = [channel | {"id": channel["name"]} | vars_of[1] for channel in reversed(TALK)]
    listed += [channel | {"id": channel["name"] + "0"} | vars_of[0] for channel in TALK]
    later, first = calls(listed)
    assert (later.agent, later.mobile) == (TALK[0]["name"], TALK[1]["name"])
    assert first.agent_name == TALK[0]["name"]
    assert first.agent == TALK[0]["name"] + "0"
    assert first.call_id != later.call_id


def test_events_are_told_by_type_with_the_filter_and_without() -> None:
    """Most bytes first; of a type that the filter declines none came through it."""
    whole = Watched(calls=2, seconds=0.02)
    whole.events.update(Dial=4, Hold=2)
    whole.bytes.update(Dial=200, Hold=400)
    ours = Watched(calls=1, seconds=0.01)
    ours.bytes.update(Dial=100)
    told = list(rows_of_types(Watched(1, 0.01), dict.fromkeys(WATCHERS, Watched(1)) | {FILTERED: ours, WHOLE: whole}))
    assert [(row.what, row.ours.p50, row.reference and row.reference.p50) for row in told[len(WATCHERS) :]] == [
        ("all events, 3.0 a call", 100, 300),
        ("Hold, 1.0 a call", 0, 200),
        ("Dial, 2.0 a call", 100, 100),
    ]


@contextmanager
def answering(*pieces: bytes) -> Iterator[str]:
    """The URL of a server that gives one client these pieces for an answer, however often it asks."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_answer, args=(listening, pieces))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/ari"
        thread.join()


def _answer(listening: socket.socket, pieces: tuple[bytes, ...]) -> None:
    asking, _ = listening.accept()
    with asking:
        asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while asking.recv(65536):
            for piece in pieces:
                asking.sendall(piece)


OTHERS = b"HTTP/1.1 500 Not It\r\n\r\n" * 700_000
"""More than a socket holds, so it comes in pieces; and whoever does not read it to its end takes it for an answer."""


@pytest.mark.parametrize(
    ("etag", "pieces"),
    [
        ("", (b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: %d\r\n\r\n" % len(OTHERS), OTHERS)),
        ("", (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",)),
        ('"same"', (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",)),
    ],
    ids=["in pieces", "empty", "unchanged"],
)
def test_a_wire_reads_an_answer_to_its_end(etag: str, pieces: tuple[bytes, ...]) -> None:
    """Or what is left of it would be the next one's."""
    assert len(asyncio.run(_ask_twice(etag, pieces))) == 2


@pytest.mark.parametrize("etag", ["", '"same"'])
def test_a_wire_takes_no_other_answer_for_the_one_that_is_measured(etag: str) -> None:
    """An error would be fast, and so would be the 304 of a list that has changed."""
    with pytest.raises(AssertionError):
        asyncio.run(_ask_twice(etag, (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",)))


async def _ask_twice(etag: str, pieces: tuple[bytes, ...]) -> list[float]:
    with answering(*pieces) as url:
        client = Client(url, "Bearer x")
        async with client.session:
            with wire(client, "/channels", etag) as asking:
                return [*await asking.timed(), *await asking.timed()]
