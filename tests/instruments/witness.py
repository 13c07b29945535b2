"""Asterisk as a witness that the service has no say in, asked through ARI."""

from typing import Any

from tests.instruments.stage import Stage

Seen = dict[str, Any]


class Witness:
    """What one Asterisk says is there."""

    def __init__(self, stage: Stage) -> None:
        self._ari = stage.ari

    def channels(self) -> list[Seen]:
        found: list[Seen] = self._get("channels")
        return found

    def bridges(self) -> list[Seen]:
        found: list[Seen] = self._get("bridges")
        return found

    def watched(self) -> int:
        """How many channels and bridges applications are subscribed to one by one."""
        return sum(len(app["channel_ids"]) + len(app["bridge_ids"]) for app in self._get("applications"))

    def ids(self, begins: str = "") -> list[str]:
        """The unique ids of the channels whose names begin so, oldest first."""
        found = [channel for channel in self.channels() if channel["name"].startswith(begins)]
        return [
            channel["id"] for channel in sorted(found, key=lambda channel: (channel["creationtime"], channel["name"]))
        ]

    def still(self) -> dict[str, Any]:
        """All that a request that fails must leave as it was: channels, what they do, who shares a bridge."""
        legs = {
            channel["id"]: (channel["name"], channel["state"], channel["dialplan"]["app_name"])
            for channel in self.channels()
        }
        return legs | {bridge["id"]: tuple(sorted(bridge["channels"])) for bridge in self.bridges()}

    def playback(self, playback: str) -> str:
        """The state of this playback, empty when there is none."""
        return str(self._ari.get(f"playbacks/{playback}").json().get("state", ""))

    def told(self, channel: str, function: str) -> str:
        """What a function of the dialplan says of the channel of this unique id."""
        return str(self._get(f"channels/{channel}/variable", variable=function)["value"])

    def packets(self) -> dict[str, tuple[int, int]]:
        """How many packets of sound each phone's channel has got from it and sent to it."""
        counted = {one: self._get(f"channels/{one}/rtp_statistics") for one in self.ids("PJSIP/")}
        return {one: (told["rxcount"], told["txcount"]) for one, told in counted.items()}

    def _get(self, what: str, **parameters: str) -> Any:
        return self._ari.get(what, params=parameters).raise_for_status().json()
