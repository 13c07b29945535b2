"""The live picture, on event streams that a real Asterisk sent while real phones called."""

import gc
import weakref
from itertools import pairwise

import pytest

from service import ids
from service.ari.models import Event
from service.calls import reduce
from service.calls.model import Call
from service.calls.picture import Picture
from tests.fast.replay import NAMES, Snapshot, Step, Story, contents, events, start, steps, story

ACME = "acme.test"

# What the tenant's list showed, row by row; ? marks a leg that has not answered.
STORIES: dict[str, list[list[str]]] = {
    "attended_transfer": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside bleg=101",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside bleg=102",
            "over",
        ],
    ],
    "click_to_call": [
        [
            "outbound 101 > 0909123456 CS_INIT",
            "outbound 101 > 0909123456 CS_INIT aleg=101?",
            "outbound 101 > 0909123456 CS_CONSUME_MEDIA aleg=101?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside",
            "over",
        ],
    ],
    "click_to_call_local": [
        [
            "local 101 > 102 CS_INIT",
            "local 101 > 102 CS_INIT aleg=101?",
            "local 101 > 102 CS_CONSUME_MEDIA aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101",
            "local 101 > 102 CS_EXECUTE aleg=101 bleg=102?",
            "local 101 > 102 CS_EXECUTE aleg=101 bleg=102",
            "over",
        ],
    ],
    "click_to_call_refused": [
        [
            "outbound 101 > 0909123456 CS_INIT",
            "outbound 101 > 0909123456 CS_INIT aleg=101?",
            "outbound 101 > 0909123456 CS_CONSUME_MEDIA aleg=101?",
            "over",
        ],
    ],
    "conference": [
        [
            "outbound 101 > 800 CS_INIT aleg=101?",
            "outbound 101 > 800 CS_EXECUTE aleg=101?",
            "local 101 > 800 CS_EXECUTE aleg=101",
            "over",
        ],
        [
            "outbound 102 > 800 CS_INIT aleg=102?",
            "outbound 102 > 800 CS_EXECUTE aleg=102?",
            "local 102 > 800 CS_EXECUTE aleg=102",
            "over",
        ],
    ],
    "inbound": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside bleg=101",
            "over",
        ],
    ],
    "inbound_given_up": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "over",
        ],
    ],
    "inbound_two_registrations": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside bleg=101",
            "over",
        ],
    ],
    "local": [
        [
            "local 101 > 102 CS_INIT aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101? bleg=102?",
            "local 101 > 102 CS_EXECUTE aleg=101? bleg=102",
            "local 101 > 102 CS_EXECUTE aleg=101 bleg=102",
            "over",
        ],
    ],
    "outbound": [
        [
            "outbound 101 > 0909123456 CS_INIT aleg=101?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101? bleg=outside?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101? bleg=outside",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside",
            "over",
        ],
    ],
    "park": [
        [
            "outbound 101 > 0909123456 CS_INIT",
            "outbound 101 > 0909123456 CS_INIT aleg=101?",
            "outbound 101 > 0909123456 CS_CONSUME_MEDIA aleg=101?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside",
            "outbound 101 > 0909123456 CS_EXECUTE bleg=outside",
            "outbound 101 > 0909123456 CS_PARK bleg=outside",
            "outbound 101 > 0909123456 CS_EXECUTE bleg=outside",
            "outbound 102 > 0909123456 CS_EXECUTE bleg=outside",
            "outbound 102 > 0909123456 CS_EXECUTE aleg=102? bleg=outside",
            "outbound 102 > 0909123456 CS_EXECUTE aleg=102 bleg=outside",
            "over",
        ],
    ],
    "park_extension": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE bleg=101",
            "inbound 0909123456 > 101 CS_PARK bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE bleg=101",
            "over",
        ],
    ],
    "pickup": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside bleg=101?",
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside bleg=102",
            "over",
        ],
        [
            "outbound 102 > *8 CS_INIT aleg=102?",
            "local 102 > *8 CS_EXECUTE aleg=102",
            "over",
        ],
    ],
    "queue": [
        [
            "inbound 0909123456 > 02873001236 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 02873001236 CS_EXECUTE aleg=outside",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside bleg=102?",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside bleg=102",
            "over",
        ],
    ],
    "refer": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside bleg=101",
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside bleg=102?",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside bleg=102",
            "over",
        ],
    ],
    "ring_group": [
        [
            "inbound 0909123456 > 02873001235 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside? bleg=102?",
            "inbound 0909123456 > 02873001235 CS_EXECUTE aleg=outside? bleg=103?",
            "inbound 0909123456 > 103 CS_EXECUTE aleg=outside? bleg=103",
            "inbound 0909123456 > 103 CS_EXECUTE aleg=outside bleg=103",
            "over",
        ],
    ],
    "supervised_to_the_end": [
        [
            "local 101 > 102 CS_INIT aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101? bleg=102?",
            "local 101 > 102 CS_EXECUTE aleg=101? bleg=102",
            "local 101 > 102 CS_EXECUTE aleg=101 bleg=102",
            "over",
        ],
    ],
    "supervision": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside bleg=101",
            "over",
        ],
    ],
    "transfer_of_extension": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside bleg=101",
            "inbound 102 > 101 CS_EXECUTE bleg=101",
            "inbound 102 > 101 CS_EXECUTE aleg=102? bleg=101",
            "inbound 102 > 101 CS_EXECUTE aleg=102 bleg=101",
            "over",
        ],
    ],
    "transfer_of_ringing": [
        [
            "inbound 0909123456 > 02873001234 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 101 CS_EXECUTE aleg=outside? bleg=101?",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside?",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside? bleg=102?",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside? bleg=102",
            "inbound 0909123456 > 102 CS_EXECUTE aleg=outside bleg=102",
            "over",
        ],
    ],
    "transfer_twice": [
        [
            "outbound 101 > 0909123456 CS_INIT",
            "outbound 101 > 0909123456 CS_INIT aleg=101?",
            "outbound 101 > 0909123456 CS_CONSUME_MEDIA aleg=101?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside",
            "outbound 102 > 0909123456 CS_EXECUTE bleg=outside",
            "outbound 102 > 0909123456 CS_EXECUTE aleg=102? bleg=outside",
            "outbound 102 > 0909123456 CS_EXECUTE aleg=102 bleg=outside",
            "outbound 103 > 0909123456 CS_EXECUTE bleg=outside",
            "outbound 103 > 0909123456 CS_EXECUTE aleg=103? bleg=outside",
            "outbound 103 > 0909123456 CS_EXECUTE aleg=103 bleg=outside",
            "over",
        ],
    ],
    "two_registrations": [
        [
            "outbound 101 > 0909123456 CS_INIT",
            "outbound 101 > 0909123456 CS_INIT aleg=101?",
            "outbound 101 > 0909123456 CS_CONSUME_MEDIA aleg=101?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside?",
            "outbound 101 > 0909123456 CS_EXECUTE aleg=101 bleg=outside",
            "over",
        ],
    ],
    "two_tenants": [
        [
            "local 101 > 102 CS_INIT aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101? bleg=102?",
            "local 101 > 102 CS_EXECUTE aleg=101? bleg=102",
            "local 101 > 102 CS_EXECUTE aleg=101 bleg=102",
            "over",
        ],
        [
            "local 101 > 102 CS_INIT aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101?",
            "local 101 > 102 CS_EXECUTE aleg=101? bleg=102?",
            "local 101 > 102 CS_EXECUTE aleg=101? bleg=102",
            "local 101 > 102 CS_EXECUTE aleg=101 bleg=102",
            "over",
        ],
    ],
}

STRANGE = (
    {"type": "ChannelTalkingStarted"},
    {"type": "NobodyKnowsThis", "bridge": {"id": "x"}},
    {"type": "ChannelCreated"},
    {"type": "ChannelEnteredBridge"},
    {"type": "ChannelLeftBridge"},
    {"type": "BridgeDestroyed"},
)


@pytest.mark.parametrize("name", NAMES)
def test_story(name: str) -> None:
    """The list shows this, from the first channel to the last, each call under one id."""
    assert story(steps(name)).calls == STORIES[name]


def test_every_recording_has_its_story() -> None:
    """None is missing, none is left over."""
    assert set(STORIES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_picture_from_a_snapshot_is_the_picture_from_events(name: str) -> None:
    """A service started at any quiet moment knows what one that watched from the beginning knows, then and later."""
    recorded = steps(name)
    watching: list[Picture] = []
    for step in recorded:
        if isinstance(step, Event):
            for picture in watching:
                reduce.apply(picture, step)
        else:
            watching.append(step.picture())
            for picture in watching[:-1]:
                assert contents(picture) == contents(watching[-1]), step.name


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_at_the_end(name: str) -> None:
    """Of ended calls not a trace is kept."""
    recorded = steps(name)
    picture = start(recorded)
    for event in events(recorded):
        reduce.apply(picture, event)
    kept = {field: value for field, value in vars(picture).items() if field != "_extensions"}
    assert {field: value for field, value in kept.items() if value} == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_that_a_new_one_replaces_is_gone_at_once(name: str) -> None:
    """No search for garbage is needed, which hardly ever comes: after each lost connection memory would be higher."""
    recorded = steps(name)
    picture = start(recorded)
    gc.disable()
    try:
        for event in events(recorded):
            reduce.apply(picture, event)
        old, picture = weakref.ref(picture), Picture()
        assert old() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("name", NAMES)
def test_an_event_that_comes_twice_changes_nothing(name: str) -> None:
    """The second of each pair is no news."""
    recorded = steps(name)
    picture = start(recorded)
    for event in events(recorded):
        reduce.apply(picture, event)
        before = contents(picture)
        assert reduce.apply(picture, event) == []
        assert contents(picture) == before


@pytest.mark.parametrize("name", NAMES)
def test_backlog_older_than_the_snapshot(name: str) -> None:
    """What queued while the snapshot was taken is applied on top of it, and the picture is true in the end."""
    recorded = steps(name)
    for earlier, later in pairwise(_quiet_moments(recorded)):
        snapshot = recorded[later]
        assert isinstance(snapshot, Snapshot)
        picture = snapshot.picture()
        for event in events(recorded[earlier:later]):
            reduce.apply(picture, event)
        assert contents(picture) == contents(snapshot.picture()), snapshot.name


@pytest.mark.parametrize("name", NAMES)
def test_ghosts_change_nothing(name: str) -> None:
    """Events about channels and bridges nobody announced, all but their creation, leave an empty picture empty."""
    picture = Picture()
    for event in events(steps(name)):
        if event.type not in ("ChannelCreated", "BridgeCreated"):
            assert reduce.apply(picture, event) == []
            assert not any(contents(picture).values())


@pytest.mark.parametrize("name", NAMES)
def test_strange_events_change_nothing(name: str) -> None:
    """Types that are not known, and known ones without their parts, are no matter."""
    recorded = steps(name)
    picture, told = start(recorded), Story()
    for event in events(recorded):
        told.told(reduce.apply(picture, event))
        for strange in STRANGE:
            assert reduce.apply(picture, Event.model_validate(strange)) == []
    assert told.calls == STORIES[name]


@pytest.mark.parametrize("name", NAMES)
def test_changes_tell_all(name: str) -> None:
    """Whoever only listens to changes knows the same calls as the picture."""
    recorded = steps(name)
    picture = start(recorded)
    heard: dict[tuple[str, str], Call] = {}
    for event in events(recorded):
        for change in reduce.apply(picture, event):
            if change.before:
                assert heard.pop((change.before.domain, change.before.id)) == change.before
            if change.after:
                heard[change.after.domain, change.after.id] = change.after
        assert heard == {(call.domain, call.id): call for call in picture.all_calls()}


@pytest.mark.parametrize("name", NAMES)
def test_calls_are_found_by_id_and_by_leg_and_only_by_their_tenant(name: str) -> None:
    """Neither a supervisor's channel, nor a Snoop, nor a Local channel is a way to a call."""
    for snapshot in (step for step in steps(name) if isinstance(step, Snapshot)):
        picture = snapshot.picture()
        for call in picture.all_calls():
            assert picture.find(call.domain, call.id) == call
            assert picture.find("other.test", call.id) is None
            assert {picture.find(call.domain, leg.id) for leg in call.legs} <= {call}
            assert {picture.find("other.test", leg.id) for leg in call.legs} <= {None}
        for channel in snapshot.channels:
            ours = channel.channelvars[reduce.LINKEDID].startswith(ids.OURS)
            if ours or (channel.name.startswith(("Local/", "Snoop/")) and not ids.is_call_uuid(channel.id)):
                assert picture.find(ACME, channel.id) is None


@pytest.mark.parametrize("kind", ["ChannelStateChange", "ChannelDialplan", "ChannelEnteredBridge", "ChannelLeftBridge"])
def test_no_type_that_comes_often_can_be_spared(kind: str) -> None:
    """Without it some tenant would have seen another story, or the picture would have been untrue at a quiet moment."""
    assert any(not _is_true_without(kind, name) for name in NAMES)


def _is_true_without(kind: str, name: str) -> bool:
    told, picture = Story(), start(steps(name))
    for step in steps(name):
        if isinstance(step, Snapshot) and contents(picture) != contents(step.picture()):
            return False
        if isinstance(step, Event) and step.type != kind:
            told.told(reduce.apply(picture, step))
    return told.calls == STORIES[name]


def test_supervision_is_read_from_any_snapshot() -> None:
    """Who supervises whom, in which mode, stands in Asterisk alone."""
    seen = {
        snapshot.name: [
            (found.target.extension, found.mode, found.phone_bridged) for found in snapshot.picture().supervisions()
        ]
        for snapshot in steps("supervision")
        if isinstance(snapshot, Snapshot)
    }
    assert seen == {
        "start": [],
        "supervisor rings": [("103", "listen", False)],
        "listening": [("103", "listen", True)],
        "whisper": [("103", "whisper", True)],
        "barge": [("103", "barge", True)],
        "listen": [("103", "listen", True)],
        "supervisor gone": [],
        "end": [],
    }


def test_the_picked_up_call_keeps_its_id() -> None:
    """Two calls become one: the older id lives on."""
    recorded = steps("pickup")
    told = story(recorded)
    (first, _), (second, _) = told.rows.items()
    talking = next(step for step in recorded if isinstance(step, Snapshot) and step.name == "talking").picture()
    assert talking.find(*first) is not None
    assert talking.find(*second) is None


def _quiet_moments(recorded: list[Step]) -> list[int]:
    return [index for index, step in enumerate(recorded) if isinstance(step, Snapshot)]
