"""Events that come in one go are applied together: the picture and the log's story are those of one by one."""

from collections.abc import Iterator, Sequence
from itertools import islice

import pytest

from service import journal
from service.ari.models import Event
from service.calls import reduce
from service.calls.derive import Surroundings, derive
from service.calls.model import Call, Channel
from service.calls.picture import Picture
from service.calls.together import parts
from tests.fast.channels import event, phone, picture
from tests.fast.replay import NAMES, Step, contents, events, start, steps

KEY = "0123456789abcdef0123456789abcdef"
AT_ONCE = (2, 3, 5, 8, 13, 10_000)
"""The last is more than any recording has."""


def batches(recorded: list[Step], size: int) -> Iterator[list[Event]]:
    coming = events(recorded)
    while batch := list(islice(coming, size)):
        yield batch


def played(recorded: list[Step], at_once: int, log: pytest.LogCaptureFixture) -> tuple[Picture, list[tuple[str, ...]]]:
    """The picture at the end of a recording that came so many events at once, and what the log tells of each call."""
    log.clear()
    picture = start(recorded)
    for batch in batches(recorded, at_once):
        for part in parts(batch):
            journal.turning_points(part, reduce.apply(picture, *part))
    return picture, sorted((one.__dict__["ids"]["call"], one.getMessage()) for one in log.records)


@pytest.mark.parametrize("at_once", AT_ONCE)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_missed(name: str, at_once: int, caplog: pytest.LogCaptureFixture) -> None:
    """However many come at once, each call begins, is answered, is parked and ends in the log as it does one by one."""
    caplog.set_level("INFO", "patchbay")
    recorded = steps(name)
    picture, told = played(recorded, 1, caplog)
    together, told_together = played(recorded, at_once, caplog)
    assert told
    assert told_together == told
    assert contents(together) == contents(picture)


def test_a_call_is_read_anew_a_few_times(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Its setup and its end are some thirty events, most of which change one of its channels."""
    read: list[str] = []

    def counted(linkedid: str, channels: Sequence[Channel], around: Surroundings) -> list[Call]:
        read.append(linkedid)
        return derive(linkedid, channels, around)

    monkeypatch.setattr("service.calls.picture.derive", counted)
    played(steps("outbound"), 1, caplog)
    one_by_one = len(read)
    played(steps("outbound"), 100, caplog)
    assert len(read) - one_by_one < one_by_one / 2


def test_each_event_of_ours_is_a_part_of_its_own() -> None:
    """A Snoop that was heard for an instant is one that was heard."""
    mine, ours = phone("101"), phone("101").model_copy(update={"id": f"patchbay-{KEY}-phone"})
    first, *others = [event("ChannelDialplan", channel=one) for one in (mine, mine, ours, ours, mine, mine)]
    assert [len(part) for part in parts([first, *others])] == [2, 1, 1, 2]
    assert [one for part in parts([first, *others]) for one in part] == [first, *others]


def test_only_what_is_told_anew_is_passed_over() -> None:
    """Of the dialplan's steps the last one counts; a user event on the same channel tells nothing of it."""
    ringing, seen = phone("101", "Ring"), Picture()
    up = ringing.model_copy(update={"state": "Up"})
    reduce.apply(
        seen,
        event("ChannelCreated", channel=ringing),
        event("ChannelDialplan", channel=up),
        event("ChannelUserevent", channel=ringing),
    )
    assert seen.channel(up.id) == picture(up).channel(up.id)
    assert picture(up).channel(up.id) != picture(ringing).channel(up.id)


def test_no_events_are_no_part() -> None:
    """Nobody is told of nothing, which would mean a new picture."""
    assert list(parts([])) == []
