"""An operator's own dialplan: options of Dial() that keep legs alive, Local channels in between, a voice mailbox."""

import os
from collections.abc import Iterator

import pytest

from tests.instruments.audibility import Table
from tests.instruments.moves import (
    NOT_ANSWERED,
    SIDES,
    TARGET,
    address,
    answer_of,
    call_apart,
    extension,
    full_row,
    moved,
    name_on,
    other_side,
    parked,
    party_on,
    wait_row,
)
from tests.instruments.polling import eventually
from tests.instruments.scene import INBOUND, INBOUND_NUMBER, KINDS, LOCAL
from tests.instruments.stage import Stage, live_stage

pytestmark = pytest.mark.owns

DIALPLAN = """
[acme.test](+)
; answered before anybody is rung; both sides live on when the other one hangs up
exten => 101,1,Answer()
 same => n,Dial(${PJSIP_DIAL_CONTACTS(101@acme.test)},60,gF(afterwards^s^1))
 same => n,Goto(afterwards,s,1)
; through a Local channel that stays
exten => 102,1,Dial(Local/102@inner/n,60,g)
 same => n,Goto(afterwards,s,1)
; through one that goes
exten => 103,1,Dial(Local/103@inner,60,g)
 same => n,Goto(afterwards,s,1)
; a mailbox after two seconds
exten => 105,1,Dial(${PJSIP_DIAL_CONTACTS(105@acme.test)},2)
 same => n,Answer()
 same => n,MusicOnHold(default)
exten => _0X.,1,Set(CALLERID(all)=02873001234)
 same => n,Dial(Local/${EXTEN}@outside/n,120,g)
 same => n,Goto(afterwards,s,1)
exten => h,1,Set(GLOBAL(ENDINGS)=$[0${GLOBAL(ENDINGS)} + 1])

[inner]
exten => _1XX,1,Dial(${PJSIP_DIAL_CONTACTS(${EXTEN}@acme.test)},60,gF(afterwards^s^1))
 same => n,Goto(afterwards,s,1)

[outside]
exten => _X.,1,Dial(PJSIP/${EXTEN}@carrier,120,gF(afterwards^s^1)b(patchbay-tenant^s^1(acme.test)))
 same => n,Goto(afterwards,s,1)

; whoever comes here would stay for good
[afterwards]
exten => s,1,Answer()
 same => n,MusicOnHold(default)
"""
QUEUES = """
[acme.test](+)
member => Local/104@inner/n
"""


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A PBX with such a dialplan."""
    extra = {"extensions.conf": DIALPLAN, "queues.conf": QUEUES}
    with live_stage(tmp_path_factory.mktemp("own"), f"own-{os.getpid()}", extra) as stage:
        yield stage


@pytest.mark.parametrize("legs", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_right_leg_is_let_go(stage: Stage, kind: str, legs: str) -> None:
    """Through a Local channel that stays, through one that goes, to a plain extension, each time the same side kept."""
    scene = call_apart(
        stage,
        kind,
        plain=extension(stage, TARGET, 3, answer=0.0),
        inner=extension(stage, "103", 4, answer=0.0),
        local=extension(stage, "105", 5, answer=0.0) if kind == LOCAL else extension(stage, "102", 5, answer=0.0),
    )
    scene.talking()
    before = full_row(scene)
    kept, released = name_on(scene, legs), party_on(scene, other_side(legs))
    for name in ("local", "inner", "plain"):
        number = {"plain": TARGET, "inner": "103", "local": "105" if kind == LOCAL else "102"}[name]
        scene.acme.do("transfer", scene.call_id, ext=number, legs=legs)
        released.wait_idle()
        scene.hears({kept: name, name: kept})
        wait_row(scene.acme, moved(before, legs, number))
        released = scene.parties[name]
    assert len(scene.acme.calls()) == 1


@pytest.mark.parametrize("cut", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_right_leg_is_parked(stage: Stage, kind: str, cut: str) -> None:
    """And nothing of what stood between the two is left."""
    scene = call_apart(stage, kind, target=extension(stage, TARGET, 3, answer=0.0))
    scene.talking()
    before = full_row(scene)
    waiting = name_on(scene, other_side(cut))
    scene.acme.do("park", scene.call_id, legs=cut)
    party_on(scene, cut).wait_idle()
    wait_row(scene.acme, parked(before, cut))
    scene.hears({waiting: "music"})
    eventually(lambda: not [name for name in stage.channels() if name.startswith("Local/")], message="Local channels")
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=cut)
    scene.hears({waiting: "target", "target": waiting})
    wait_row(scene.acme, moved(before, other_side(cut), TARGET))


@pytest.mark.parametrize("legs", SIDES)
def test_a_target_that_does_not_answer_and_has_a_mailbox(stage: Stage, legs: str) -> None:
    """The dialplan goes on; the side that is left there can be transferred once more."""
    scene = call_apart(
        stage, INBOUND, silent=extension(stage, "105", 3), target=extension(stage, TARGET, 4, answer=0.0)
    )
    before = full_row(scene)
    kept = name_on(scene, legs)
    scene.acme.do("transfer", scene.call_id, ext="105", legs=legs)
    scene.parties["silent"].wait_ringing()
    scene.parties["silent"].wait_idle()
    scene.hears({kept: "music"})
    alone = {**moved(before, legs, "105"), **({"ip": ""} if legs == "bleg" else {})}
    wait_row(scene.acme, alone)
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=legs)
    scene.hears({kept: "target", "target": kept})
    wait_row(scene.acme, moved(before, legs, TARGET))


def test_a_caller_answered_before_anybody_is_rung(stage: Stage) -> None:
    """He is up, the phone rings: he may be moved, the phone may not."""
    parties = {
        "mobile": stage.mobile(0),
        "agent": extension(stage, "101", 1),
        "target": extension(stage, TARGET, 2, answer=0.0),
    }
    stage.start(**parties)
    parties["mobile"].dial(INBOUND_NUMBER)
    parties["mobile"].wait_established()
    parties["agent"].wait_ringing()
    row = stage.acme.only_call()
    row = wait_row(stage.acme, {**row, "destination": "101", "ip": address(row["source"]), "state": "CS_EXECUTE"})
    assert answer_of(stage.acme.ask("transfer", row["call_id"], ext=TARGET, legs="bleg")) == NOT_ANSWERED
    stage.acme.do("transfer", row["call_id"], ext=TARGET, legs="aleg")
    parties["agent"].wait_idle()
    Table(parties).expect({"mobile": ["target"], "target": ["mobile"]})
    wait_row(stage.acme, moved(row, "aleg", TARGET))


@pytest.mark.parametrize("legs", SIDES)
def test_an_agent_the_queue_reaches_through_a_local_channel(stage: Stage, legs: str) -> None:
    """Either side of that call is transferred."""
    parties = {
        "mobile": stage.mobile(0),
        "agent": extension(stage, TARGET, 1, answer=0.0),
        "target": extension(stage, "105", 2, answer=0.0),
    }
    stage.start(**parties)
    parties["mobile"].dial("02873001236")
    Table(parties).expect({"mobile": ["agent"], "agent": ["mobile"]})
    row = stage.acme.only_call()
    row = wait_row(stage.acme, {**row, "destination": TARGET})
    kept, let_go = ("mobile", "agent") if legs == "aleg" else ("agent", "mobile")
    stage.acme.do("transfer", row["call_id"], ext="105", legs=legs)
    parties[let_go].wait_idle()
    Table(parties).expect({kept: ["target"], "target": [kept]})
    wait_row(stage.acme, moved(row, legs, "105"))


@pytest.mark.parametrize("ended", ["by itself", "by the caller"])
def test_the_tenant_s_own_ending_runs_after_a_park(stage: Stage, ended: str) -> None:
    """Its `h` extension, once, for a leg that is hung up while it waits."""
    scene = call_apart(stage, INBOUND)
    scene.talking()
    scene.acme.do("park", scene.call_id, legs="bleg")
    scene.agent.wait_idle()
    scene.hears({"far": "music"})
    before = endings(stage)
    if ended == "by the caller":
        scene.far.hangup()
    scene.far.wait_idle(12)
    eventually(lambda: endings(stage) == before + 1, message="the tenant's h has not run once")


def endings(stage: Stage) -> int:
    """How often the tenant's `h` has run."""
    told = stage.pbx.cli("dialplan show globals").partition("ENDINGS=")[2].split()
    return int(told[0]) if told else 0
