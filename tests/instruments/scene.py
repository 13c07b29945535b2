"""Given-steps: a call of each kind that is up, with its two parties talking."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.instruments.audibility import Table
from tests.instruments.client import Client, Row
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.stage import MOBILE, Stage

CLICK, INBOUND, LOCAL, OUTBOUND = "click-to-call", "inbound", "local", "outbound by phone"
KINDS = (CLICK, INBOUND, LOCAL, OUTBOUND)
AGENT, OTHER = "101", "102"
INBOUND_NUMBER = "02873001234"


@dataclass
class Scene:
    """A call between `agent` (extension 101) and `far` (the mobile; extension 102 in a local call).

    `parties` are all phones of the scene by name, `agent` and `far` among them.
    """

    stage: Stage
    kind: str
    call_id: str
    parties: dict[str, Phone] = field(default_factory=dict)

    @property
    def acme(self) -> Client:
        return self.stage.acme

    @property
    def agent(self) -> Phone:
        return self.parties["agent"]

    @property
    def far(self) -> Phone:
        return self.parties["far"]

    @property
    def agent_side(self) -> str:
        return "bleg" if self.kind == INBOUND else "aleg"

    @property
    def far_side(self) -> str:
        return "aleg" if self.kind == INBOUND else "bleg"

    @property
    def far_number(self) -> str:
        return OTHER if self.kind == LOCAL else MOBILE

    @property
    def direction(self) -> str:
        return {INBOUND: "inbound", LOCAL: "local"}.get(self.kind, "outbound")

    def row(self) -> Row | None:
        return self.acme.row(self.call_id)

    def hears(self, expected: Mapping[str, str]) -> None:
        """Waits for the whole audibility table: listener -> who it hears, apart by spaces; unnamed hear nobody."""
        Table(self.parties).expect({listener: voices.split() for listener, voices in expected.items()})

    def talking(self, **more: str) -> None:
        """Agent and far side hear each other, whoever else is there hears nobody but as said."""
        self.hears({"agent": "far", "far": "agent", **more})


def call_up(stage: Stage, kind: str, **more: Phone) -> Scene:
    """A call of this kind, answered, and the other phones of the scene, started and idle."""
    parties = {
        "agent": stage.phone(AGENT, 1, answer=0.0),
        "far": stage.phone(OTHER, 2, answer=0.0) if kind == LOCAL else stage.mobile(2, answer=0.0),
        **more,
    }
    stage.start(**parties)
    scene = Scene(stage, kind, "", parties)
    scene.call_id = _dial(scene)
    for phone in (scene.agent, scene.far):
        phone.wait_established()
    eventually(stage.settled, message="the call is not up")
    scene.acme.wait_row(scene.call_id, lambda row: row["state"] == "CS_EXECUTE")
    return scene


def _dial(scene: Scene) -> str:
    if scene.kind == CLICK:
        return scene.acme.click(AGENT, MOBILE)
    if scene.kind == INBOUND:
        scene.far.dial(INBOUND_NUMBER)
    else:
        scene.agent.dial(OTHER if scene.kind == LOCAL else MOBILE)
    return scene.acme.only_call()["call_id"]
