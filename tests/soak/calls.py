"""The calls of a soak: those who call, in every direction, and those who answer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.instruments.polling import eventually
from tests.instruments.sipp import CARRIER, Sipp, Tally, answerers, callers
from tests.instruments.stage import MOBILE, Stage

ANSWERING = ("102", "103")
"""Extensions that are called and supervise, and hang up late."""

LEAVING = ("104", "105")
"""Extensions that are called and supervise, and hang up early."""

GROUP_NUMBER = "02873001235"
"""The tenant's number that rings 102 and 103 together."""


@dataclass(frozen=True)
class Kind:
    """Who calls whom, how long at most, and how often the caller gives up before the answer."""

    caller: str
    number: str
    hold: int
    cancel: float
    domain: str = "acme.test"


KINDS = (
    Kind("101", "102", 1500, 0.1),
    Kind("101", "104", 2500, 0.0),
    Kind("101", MOBILE, 2000, 0.2),
    Kind("101", "199", 500, 0.0),
    Kind(MOBILE, GROUP_NUMBER, 2500, 0.1, CARRIER),
)


@dataclass(frozen=True)
class Accounts:
    """What became of everybody's calls, and all that sipp did not expect."""

    callers: list[Tally]
    answerers: list[Tally]
    errors: str

    def __add__(self, other: "Accounts") -> "Accounts":
        return Accounts(
            [one + more for one, more in zip(self.callers, other.callers, strict=True)],
            [one + more for one, more in zip(self.answerers, other.answerers, strict=True)],
            self.errors + other.errors,
        )

    @property
    def made(self) -> int:
        """Calls of the callers."""
        return sum(tally.made for tally in self.callers)

    @property
    def failed(self) -> int:
        """Calls that ended in a way no scenario knows."""
        return sum(tally.failed for tally in self.callers + self.answerers)


@dataclass(frozen=True)
class Calls:
    """Everybody's phones."""

    callers: list[Sipp]
    answerers: list[Sipp]

    def wait(self, deadline: float) -> None:
        """Waits until all calls have been made and are over."""
        eventually(lambda: all(sipp.done() for sipp in self.callers), deadline=deadline, pause=0.2)

    def idle(self) -> bool:
        """Whether nobody is in a call."""
        return not any(sipp.tally().now for sipp in self.answerers)

    def accounts(self) -> Accounts:
        everybody = self.callers + self.answerers
        return Accounts(
            [sipp.tally() for sipp in self.callers],
            [sipp.tally() for sipp in self.answerers],
            "\n".join(errors for sipp in everybody if (errors := sipp.errors())),
        )


@contextmanager
def calls_up(stage: Stage, calls: int, rate: float) -> Iterator[Calls]:
    """Begins to make so many calls, `rate` a second, an equal share of each kind."""
    with ExitStack() as stack:
        answering = [
            stack.enter_context(answerers(stage, ANSWERING, ring=150, hold=5000, refuse=0.1)),
            stack.enter_context(answerers(stage, LEAVING, ring=250, hold=1200)),
            stack.enter_context(answerers(stage, ring=200, hold=4000, refuse=0.05)),
        ]
        share = -(-calls // len(KINDS))
        calling = [
            stack.enter_context(
                callers(
                    stage,
                    kind.caller,
                    kind.number,
                    kind.domain,
                    calls=share,
                    rate=rate / len(KINDS),
                    hold=kind.hold,
                    cancel=kind.cancel,
                )
            )
            for kind in KINDS
        ]
        yield Calls(calling, answering)
