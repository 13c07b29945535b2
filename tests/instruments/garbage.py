"""What no Asterisk should send and one day something will: frames that are no events, and events about nobody."""

import json
from collections.abc import Iterator

NOT_EVENTS = (
    "",
    "garbage",
    "null",
    "[]",
    "1",
    "{}",
    '{"type":1}',
    '{"type":"ChannelCreated"}',
    '{"type":"ChannelCreated","channel":{}}',
    '{"type":"ChannelCreated","channel":{"id":"x"}}',
    '{"type":"ChannelCreated","channel":[]}',
    '{"type":"ChannelDestroyed","channel":null}',
    '{"type":"BridgeDestroyed"}',
    '{"type":"ChannelEnteredBridge","bridge":{"id":"b"}}',
    '{"type":"ChannelUserevent"}',
    '{"type":"ChannelUserevent","eventname":"PatchbayRedirect","userevent":{"Id":1}}',
    '{"type":"ChannelStateChange","timestamp":"0001-01-01T00:00:00"}',
    '{"type":"ChannelStateChange","timestamp":1e300}',
    '{"type":"Dial"}',
    '{"type":"StasisStart"}',
    '{"type":"NeverHeardOf","channel":"x","more":[{}]}',
    '{"type":"\\ud800"}',
    '{"type":"' + "x" * 100_000 + '"}',
    "[" * 10_000,
    "\ufeff{}",
)
"""Text frames."""

NOT_TEXT = (b"", b"\xff\xfe\x00\x01", b"{", b'{"type":"\xff"}', b"\x00" * 100_000)
"""Binary frames, which Asterisk never sends."""

LARGE = '{"type":"NeverHeardOf","more":"' + "x" * 900_000 + '"}'
"""A frame that is still read."""

TOO_LARGE = '{"type":"NeverHeardOf","more":"' + "x" * 1_100_000 + '"}'
"""A frame for which the stream is given up."""

ABOUT_CHANNELS = ("ChannelStateChange", "ChannelDialplan", "ChannelCallerId", "ChannelDestroyed", "StasisStart")


def about_nobody(channel: dict[str, object], bridge: dict[str, object]) -> Iterator[str]:
    """Events of every type but those that make something, about a channel and a bridge that Asterisk does not have."""
    for kind in ABOUT_CHANNELS:
        yield event(kind, channel=channel)
    for kind in ("ChannelEnteredBridge", "ChannelLeftBridge"):
        yield event(kind, channel=channel, bridge=bridge)
    for kind in ("BridgeMerged", "BridgeDestroyed"):
        yield event(kind, bridge=bridge)
    yield event("Dial", caller=channel, peer=channel, dialstatus="ANSWER")


def event(kind: str, **parts: object) -> str:
    return json.dumps({"type": kind, **parts})
