"""The service and asterisk/conf/ call the same things by the same names."""

import re
from collections.abc import Mapping

import pytest

from asterisk.pbx.places import CONF
from service import dialplan
from service.calls import reduce
from service.calls.model import PARK_BRIDGE
from service.calls.record import CallRecord, Direction, LegRecord, Side
from service.gate import ALLOWED, WRITTEN
from service.metrics import REFUSALS
from tests.fast.conf_files import Section, section, sections

PATCHBAY = "patchbay.conf"
RECORD = CallRecord("id", "acme.test", Direction.OUTBOUND, 1, "101", "0909123456")
DUE = dialplan.due(1767323045.6)
RING = {**dialplan.ring("101", "acme.test", "0909123456", Side.ALEG), **DUE}
INSIDE = dialplan.dial_inside(RECORD)
OUTSIDE = dialplan.dial_outside(RECORD, "02873001234", "carrier")
POLICY = dialplan.policy("key", "acme.test", "open/1/2/3/^(.)$/^$")
REDIRECT = {
    **dialplan.redirect(
        "key",
        "channel",
        RECORD,
        LegRecord(Side.ALEG, "102"),
        release="",
        pause=0,
        park_seconds=10,
        context="acme.test",
        exten="102",
        most_calls=0,
    ),
    **DUE,
}
# Which variables a channel has when it enters a context.
GIVEN: Mapping[str, Mapping[str, str]] = {
    "patchbay-ring": {**RING, **OUTSIDE},
    "patchbay-dial": {**RING, **OUTSIDE},
    "patchbay-policy": POLICY,
    "patchbay-redirect": REDIRECT,
    "patchbay-move": {},
    "patchbay-park": {},
}


def contexts() -> list[Section]:
    return sections(PATCHBAY)


def text(context: str) -> str:
    """A context's steps, one a line."""
    return "\n".join(value for _, value in section(PATCHBAY, context).lines)


def read(steps: str) -> set[str]:
    """Variables whose own value is asked for; not those of another channel."""
    return set(re.findall(r"\$\{(PATCHBAY_\w+)\}", steps)) | set(re.findall(r"CUT\((PATCHBAY_\w+),", steps))


def written(steps: str) -> set[str]:
    return {name for pair in pairs(steps) for name in re.findall(r"^(?:LOCAL\()?_*(PATCHBAY_\w+)\)?=", pair)}


def pairs(steps: str) -> set[str]:
    """What Set() and MSet() do in these steps, each as name=value."""
    return {
        pair for given in re.findall(r"Set\((.*)\)", steps) for pair in re.split(r",(?=\w+(?:\([^()]*\))?=)", given)
    }


def test_the_contexts_the_service_enters_exist() -> None:
    """With the extension it enters, at priority 1."""
    for dialled in (dialplan.RING, dialplan.REDIRECT, dialplan.POLICY):
        exten, _, context = dialled.removeprefix("Local/").removesuffix("/n").partition("@")
        assert section(PATCHBAY, context).get("exten")[0].startswith(f"{exten},1,")
    for context, pattern in ((dialplan.DIAL_CONTEXT, "_[+0-9]X!,1,"), (dialplan.PARK_CONTEXT, "_[0-9a-zA-Z].,1,")):
        assert section(PATCHBAY, context).get("exten")[0].startswith(pattern)


def test_only_the_ring_is_optimised_away() -> None:
    """Its Local channel must leave the call; that of a redirect must not move."""
    assert not dialplan.RING.endswith("/n")
    assert dialplan.REDIRECT.endswith("/n")


@pytest.mark.parametrize("context", [one.name for one in contexts()])
def test_every_variable_that_is_read_was_set(context: str) -> None:
    """By the service, or by the context itself."""
    steps = text(context)
    assert read(steps) <= set(_plain(GIVEN.get(context, {}))) | written(steps) | _carried_into(context)


def _plain(variables: Mapping[str, str]) -> list[str]:
    return [name.lstrip("_") for name in variables]


def _carried_into(context: str) -> set[str]:
    """A channel goes on to some contexts with what was set in another; inherited by what it dials if so written."""
    before = {"patchbay-park": "patchbay-move", "patchbay-forward": "patchbay-ring"}.get(context)
    return written(text(before)) if before else set()


def test_every_variable_that_is_given_is_read() -> None:
    """None is sent in vain."""
    assert set(_plain(RING)) <= read(text("patchbay-ring"))
    assert set(_plain(OUTSIDE)) <= read(text("patchbay-ring")) | read(text("patchbay-dial"))
    assert set(_plain(INSIDE)) - {reduce.CALL} <= set(OUTSIDE)
    assert set(POLICY) <= read(text("patchbay-policy"))
    assert set(_plain(REDIRECT)) <= read(text("patchbay-redirect"))


def test_what_a_redirect_leaves_for_the_leg_is_what_the_leg_takes() -> None:
    """Through SHARED(), which belongs to the moved channel; one is for the next redirect, one for the service."""
    left = set(re.findall(r"SHARED\((PATCHBAY_\w+),\$\{PATCHBAY_CHANNEL\}\)=", text("patchbay-redirect")))
    taken = set(re.findall(r"SHARED\((PATCHBAY_\w+)\)", text("patchbay-move")))
    assert left - taken == {"PATCHBAY_MOVED", "PATCHBAY_PARKED"}
    assert {"PATCHBAY_MOVED"} == set(re.findall(r"SHARED\((\w+)\)", dialplan.MOVED))
    assert "0${SHARED(PATCHBAY_PARKED,${PATCHBAY_CHANNEL})}" in text("patchbay-redirect")
    assert taken <= left
    assert taken <= set(REDIRECT)


def test_what_channels_tell_is_what_the_dialplan_writes() -> None:
    """The record is inherited by every leg dialled later, the side is one leg's own."""
    told = section("ari.conf", "general").get("channelvars")
    assert told == [",".join(reduce.CHANNELVARS)]
    move = pairs(text("patchbay-move"))
    assert {f"__{reduce.CALL}=${{SHARED(PATCHBAY_RECORD)}}", f"{reduce.LEG}=${{SHARED(PATCHBAY_LEG)}}"} <= move
    assert f"__{reduce.CALL}" in INSIDE
    for context in ("patchbay-ring", "patchbay-dial"):
        assert f"Set(__{reduce.CALL}=${{PATCHBAY_RECORD}})" in text(context)
    assert f"Set({reduce.LEG}=${{ARG1}}/)" in text("patchbay-callee")
    assert LegRecord.parse(f"{Side.ALEG}/") == LegRecord(Side.ALEG)


def test_the_receipt() -> None:
    """One event of the name the service waits for, with the fields it reads."""
    assert re.findall(r"UserEvent\(([^)]*)\)", text("patchbay-redirect")) == [
        f"{dialplan.RECEIPT},Id:${{PATCHBAY_ID}},Status:${{PATCHBAY_STATUS}}"
    ]


def test_nothing_begins_when_it_is_due_no_more() -> None:
    """Before anything that somebody would notice: the first contacts asked for, the first variable on the leg."""
    late = "$[${EPOCH} >= ${PATCHBAY_DUE}]?"
    for context, begins in (("patchbay-ring", "Set(PATCHBAY_CONTACTS"), ("patchbay-redirect", "MSet(SHARED(")):
        steps = text(context)
        assert steps.count(late) == 1
        assert steps.index(late) < steps.index(begins)
    assert dialplan.due(1767323045.6) == {"PATCHBAY_DUE": "1767323045"}


def test_the_gate_s_word() -> None:
    """Allowed, or one of the reasons that are counted; each reason there is can come."""
    events = re.findall(r"UserEvent\((.*)\)$", text("patchbay-ring") + "\n" + text("patchbay-refuse"), re.MULTILINE)
    assert events == [
        f"{dialplan.GATE_RECEIPT},Id:${{CHANNEL(linkedid)}},Status:{ALLOWED}",
        f"{dialplan.GATE_RECEIPT},Id:${{ARG1}},Domain:${{ARG2}},Number:${{PATCHBAY_NUMBER}},Status:${{ARG4}}",
    ]
    steps = text("patchbay-rules") + text("patchbay-count")
    words = set(re.findall(r"(?:Return\(|PATCHBAY_WORD\)?=)(\w+)", steps))
    assert words == {ALLOWED, "count", *REFUSALS}


def test_the_limits_are_written_where_they_are_read() -> None:
    """Under one name of Asterisk's database, and those for everybody under theirs."""
    family = "DB(patchbay-outbound/"
    assert f"{family}${{PATCHBAY_TENANT}})=${{PATCHBAY_POLICY}}" in text("patchbay-policy")
    assert f"${{{family}{dialplan.EVERYBODY})}}" in text("patchbay-rules")
    for context in ("patchbay-rules", "patchbay-count"):
        assert f"${{{family}${{ARG1}})}}" in text(context)
    assert f"UserEvent({dialplan.POLICY_RECEIPT},Id:${{PATCHBAY_ID}},Status:" in text("patchbay-policy")
    assert f"]?{WRITTEN}:" in text("patchbay-policy")


def test_no_other_event_is_sent() -> None:
    """Nobody would read it."""
    assert sum(text(one.name).count("UserEvent(") for one in contexts()) == 4


def test_the_parks_bridge() -> None:
    """Its name, by which a parked leg is known, and its time."""
    assert dialplan.PARK_BRIDGE_PREFIX == PARK_BRIDGE
    (step,) = re.findall(r"BridgeWait\((.*)\)$", text(dialplan.PARK_CONTEXT), re.M)
    assert step == f"{PARK_BRIDGE}${{EXTEN}},participant,e(m)S(${{PATCHBAY_SECONDS}})"


def test_a_moved_leg_goes_through_our_context() -> None:
    """The redirect leads to it and nowhere else, and it leads on."""
    assert re.findall(r"ChannelRedirect\(\$\{PATCHBAY_CHANNEL\},([\w-]+),s,1\)", text("patchbay-redirect")) == [
        "patchbay-move"
    ]
    assert "Goto(${SHARED(PATCHBAY_CONTEXT)},${SHARED(PATCHBAY_EXTEN)},1)" in text("patchbay-move")


def test_the_dial_ends_before_the_originate_does() -> None:
    """So the phone's own answer, not a timeout of ours, decides."""
    (seconds,) = re.findall(r"Dial\(\$\{PATCHBAY_CONTACTS\},(\d+),", text("patchbay-ring"))
    assert int(seconds) == 60 < dialplan.RING_SECONDS


def test_all_contexts_are_in_the_services_own_namespace() -> None:
    """No tenant's domain can be one of them: the tenants file refuses such names."""
    assert all(one.name.startswith("patchbay-") for one in contexts())


def test_the_file_says_whom_it_agrees_with() -> None:
    """And that is there."""
    agrees = (CONF / PATCHBAY).read_text().splitlines()[1]
    (file,) = re.findall(r"service/\w+\.py", agrees)
    assert (CONF.parents[1] / file).is_file()
