"""Operations that can be run over and over on one call, whatever came of the last run."""

import itertools

from tests.instruments.faulty import Exchange
from tests.instruments.polling import eventually
from tests.instruments.scene import AGENT, LOCAL, OTHER, Scene
from tests.instruments.stage import ACME, HOTLINES, MOBILE
from tests.instruments.supervision import BARGE, BOSS, LISTEN, WHISPER

TARGET = "104"
KEEPERS_SECONDS = 8.0
"""What the Keeper gives others to finish what they are making, and some for a busy machine."""


class Operation:
    """An operation that can be run over and over on one call."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.stage = scene.stage
        self.acme = scene.acme
        self.seen = Exchange(scene.stage)
        self.far = OTHER if scene.kind == LOCAL else "carrier"

    def ready(self) -> None:
        """Waits until all is well, whatever came of the last run, and brings about what the next one needs."""
        raise NotImplementedError

    def begin(self) -> int:
        """The request, or what else sets the service going; the HTTP status."""
        raise NotImplementedError

    def done(self) -> bool:
        """Whether it came to its end."""
        raise NotImplementedError

    def undone(self) -> None:
        """Waits until all is as it was after `ready`, as Asterisk says."""
        raise NotImplementedError

    def _ask(self, verb: str, **body: str) -> int:
        return self.acme.ask(verb, self.scene.call_id, **body).status_code


class Transfer(Operation):
    """Of the far side, from 101 to 104 and back."""

    def ready(self) -> None:
        self.seen.only(self.far, eventually(self._with, message="nobody talks to the far side"))
        self.was = self._with()
        self.to = TARGET if self.was == AGENT else AGENT
        self.acme.wait_row(self.scene.call_id, lambda row: row["state"] == "CS_EXECUTE")

    def begin(self) -> int:
        return self._ask("transfer", ext=self.to, legs=self.scene.far_side)

    def done(self) -> bool:
        return self._with() == self.to

    def undone(self) -> None:
        self.seen.only(self.far, self.was)

    def _with(self) -> str:
        pairs = [pair for pair in self.seen.pairs() if self.far in pair]
        return next((member for pair in pairs for member in pair if member != self.far), "")


class Park(Operation):
    """Of the far side, which is taken out again by a transfer to 101."""

    def ready(self) -> None:
        eventually(lambda: self.seen.pairs() or self.seen.parked(), deadline=10, message="neither talks nor waits")
        if self.seen.parked():
            assert self.acme.wait_row(self.scene.call_id, lambda row: row["state"] == "CS_PARK")
            self.acme.do("transfer", self.scene.call_id, ext=AGENT, legs=self.scene.far_side)
        self.seen.only(self.far, AGENT)
        self.acme.wait_row(self.scene.call_id, lambda row: row["state"] == "CS_EXECUTE")

    def begin(self) -> int:
        return self._ask("park", legs=self.scene.agent_side)

    def done(self) -> bool:
        return bool(self.seen.parked())

    def undone(self) -> None:
        self.seen.only(self.far, AGENT)


class Click(Operation):
    """A call that is made, comes about or not, and is hung up."""

    def ready(self) -> None:
        if self.stage.channels():
            self.seen.only(AGENT, self.far)
            self.acme.only_call()
            self.scene.far.hangup()
        self.seen.nothing()

    def begin(self) -> int:
        body = {"extension": AGENT, "hotline": HOTLINES[ACME][0], "phone_number": MOBILE}
        return self.acme.http.post("/api/click2call", json=body).status_code

    def done(self) -> bool:
        return self.seen.pairs() == [sorted((AGENT, self.far))]

    def undone(self) -> None:
        self.seen.nothing()


class Listen(Operation):
    """A supervisor who is let in as a whole, or not at all, and then leaves."""

    def ready(self) -> None:
        eventually(lambda: self.done() or not self.stage.ours(), deadline=KEEPERS_SECONDS, message="neither on nor off")
        if self.done():
            self.scene.parties["boss"].hangup()
        self.seen.only(self.far, AGENT)

    def begin(self) -> int:
        return self._ask(LISTEN, ext=BOSS)

    def done(self) -> bool:
        return self.seen.supervisors() == 1

    def undone(self) -> None:
        self.seen.only(self.far, AGENT)


class Switch(Operation):
    """A supervisor who is there, and keeps one mode or gets the other."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.modes = itertools.cycle((WHISPER, BARGE))

    def ready(self) -> None:
        if not self.seen.supervisors():
            self.acme.do(LISTEN, self.scene.call_id, ext=BOSS)
        eventually(self._one, deadline=KEEPERS_SECONDS, message="not one Snoop")
        self.was, self.to = self.seen.modes()[0], next(self.modes)

    def begin(self) -> int:
        return self._ask(self.to, ext=BOSS)

    def done(self) -> bool:
        return self._one() and self.seen.modes() == [self.to]

    def undone(self) -> None:
        self.seen.wait(
            lambda: self._one() and self.seen.modes() == [self.was], KEEPERS_SECONDS, f"not in {self.was} as before"
        )

    def _one(self) -> bool:
        return self.seen.supervisors() == 1 and len(self.seen.modes()) == 1


class Leave(Operation):
    """A supervisor who hangs up."""

    def ready(self) -> None:
        self.seen.only(self.far, AGENT)
        self.acme.do(LISTEN, self.scene.call_id, ext=BOSS)
        eventually(lambda: self.seen.supervisors() == 1, message="the supervisor is not on")

    def begin(self) -> int:
        self.scene.parties["boss"].hangup()
        return 200

    def done(self) -> bool:
        return not self.stage.ours()


class End(Operation):
    """A call that ends under its supervisor."""

    def ready(self) -> None:
        if not self.seen.pairs():
            self.seen.nothing()
            self.scene.call_id = self.acme.click(AGENT, MOBILE)
        eventually(lambda: self.seen.pairs() == [sorted((AGENT, self.far))], message="no call")
        self.acme.wait_row(self.scene.call_id, lambda row: row["state"] == "CS_EXECUTE")
        self.acme.do(LISTEN, self.scene.call_id, ext=BOSS)
        eventually(lambda: self.seen.supervisors() == 1, message="the supervisor is not on")

    def begin(self) -> int:
        self.scene.far.hangup()
        return 200

    def done(self) -> bool:
        return not self.stage.channels() + self.stage.bridges()
