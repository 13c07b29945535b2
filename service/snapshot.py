"""All that Asterisk tells of itself at one moment, also while there is a channel that it has no words for.

ARI's JSON holds UTF-8 only. A channel that stands in an extension which is not (a phone dialled `%ff` into a pattern
that ends in a dot), or runs an application with such an argument, raises no events, and `GET /channels` is answered 500
for its sake (seen on 22.10.1). So the others are then asked for one by one: Asterisk names a phone's channel at its
endpoint too, one that is talking at its bridge as well.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from service.ari.client import AriClient
from service.ari.errors import AriError, AriNotFound, AriRefused
from service.ari.models import Bridge, Channel, Endpoint

TECHNOLOGY = "PJSIP"
NO_WORDS = 500  # what GET /channels says then


@dataclass(frozen=True)
class Snapshot:
    """`hidden`: names, by id, of the channels that Asterisk has no words for and that are not among the others."""

    channels: Sequence[Channel]
    bridges: Sequence[Bridge]
    endpoints: Sequence[Endpoint]
    hidden: Mapping[str, str] = field(default_factory=dict)


async def take(ari: AriClient, known: Iterable[str] = ()) -> Snapshot:
    """What there is now. `known`: ids of channels that may be there and that nothing else may name. Raises AriError."""
    try:
        return await _all_at_once(ari)
    except AriRefused as error:
        if error.status != NO_WORDS:
            raise
    found = await _one_by_one(ari, known)
    return found if found.hidden else await _all_at_once(ari)  # it has just gone, or is not why


async def _all_at_once(ari: AriClient) -> Snapshot:
    channels, bridges, endpoints = await asyncio.gather(
        ari.channels_list(), ari.bridges_list(), ari.endpoints_list(TECHNOLOGY)
    )
    return Snapshot(channels, bridges, endpoints)


async def _one_by_one(ari: AriClient, known: Iterable[str]) -> Snapshot:
    bridges, endpoints = await asyncio.gather(ari.bridges_list(), ari.endpoints_list(TECHNOLOGY))
    ids = {*known, *channels_of(endpoints), *(member for bridge in bridges for member in bridge.channels)}
    found = await asyncio.gather(*(_one(ari, channel) for channel in sorted(ids)))
    hidden = {told: name for one in found if isinstance(one, tuple) for told, name in [one]}
    return Snapshot([one for one in found if isinstance(one, Channel)], bridges, endpoints, hidden)


async def all_hidden(ari: AriClient, channels: Iterable[str]) -> bool:
    """Whether Asterisk still has no words for any of these, and still has them. Raises AriError."""
    return all(isinstance(one, tuple) for one in await asyncio.gather(*(_one(ari, channel) for channel in channels)))


def channels_of(endpoints: Iterable[Endpoint]) -> set[str]:
    """The ids of all phones' channels."""
    return {channel for endpoint in endpoints for channel in endpoint.channel_ids}


async def _one(ari: AriClient, channel: str) -> Channel | tuple[str, str] | None:
    """The channel; its id and name when Asterisk has no words for it; None when it is gone."""
    try:
        found = await ari.channels_get(channel)
    except AriNotFound:
        return None
    return found or (channel, await _name(ari, channel))


async def _name(ari: AriClient, channel: str) -> str:
    with suppress(AriError):
        return await ari.channels_get_variable(channel, "CHANNEL(name)")
    return ""
