"""The loss of events while people talk: who must not notice, what the clients must see, and what the log must say."""

import re

from service import ids
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.scene import INBOUND, Scene
from tests.instruments.stage import ACME, Stage
from tests.instruments.supervision import BARGE, Gaps, snoops, supervised
from tests.instruments.witness import Witness

CALLER, CALLED = "102", "104"
"""Colleagues, who call each other beside the call that is supervised."""

UNHEARD = 200
"""Milliseconds of a voice that may be missing in a while: ten packets, which a busy machine can lose by itself."""

PICTURE = re.compile(r"picture complete: \d+ channels, (\d+) calls, (\d+) of them new, (\d+) ended unseen")


def colleagues(stage: Stage) -> dict[str, Phone]:
    """Not started yet."""
    return {"caller": stage.phone(CALLER, 4), "called": stage.phone(CALLED, 5, answer=0.0)}


def office(stage: Stage) -> Scene:
    """101 and the mobile talk while 103 barges in; the colleagues are there and idle."""
    return supervised(stage, INBOUND, BARGE, **colleagues(stage))


def colleagues_talk(scene: Scene) -> None:
    """A call of its own, which is up when this returns."""
    scene.parties["caller"].dial(CALLED)
    scene.parties["called"].wait_established()


def colleagues_stop(scene: Scene) -> None:
    scene.parties["caller"].hangup()
    scene.parties["called"].wait_idle()


class Sound:
    """What the parties and their supervisor hear of each other from now on."""

    def __init__(self, scene: Scene) -> None:
        self._stage = scene.stage
        self._snoops = snoops(scene.stage)
        self._gaps = Gaps(scene, ("agent", "far"), ("far", "agent"), ("boss", "agent"), ("boss", "far"))

    def unbroken(self) -> None:
        """Nobody missed anything, and the Snoop is the one that it was."""
        assert self._gaps.longest() <= UNHEARD
        assert snoops(self._stage) == self._snoops


def on_asterisk(stage: Stage) -> list[str]:
    """The ids of acme's calls by the channels that Asterisk has."""
    linked = {one["channelvars"]["CHANNEL(linkedid)"] for one in Witness(stage).channels()}
    return sorted(one if ids.is_call_uuid(one) else ids.call_id(one, ACME) for one in linked if not ids.is_ours(one))


def listed(stage: Stage) -> list[str] | None:
    """The ids of acme's calls by the service; None when it does not say."""
    answer = stage.acme.http.get("/v1/call")
    return sorted(row["call_id"] for row in answer.json()["data"]) if answer.status_code == 200 else None


def wait_exact(stage: Stage, deadline: float = 8.0) -> list[str]:
    """Waits until the service is ready and lists the calls that Asterisk has, and no other; their ids."""

    def exact() -> bool:
        seen[:] = [listed(stage), on_asterisk(stage)]
        return stage.service.ready() and seen[0] == seen[1]

    seen: list[list[str] | None] = []
    try:
        eventually(exact, deadline=deadline)
    except AssertionError as error:
        raise AssertionError(f"listed and on Asterisk: {seen}") from error
    return seen[1] or []


class Told:
    """What the service has written to its log since this was made."""

    def __init__(self, stage: Stage) -> None:
        self._service = stage.service
        self._before = len(stage.service.log)

    @property
    def text(self) -> str:
        return self._service.log[self._before :]

    def lines(self, begins: str) -> list[str]:
        """Those whose message begins so, at warning or above."""
        return [line for line in self.text.splitlines() if re.search(rf" (WARNING|ERROR) +{re.escape(begins)}", line)]

    def pictures(self) -> list[tuple[int, ...]]:
        """Of each new picture: how many calls it has, how many of them are new, how many had ended unseen."""
        return [tuple(map(int, numbers)) for numbers in PICTURE.findall(self.text)]


def overloaded(stage: Stage) -> list[str]:
    """Those of Asterisk's taskprocessors that have had more waiting than is good for them, or have anything now."""
    rows = re.findall(
        r"^(\S+) +\d+ +(\d+) +(\d+) +\d+ +(\d+) ", stage.pbx.cli("core show taskprocessors"), re.MULTILINE
    )
    assert rows, "no taskprocessors are shown"
    return [name for name, waiting, most, high in rows if int(waiting) or int(most) >= int(high)]
