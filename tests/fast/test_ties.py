"""Which supervisions a call has, and that an event about one call is no matter to the supervisors of another."""

from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service import ids
from service.ari.client import AriClient
from service.ari.models import Bridge
from service.calls import reduce
from service.calls.picture import Picture
from service.calls.supervision import Target
from service.calls.ties import Ties
from service.keeper import Keeper
from service.live import Live
from service.snooping import Snooping
from service.switchboard import Switchboard
from tests.fast.channels import ACME, channel, event, only, phone, picture, trunk
from tests.fast.replay import NAMES, Snapshot, start, steps

KEY, OTHER = "0" * 31 + "1", "0" * 31 + "2"


def room(key: str, call_id: str, leg: str) -> Bridge:
    """The bridge of a supervision."""
    name = Target(ACME, "103", call_id, leg).render()
    return Bridge(id=ids.bridge_id(key), name=name, bridge_type="mixing", creationtime=datetime.now(UTC))


@pytest.mark.parametrize("name", NAMES)
def test_the_tied_are_those_that_a_look_at_all_would_find(name: str) -> None:
    """At every moment, for every call; and each supervision of which anything is left is known."""
    seen = start(steps(name))
    for step in steps(name):
        if isinstance(step, Snapshot):
            seen = step.picture()
        else:
            reduce.apply(seen, step)
        for call in seen.all_calls():
            every = [one for one in seen.supervisions() if seen.supervised_call(one) == call]
            assert sorted(one.key for one in seen.supervisions_of(call)) == sorted(one.key for one in every)
        bridges = {key for bridge in seen._bridges if (key := ids.supervision_key(bridge))}
        assert seen.supervision_keys() == bridges | set(seen._by_key)


def test_a_supervision_is_tied_by_whatever_its_snoops_are_on() -> None:
    """A call that a phone's transfer has made of another is found by the leg that is spied on."""
    agent, other = phone("101", dialled="102"), phone("102")
    spied = channel(f"Snoop/{other.id}", id=ids.snoop_id(KEY, "listen"), linkedid="patchbay")
    seen = picture(agent, other, spied, room(KEY, "gone", "gone"))
    assert [one.key for one in seen.supervisions_of(only(seen))] == [KEY]
    reduce.apply(seen, event("ChannelDestroyed", channel=spied))
    assert seen.supervisions_of(only(seen)) == []


def test_nothing_is_kept_of_what_is_untied() -> None:
    ties = Ties()
    ties.tie("one", frozenset("ab"))
    ties.tie("two", frozenset("bc"))
    ties.tie("one", frozenset("cd"))
    assert (ties.of("a"), ties.of("b"), ties.of("cb")) == (set(), {"two"}, {"one", "two"})
    for key in ("one", "two", "three"):
        ties.untie(key)
    assert not ties


class Woken:
    """Stands in for the background: who was woken since it was asked last."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        work.close()
        self._names.append(name.removeprefix("keep "))

    def asked(self) -> list[str]:
        names, self._names = sorted(self._names), []
        return names


def test_only_the_supervisors_of_a_call_are_woken_by_it() -> None:
    """Hundreds of supervisors would otherwise look around at each of hundreds of events a second."""
    mine, theirs = phone("101", dialled="102"), phone("104", dialled="102", linkedid="pbx-1700000000.9")
    seen = picture(mine, theirs, phone("102"))
    first, second = seen.calls(ACME)
    woken = Woken()
    live = Live(AriClient("http://127.0.0.1:1/ari", "", ""), "test")
    keeper = Keeper(Snooping(Switchboard(live), None), None, woken)  # type: ignore[arg-type]
    live.picture = seen
    live.listeners.append(keeper.notice)
    for key, call in ((KEY, first), (OTHER, second)):
        live._apply([event("BridgeCreated", bridge=room(key, call.id, ""))])
        assert woken.asked() == [key]
        keeper._tended.clear()
    live._apply([event("ChannelStateChange", channel=mine.model_copy(update={"state": "Ringing"}))])
    assert woken.asked() == [KEY]
    keeper._tended.clear()
    live._apply([event("ChannelDestroyed", channel=theirs)])
    assert woken.asked() == [OTHER]
    keeper._tended.clear()
    live._apply(
        [event("ChannelCreated", channel=trunk("Ring", dialled="02873001236", tenant=ACME, linkedid="pbx-1.1"))]
    )
    assert woken.asked() == []
    live._announce((), ())
    assert woken.asked() == [KEY, OTHER]


def test_a_former_id_is_the_oldest_calls() -> None:
    """Two calls carry the record of a third; whoever asks by its id gets the same one in every replica."""
    known = only(picture(phone("101", dialled="800"))).record()
    known = replace(known, call_id="00000000-0000-5000-8000-000000000000")
    legs = [trunk(call=known, linkedid=f"pbx-1700000000.{serial}", dialled="800") for serial in (12, 7, 9)]
    seen = picture(*legs)
    oldest = seen.calls(ACME)[0]
    assert seen.find(ACME, known.call_id) is oldest
    assert oldest.linkedid == "pbx-1700000000.7"
    reduce.apply(seen, event("ChannelDestroyed", channel=legs[1]))
    assert seen.find(ACME, known.call_id) is seen.calls(ACME)[0]
    for leg in (legs[0], legs[2]):
        reduce.apply(seen, event("ChannelDestroyed", channel=leg))
    assert seen.find(ACME, known.call_id) is None
    assert seen._by_domain == Picture()._by_domain
