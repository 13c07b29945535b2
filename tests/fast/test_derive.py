"""How calls are read out of channels: the rules that recordings do not reach."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import ids
from service.ari.models import Channel, Event, Party
from service.calls import reduce
from service.calls.model import State
from service.calls.picture import Picture
from service.calls.record import CallRecord, Direction, LegRecord, Side
from tests.fast.channels import (
    ACME,
    FIRST_SECOND,
    GLOBEX,
    LINKEDID,
    MOBILE,
    bridge,
    channel,
    event,
    only,
    parking,
    phone,
    picture,
    rows,
    trunk,
)
from tests.fast.replay import NAMES, Snapshot, contents, events, steps

UUID = "0b0e7a5e-6a3e-4c0e-9d55-8f6f3a9b1c2d"
CLICK = CallRecord(UUID, ACME, Direction.OUTBOUND, FIRST_SECOND, "101", MOBILE)


def record(direction: Direction, source: str, destination: str, linkedid: str = LINKEDID) -> CallRecord:
    """What stands on the legs of a call of which one was moved."""
    return CallRecord(ids.call_id(linkedid, ACME), ACME, direction, FIRST_SECOND, source, destination)


# tenants


def test_a_call_between_two_tenants_is_two_calls() -> None:
    """Each has its own id and row, and the other's phone is the outside party."""
    caller, called = phone("101", dialled="02873005678"), phone("102", domain=GLOBEX, number="102")
    seen = picture(caller, called, bridge(caller, called))
    assert rows(seen, ACME) == ["outbound 101 > 02873005678 CS_EXECUTE aleg=101 bleg=outside"]
    assert rows(seen, GLOBEX) == ["inbound 101 > 102 CS_EXECUTE aleg=outside bleg=102"]
    assert only(seen, ACME).id != only(seen, GLOBEX).id
    assert seen.find(GLOBEX, only(seen, ACME).id) is None


def test_each_tenant_reaches_a_shared_call_by_its_legs() -> None:
    """A leg's id means the asking tenant's own call."""
    caller, called = phone("101", dialled="02873005678"), phone("102", domain=GLOBEX)
    seen = picture(caller, called, bridge(caller, called))
    for domain in (ACME, GLOBEX):
        assert {seen.find(domain, leg.id) for leg in (caller, called)} == {only(seen, domain)}


def test_click_to_call_to_another_tenants_phone_has_its_uuid_for_the_clicking_tenant_only() -> None:
    """The other one's id is made of the linkedid and its domain."""
    agent = phone("101", linkedid=UUID, call=CLICK, leg="aleg/")
    other = phone("101", domain=GLOBEX, linkedid=UUID, call=CLICK)
    seen = picture(agent, other, bridge(agent, other))
    assert only(seen, ACME).id == UUID
    assert only(seen, GLOBEX).id == ids.call_id(UUID, GLOBEX)


def test_a_channel_without_a_tenant_belongs_to_nobody() -> None:
    """It is in the picture, and in no call."""
    assert list(picture(trunk(dialled="999")).all_calls()) == []


def test_a_phones_domain_outweighs_the_tenantid() -> None:
    """After a merge the tenantid of another call can stand there."""
    caller, called = phone("101", dialled="102", tenant=GLOBEX), phone("102", tenant=GLOBEX)
    seen = picture(caller, called, bridge(caller, called))
    assert len(rows(seen, ACME)) == 1
    assert rows(seen, GLOBEX) == []


def test_tenantid_serves_a_call_without_a_phone() -> None:
    """An inbound call that waits has an owner."""
    assert rows(picture(trunk(dialled="02873001236", tenant=ACME, app="Queue"))) == [
        f"inbound {MOBILE} > 02873001236 CS_EXECUTE aleg=outside"
    ]


def test_what_our_own_helpers_do_is_no_call() -> None:
    """A supervisor's phone belongs to no call, nor does anything it reaches."""
    key = ids.new_key()
    boss = phone("103", linkedid=ids.phone_id(key))
    seen = picture(boss, channel("Local/ring@patchbay-ring-01;1", linkedid=ids.phone_id(key), id=ids.phone_id(key)))
    assert list(seen.all_calls()) == []
    assert seen.find(ACME, boss.id) is None


# ids


def test_uuid_of_a_click_to_call_is_the_id_before_any_phone_rings() -> None:
    """It is known from the moment of the answer on."""
    seen = picture(channel("Local/ring@patchbay-ring-01;1", "Down", linkedid=UUID, id=UUID, call=CLICK))
    assert rows(seen) == [f"outbound 101 > {MOBILE} CS_INIT"]
    assert only(seen).id == UUID


def test_uuid_linkedid_of_somebody_else_is_hashed() -> None:
    """Only what carries our record of that very id was made by click-to-call."""
    caller, called = phone("101", linkedid=UUID, dialled="102"), phone("102", linkedid=UUID)
    assert only(picture(caller, called)).id == ids.call_id(UUID, ACME)


def test_of_two_merged_calls_the_older_id_lives_on_and_the_clicks_is_still_found() -> None:
    """A click-to-call that was merged into an inbound call keeps its uuid as another name."""
    customer = trunk(dialled="02873001234", tenant=ACME)
    mobile = trunk(call=CLICK, number="0911000000")
    seen = picture(customer, mobile, bridge(customer, mobile))
    call = only(seen)
    assert call.id == ids.call_id(LINKEDID, ACME)
    assert seen.find(ACME, UUID) is call
    assert seen.find(GLOBEX, UUID) is None


def test_a_merge_is_seen_when_the_leg_enters_the_bridge() -> None:
    """No event tells of it: the members of a basic bridge take the linkedid of the one that enters."""
    caller = trunk(dialled="02873001234", tenant=ACME)
    asked = phone("102", linkedid="pbx-1700000009.9")
    together = bridge(caller, asked)
    seen = picture(caller, asked, bridge(asked))
    assert len(rows(seen)) == 2
    reduce.apply(seen, event("ChannelEnteredBridge", channel=caller, bridge=together))
    assert rows(seen) == [f"inbound {MOBILE} > 102 CS_EXECUTE aleg=outside bleg=102"]


def test_members_of_a_conference_stay_calls_of_their_own() -> None:
    """A conference's bridge is not a basic one."""
    one = phone("101", dialled="800", app="ConfBridge")
    two = phone("102", dialled="800", app="ConfBridge", linkedid="pbx-1700000009.9")
    seen = picture(one, two)
    for member, inside in ((one, (one,)), (two, (one, two))):
        room = bridge(*inside, basic=False).model_copy(update={"id": "room"})
        reduce.apply(seen, event("ChannelEnteredBridge", channel=member, bridge=room))
    assert rows(seen) == ["local 101 > 800 CS_EXECUTE aleg=101", "local 102 > 800 CS_EXECUTE aleg=102"]


@pytest.mark.parametrize(
    ("linkedid", "second"),
    [
        ("pbx-1700000000.1", 1700000000),
        ("1700000000.1", 1700000000),
        ("a-b-1700000000.12", 1700000000),
        ("campaign-20261122211700", None),
        ("job-99999999999999999999.1", None),
        ("x-²²²²²²²²²².1", None),
        ("1700000000", None),
        ("\n-1700000000.1", 1700000000),
    ],
)
def test_created_is_the_linkedids_second_if_asterisk_chose_it(linkedid: str, second: int | None) -> None:
    """The first channel may have gone long ago; somebody else's name for one tells no time."""
    leg = phone("101", linkedid=linkedid, dialled="102")
    assert only(picture(leg)).created == (second or int(leg.creationtime.timestamp()))


# sides and numbers


@pytest.mark.parametrize("moved", [Side.ALEG, Side.BLEG])
def test_direction_and_names_stay_when_an_outbound_call_is_transferred(moved: Side) -> None:
    """Whichever leg was moved keeps its side, the newcomer takes the other."""
    known = record(Direction.OUTBOUND, "101", MOBILE)
    newcomer = phone("102", call=known)
    if moved is Side.BLEG:
        kept = trunk(call=known, leg=LegRecord(moved, "102"))
        expected = f"outbound 102 > {MOBILE} CS_EXECUTE aleg=102 bleg=outside"
    else:
        kept = phone("101", call=known, leg=LegRecord(moved, "102"), dialled=MOBILE)
        expected = "outbound 101 > 102 CS_EXECUTE aleg=101 bleg=102"
    assert rows(picture(kept, newcomer, bridge(kept, newcomer))) == [expected]


def test_while_the_newcomer_is_awaited_its_number_is_shown() -> None:
    """It stands where the released leg stood."""
    known = record(Direction.INBOUND, MOBILE, "101")
    kept = trunk(call=known, leg=LegRecord(Side.ALEG, "102"), dialled="02873001234", tenant=ACME)
    assert rows(picture(kept)) == [f"inbound {MOBILE} > 102 CS_EXECUTE aleg=outside"]


@pytest.mark.parametrize("side", list(Side))
def test_a_parked_calls_row_is_as_before(side: Side) -> None:
    """Numbers and direction stay, the state is the park's, the waiting leg keeps its side."""
    known = record(Direction.INBOUND, MOBILE, "101")
    if side is Side.ALEG:
        waiting = trunk(call=known, leg=LegRecord(side, "101"), dialled="02873001234", app="BridgeWait")
    else:
        waiting = phone("101", call=known, leg=LegRecord(side, MOBILE), app="BridgeWait")
    who = "outside" if side is Side.ALEG else "101"
    seen = picture(waiting, parking(waiting))
    assert rows(seen) == [f"inbound {MOBILE} > 101 CS_PARK {side}={who}"]
    leg = only(seen).signalling_leg
    assert leg is not None
    assert leg.id == waiting.id


def test_a_parked_mobile_has_an_owner_and_its_holding_bridge_no_pairs() -> None:
    """Several wait in the same bridge and are no party to each other."""
    known = [record(Direction.OUTBOUND, "101", MOBILE, f"pbx-1700000000.{n}") for n in (1, 2)]
    legs = [
        trunk(call=one, leg=LegRecord(Side.BLEG, "101"), linkedid=f"pbx-1700000000.{n}", app="BridgeWait")
        for n, one in enumerate(known, 1)
    ]
    assert rows(picture(*legs, parking(*legs))) == [f"outbound 101 > {MOBILE} CS_PARK bleg=outside"] * 2


def test_another_holding_bridge_is_no_park() -> None:
    """Only ours are named park-."""
    leg = phone("101", dialled="700", app="BridgeWait")
    waiting_room = bridge(leg, name="lounge", kind="holding", basic=False)
    assert only(picture(leg, waiting_room)).state is State.EXECUTE


def test_a_ring_group_shows_the_dialled_number_until_one_is_chosen() -> None:
    """Two ring: nobody yet; one answers: it."""
    caller = trunk("Ring", dialled="02873001235", tenant=ACME)
    first, second = phone("102", "Ringing"), phone("103", "Ringing")
    assert only(picture(caller, first, second)).destination == "02873001235"
    answered = second.model_copy(update={"state": "Up"})
    assert only(picture(caller, first, answered)).destination == "103"


def test_a_queue_shows_the_dialled_number_until_a_member_is_chosen() -> None:
    """The caller is up already, the members ring."""
    caller = trunk(dialled="02873001236", tenant=ACME, app="Queue")
    members = [phone(extension, "Ringing", app="AppQueue") for extension in ("102", "103")]
    assert rows(picture(caller, *members)) == [f"inbound {MOBILE} > 02873001236 CS_EXECUTE aleg=outside bleg=103?"]


def test_two_phones_of_one_extension_are_one_party() -> None:
    """They are rung together and are no pair."""
    legs = [phone("101", "Ringing", linkedid=UUID, call=CLICK, leg="aleg/") for _ in range(2)]
    assert rows(picture(*legs)) == [f"outbound 101 > {MOBILE} CS_CONSUME_MEDIA aleg=101?"]
    caller = trunk("Ring", dialled="02873001234", tenant=ACME)
    both = [phone("101", "Ringing") for _ in range(2)]
    assert only(picture(caller, *both)).destination == "101"


def test_the_partner_is_found_through_local_channels() -> None:
    """From one half to the other, bridge by bridge; an older leg elsewhere does not come between."""
    caller, elsewhere, far = trunk(dialled="02873001234", tenant=ACME), phone("102"), phone("101")
    a1, a2 = channel("Local/x@y-01;1"), channel("Local/x@y-01;2")
    b1, b2 = channel("Local/x@y-02;1"), channel("Local/x@y-02;2")
    seen = picture(caller, elsewhere, far, a1, a2, b1, b2, bridge(caller, a1), bridge(a2, b1), bridge(b2, far))
    assert rows(seen) == [f"inbound {MOBILE} > 101 CS_EXECUTE aleg=outside bleg=101"]
    assert only(seen).channels == {caller.id, elsewhere.id, far.id}


def test_local_channels_in_a_ring_come_to_an_end() -> None:
    """A loop of Local channels is walked once."""
    caller = phone("101", dialled="102")
    a1, a2 = channel("Local/x@y-03;1"), channel("Local/x@y-03;2")
    seen = picture(caller, a1, a2, bridge(caller, a1, a2))
    assert rows(seen) == ["local 101 > 102 CS_EXECUTE aleg=101"]


def test_a_caller_who_hides_the_number_has_none() -> None:
    """What Asterisk does not know is not invented."""
    caller = trunk(dialled="02873001234", tenant=ACME, number="")
    assert (only(picture(caller)).source, only(picture(caller)).destination) == ("", "02873001234")


def test_extension_numbers_come_from_the_endpoint() -> None:
    """The caller id of an outbound call is the hotline."""
    caller, far = phone("101", number="02873001234", dialled=MOBILE), trunk()
    assert only(picture(caller, far, bridge(caller, far))).source == "101"


@pytest.mark.parametrize(
    ("leg", "state"),
    [
        (phone("101", "Ring", dialled="102", app=""), State.INIT),
        (phone("101", "Ring", dialled="102"), State.EXECUTE),
        (phone("101", dialled="102"), State.EXECUTE),
        (phone("101", "Down", linkedid=UUID, call=CLICK), State.INIT),
        (phone("101", "Down", linkedid=UUID, call=CLICK, leg="aleg/", app="Set"), State.INIT),
        (phone("101", "Ringing", linkedid=UUID, call=CLICK, leg="aleg/"), State.CONSUME_MEDIA),
        (phone("101", linkedid=UUID, call=CLICK, leg="aleg/"), State.EXECUTE),
    ],
)
def test_states_of_a_lone_aleg(leg: Channel, state: State) -> None:
    """FreeSWITCH's words."""
    seen = only(picture(leg))
    assert seen.state is state
    assert seen.aleg is not None


@pytest.mark.parametrize(
    ("leg", "movable"),
    [
        (phone("102", "Ringing"), False),
        (phone("102", "Down", app="Return"), False),  # what the option b of Dial() ran last
        (phone("102"), False),  # answered and not yet bridged: its Dial() would lose it
        (phone("102", dialled="101"), True),
        (phone("102", "Ring", dialled="101"), True),
        (phone("102", app="VoiceMail"), True),
    ],
)
def test_movable(leg: Channel, movable: bool) -> None:
    """A leg that is being rung, or just was, belongs to whoever rings it."""
    call = only(picture(leg))
    assert [one.movable for one in call.legs] == [movable]


def test_a_bridged_leg_of_somebody_elses_dial_is_movable() -> None:
    """Up and in a bridge."""
    caller, called = phone("101", dialled="102"), phone("102")
    assert [leg.movable for leg in only(picture(caller, called, bridge(caller, called))).legs] == [True, True]


def test_an_outbound_call_stays_outbound_when_the_far_side_has_gone() -> None:
    """Its Dial() has not returned yet."""
    assert rows(picture(phone("101", dialled=MOBILE))) == [f"outbound 101 > {MOBILE} CS_EXECUTE aleg=101"]


def test_a_parked_leg_has_no_partner() -> None:
    """The leg that was cut can still be on its way out."""
    waiting = phone("101", call=record(Direction.LOCAL, "101", "102"), leg=LegRecord(Side.ALEG, "102"))
    cut = phone("102")
    seen = picture(waiting, cut, parking(waiting))
    assert rows(seen) == ["local 101 > 102 CS_PARK aleg=101"]


# events


def test_leaving_a_bridge_is_a_change_of_the_call() -> None:
    """A parked leg that left the park is parked no more."""
    leg = phone("101", call=record(Direction.LOCAL, "101", "102"), leg=LegRecord(Side.ALEG, "102"))
    park = parking(leg)
    seen = picture(leg, park)
    (change,) = reduce.apply(
        seen, event("ChannelLeftBridge", channel=leg, bridge=park.model_copy(update={"channels": ()}))
    )
    assert (change.before and change.before.parked, change.after and change.after.parked) == (True, False)


def test_a_new_caller_id_is_seen() -> None:
    """It comes with an event of its own."""
    caller = trunk(dialled="02873001234", tenant=ACME)
    seen = picture(caller)
    renamed = caller.model_copy(update={"caller": caller.caller.model_copy(update={"number": "0988000000"})})
    reduce.apply(seen, event("ChannelCallerId", channel=renamed))
    assert only(seen).source == "0988000000"


@pytest.mark.parametrize("role", ["caller", "peer"])
def test_dial_tells_of_both_channels(role: str) -> None:
    """It is the first event that shows what the originate's variables are."""
    leg = phone("101", linkedid=UUID, leg="aleg/")
    seen = picture(leg)
    told = leg.model_copy(update={"channelvars": leg.channelvars | {reduce.CALL: CLICK.render()}})
    reduce.apply(seen, event("Dial", **{role: told}))
    assert only(seen).id == UUID


# records


@pytest.mark.parametrize(
    "garbage",
    ["", "/", "/////", "a/b/c", "x/acme.test/sideways/1/2/3", f"{UUID}/acme.test/outbound/²/1/2", "${X}", "a" * 9999,
     f"{UUID}/acme.test/outbound/{'9' * 5000}/1/2", f"{UUID}/acme.test/outbound/99999999999/1/2"],
)  # fmt: skip
def test_a_strangers_record_is_ignored(garbage: str) -> None:
    """The call is read as if it were not there."""
    assert CallRecord.parse(garbage) is None
    caller, called = phone("101", dialled="102", call=garbage, leg=garbage), phone("102", call=garbage, leg=garbage)
    seen = picture(caller, called, bridge(caller, called))
    assert rows(seen) == ["local 101 > 102 CS_EXECUTE aleg=101 bleg=102"]
    assert only(seen).id == ids.call_id(LINKEDID, ACME)


def test_a_record_of_another_tenant_is_ignored() -> None:
    """It was inherited through a call between the two."""
    theirs = CallRecord(UUID, GLOBEX, Direction.OUTBOUND, 1, "666", "777")
    caller, called = phone("101", dialled="102", call=theirs), phone("102", call=theirs)
    seen = picture(caller, called, bridge(caller, called))
    assert rows(seen) == ["local 101 > 102 CS_EXECUTE aleg=101 bleg=102"]
    assert seen.find(ACME, UUID) is None


NUMBERS = st.text(max_size=40)
RECORDS = st.builds(
    CallRecord,
    st.uuids().map(str),
    st.from_regex(r"[0-9A-Za-z][0-9A-Za-z.-]{1,62}", fullmatch=True),
    st.sampled_from(Direction),
    st.integers(0, 9_999_999_999),
    NUMBERS,
    NUMBERS,
)


@given(RECORDS)
def test_call_record_survives_asterisk(known: CallRecord) -> None:
    """Whatever numbers callers chose; and nothing in it means anything to a dialplan."""
    assert CallRecord.parse(known.render()) == known
    assert not set(known.render()) & set("${}[]()\"'\\,;&|<>=?:! \r\n\t\0")


@given(st.builds(LegRecord, st.sampled_from(Side), NUMBERS))
def test_leg_record_survives_asterisk(known: LegRecord) -> None:
    """The same for what a moved leg carries."""
    assert LegRecord.parse(known.render()) == known
    assert not set(known.render()) & set("${}[]()\"'\\,;&|<>=?:! \r\n\t\0")


def test_plain_numbers_are_written_as_they_are() -> None:
    """An operator reads them in the dialplan."""
    assert CLICK.render() == f"{UUID}/acme.test/outbound/{FIRST_SECOND}/101/{MOBILE}"
    assert LegRecord(Side.ALEG, "+84909123456").render() == "aleg/+84909123456"


@given(st.text())
def test_parsing_never_raises(text: str) -> None:
    """Anything can stand in a channel variable."""
    CallRecord.parse(text)
    LegRecord.parse(text)


def test_one_application_after_another_is_no_change() -> None:
    """Most events of a call tell of a step in the dialplan, and few of these steps matter to it."""
    caller = phone("101", dialled="800", app="Set")
    seen = picture(caller)
    known = seen.channel(caller.id)
    for step in ("GotoIf", "Playback", "ConfBridge"):
        place = caller.dialplan.model_copy(update={"app_name": step})
        assert reduce.apply(seen, event("ChannelDialplan", channel=caller.model_copy(update={"dialplan": place}))) == []
        assert seen.channel(caller.id) is known


def test_a_trunk_that_never_rings_has_its_number_from_dial() -> None:
    """After 183 Session Progress no other event tells, until the answer, which number was really called."""
    caller = phone("101", dialled="9" + MOBILE)
    called = trunk("Down", number="")
    seen = picture(caller, called)
    reduce.apply(seen, event("Dial", caller=caller, peer=called.model_copy(update={"caller": Party(number=MOBILE)})))
    told = seen.channel(called.id)
    assert told is not None
    assert told.number == MOBILE


ALL_EVENTS = [one for name in NAMES for one in events(steps(name))]
ALL_SNAPSHOTS = [one for name in NAMES for one in steps(name) if isinstance(one, Snapshot)]


@settings(max_examples=60)
@given(st.sampled_from(ALL_SNAPSHOTS), st.lists(st.sampled_from(ALL_EVENTS), max_size=60))
def test_any_order_of_events_is_borne(snapshot: Snapshot, order: list[Event]) -> None:
    """Nothing raises, and the picture agrees with one that is read anew from the same channels and bridges."""
    seen = snapshot.picture()
    for one in order:
        reduce.apply(seen, one)
    again = Picture()
    again.put_extensions(seen._extensions)
    for kept in seen._channels.values():
        again.put_channel(kept)
    for group in seen._bridges.values():
        again.put_bridge(group)
    again.settle()
    one_place = len(seen._bridge_of) == sum(len(group.channels) for group in seen._bridges.values())
    if one_place:  # a channel that old events put into two bridges is in the one named last
        assert contents(seen)["calls"] == contents(again)["calls"]
