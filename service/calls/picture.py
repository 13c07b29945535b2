"""Everything the service knows of Asterisk at this moment, with the look-ups that operations and the list need.

Only `service.calls.reduce` writes to it. Calls are read anew from their channels whenever one of these changes, so what
is asked often is ready and nothing is kept twice.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace

from service import ids
from service.calls import supervision
from service.calls.derive import Surroundings, derive
from service.calls.model import Bridge, Call, Channel
from service.calls.roll import Roll
from service.calls.supervision import Supervision
from service.calls.ties import Ties


@dataclass(frozen=True, slots=True)
class Change:
    """A call before and after an event; None where it did not exist."""

    before: Call | None
    after: Call | None


class Picture:
    """The channels, bridges, calls and supervisions of one Asterisk."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._bridges: dict[str, Bridge] = {}
        self._extensions: set[tuple[str, str]] = set()
        self._bridge_of: dict[str, str] = {}
        self._by_linkedid: dict[str, dict[str, Channel]] = {}
        self._by_name: dict[str, Channel] = {}
        self._by_key: dict[str, dict[str, Channel]] = {}
        self._ties = Ties()
        self._calls: dict[str, list[Call]] = {}
        self._by_domain: dict[str, Roll] = {}
        self._stale: set[str] = set()

    # what can be asked

    def calls(self, domain: str) -> list[Call]:
        """A tenant's calls, oldest first."""
        return list(self._by_domain.get(domain, ()))

    def all_calls(self) -> Iterator[Call]:
        return (call for calls in self._calls.values() for call in calls)

    def find(self, domain: str, reference: str) -> Call | None:
        """A tenant's call, by its id, by the unique id of one of its legs, or by an id it had before it was merged.

        Looked for among the tenant's own calls alone, so that what another tenant has costs no more and no less than
        what nobody has.
        """
        roll = self._by_domain.get(domain, _EMPTY)
        return roll.find(reference) or roll.with_leg(reference) or roll.formerly(reference)

    def calls_with(self, channel_id: str) -> Sequence[Call]:
        """The calls, one for each tenant that has a part in it, to which a channel belongs."""
        channel = self._channels.get(channel_id)
        return self._calls.get(channel.linkedid, ()) if channel else ()

    def channel(self, channel_id: str) -> Channel | None:
        return self._channels.get(channel_id)

    def channel_ids(self, technology: str = "") -> set[str]:
        """Of all channels, or of those of one technology."""
        return {channel.id for channel in self._channels.values() if channel.name.startswith(technology)}

    def bridge(self, bridge_id: str) -> Bridge | None:
        return self._bridges.get(bridge_id)

    def bridge_of(self, channel_id: str) -> Bridge | None:
        return self._bridges.get(self._bridge_of.get(channel_id, ""))

    def supervision(self, key: str) -> Supervision | None:
        bridge = self._bridges.get(ids.bridge_id(key))
        return supervision.read(key, bridge, list(self._by_key.get(key, {}).values())) if bridge else None

    def supervisions(self) -> list[Supervision]:
        return [found for key in self.supervision_keys() if (found := self.supervision(key))]

    def supervised_call(self, of: Supervision) -> Call | None:
        """The call a supervision belongs to; a merge may have given it another id, then its Snoop's leg tells."""
        domain = of.target.domain
        return next((call for reference in of.references if (call := self.find(domain, reference))), None)

    def keys_of(self, call: Call) -> set[str]:
        """The keys of the supervisions that are, or were, of this call or of another one of its legs."""
        return self._ties.of((call.id, *call.aliases, *call.channels))

    def supervisions_of(self, call: Call) -> list[Supervision]:
        """The supervisions of a call."""
        found = (self.supervision(key) for key in sorted(self.keys_of(call)))
        return [one for one in found if one and self.supervised_call(one) == call]

    def members(self, key: str) -> list[Channel]:
        """Every channel of a supervision: its own, and whatever else is in its bridge."""
        bridge = self._bridges.get(ids.bridge_id(key))
        inside = [channel for member in (bridge.channels if bridge else ()) if (channel := self.channel(member))]
        return list({channel.id: channel for channel in (*self._by_key.get(key, {}).values(), *inside)}.values())

    def supervision_keys(self) -> Set[str]:
        """The keys of all supervisions of which anything is left, as it is at every moment."""
        return self._ties.keys

    def __len__(self) -> int:
        return len(self._channels)

    # what reduce writes

    def put_channel(self, channel: Channel) -> None:
        known = self._channels.get(channel.id)
        if known == channel:
            return
        if known:
            self._forget(known)
        self._channels[channel.id] = channel
        self._by_linkedid.setdefault(channel.linkedid, {})[channel.id] = channel
        self._by_name[channel.name] = channel
        if key := ids.supervision_key(channel.id):
            self._by_key.setdefault(key, {})[channel.id] = channel
            self._tie(key)
        self._stale.add(channel.linkedid)

    def drop_channel(self, channel_id: str) -> None:
        channel = self._channels.pop(channel_id, None)
        if channel is None:
            return
        self._forget(channel)
        bridge = self._bridges.get(self._bridge_of.pop(channel_id, ""))
        if bridge:
            self.put_bridge(_without(bridge, channel_id))

    def put_bridge(self, bridge: Bridge) -> None:
        known = self._bridges.get(bridge.id)
        before = known.channels if known else frozenset()
        self._bridges[bridge.id] = bridge
        if key := ids.supervision_key(bridge.id):
            self._tie(key)
        self._left(bridge.id, before - bridge.channels)
        entered = {member for member in bridge.channels if self._bridge_of.get(member) != bridge.id}
        self._bridge_of |= dict.fromkeys(entered, bridge.id)
        self._touch(entered)

    def drop_bridge(self, bridge_id: str) -> None:
        bridge = self._bridges.pop(bridge_id, None)
        if bridge:
            self._left(bridge_id, bridge.channels)
            if key := ids.supervision_key(bridge_id):
                self._tie(key)

    def put_extensions(self, extensions: Iterable[tuple[str, str]]) -> None:
        self._extensions = set(extensions)

    def settle(self) -> list[Change]:
        """Reads anew the calls whose channels have changed, and tells which calls changed with them."""
        changes: list[Change] = []
        while self._stale:
            linkedid = self._stale.pop()
            known = self._calls.pop(linkedid, [])
            now = derive(linkedid, list(self._by_linkedid.get(linkedid, {}).values()), self._around())
            if now:
                self._calls[linkedid] = known if now == known else now
            if now != known:
                changes += self._changed(known, now)
        return changes

    def _changed(self, known: Iterable[Call], now: Iterable[Call]) -> Iterator[Change]:
        before, after = ({call.domain: call for call in calls} for calls in (known, now))
        for domain in before | after:
            change = Change(before.get(domain), after.get(domain))
            if change.before != change.after:
                self._replace(change.before, change.after)
                yield change

    def _replace(self, before: Call | None, after: Call | None) -> None:
        if before and after:
            self._by_domain[before.domain].replace(before, after)
        elif after:
            self._by_domain.setdefault(after.domain, Roll()).put(after)
        elif before:
            self._by_domain[before.domain].drop(before)
            if not self._by_domain[before.domain]:
                del self._by_domain[before.domain]

    def _forget(self, channel: Channel) -> None:
        self._stale.add(channel.linkedid)
        members = self._by_linkedid[channel.linkedid]
        del members[channel.id]
        if not members:
            del self._by_linkedid[channel.linkedid]
        if self._by_name.get(channel.name) is channel:
            del self._by_name[channel.name]
        if key := ids.supervision_key(channel.id):
            del self._by_key[key][channel.id]
            if not self._by_key[key]:
                del self._by_key[key]
            self._tie(key)

    def _tie(self, key: str) -> None:
        """Brings up to date what a supervision names, after something of it has come, changed or gone."""
        if key in self._by_key or ids.bridge_id(key) in self._bridges:
            found = self.supervision(key)
            self._ties.tie(key, frozenset(found.references if found else ()))
        else:
            self._ties.untie(key)

    def _left(self, bridge_id: str, channel_ids: Iterable[str]) -> None:
        for channel_id in channel_ids:
            if self._bridge_of.get(channel_id) == bridge_id:
                del self._bridge_of[channel_id]
                self._touch((channel_id,))

    def _touch(self, channel_ids: Iterable[str]) -> None:
        """Who else is in the bridge is none of a call's business unless it has the same linkedid."""
        self._stale.update(channel.linkedid for name in channel_ids if (channel := self._channels.get(name)))

    # how a call looks beyond its own channels

    def _around(self) -> Surroundings:
        """Made anew each time: kept, it and the picture would hold each other, and with no search for garbage, which a
        quiet service may not see for days, each lost connection would leave a whole picture behind.
        """
        return Surroundings(self._partners, self._bridged, self._parked, self._is_extension)

    def _bridged(self, channel: Channel) -> bool:
        return channel.id in self._bridge_of

    def _parked(self, channel: Channel) -> bool:
        bridge = self.bridge_of(channel.id)
        return bridge is not None and bridge.parking

    def _is_extension(self, extension: str, domain: str) -> bool:
        return (extension, domain) in self._extensions

    def _partners(self, first: Channel) -> Iterator[Channel]:
        """The real channels it shares a bridge with, walking from one half of a Local channel to the other."""
        seen = {first.id}
        waiting = [first]
        while waiting:
            for member in self._members_beside(waiting.pop()):
                if member.id in seen:
                    continue
                seen.add(member.id)
                if not member.internal:
                    yield member
                elif half := self._by_name.get(_other_half(member.name)):
                    seen.add(half.id)
                    waiting.append(half)

    def _members_beside(self, channel: Channel) -> list[Channel]:
        bridge = self.bridge_of(channel.id)
        members = bridge.channels if bridge and not bridge.holding else ()
        return [other for member in sorted(members) if (other := self._channels.get(member))]


_EMPTY = Roll()


def _other_half(name: str) -> str:
    """The name of the other half of a Local channel; no channel has the name it makes of any other."""
    halves = {";1": ";2", ";2": ";1"}
    return name[:-2] + halves.get(name[-2:], "")


def _without(bridge: Bridge, channel_id: str) -> Bridge:
    return replace(bridge, channels=bridge.channels - {channel_id})
