"""Several people do something to one call at the same moment, give or take some milliseconds."""

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

import httpx

from tests.instruments.client import Client
from tests.instruments.control import PhoneError
from tests.instruments.failures import failure
from tests.instruments.faulty import Exchange
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.scene import AGENT, INBOUND_NUMBER, Scene
from tests.instruments.witness import Witness

T = TypeVar("T")

DONE = "done"
LATE = ("CALL_NOT_FOUND", "CALL_NOT_ANSWERED")
"""What somebody may be told whom another forestalls: Asterisk is well, so never that it is not."""

TALKING, PARKED, ENDED = "talking", "parked", "ended"


@contextmanager
def dice() -> Iterator[random.Random]:
    """The instants of a race; the seed stands in the output of a test that fails, and RACE_SEED sets it."""
    seed = int(os.environ.get("RACE_SEED") or random.randrange(10**6))
    print(f"RACE_SEED={seed}")
    yield random.Random(seed)


def at_once(chance: random.Random, within: float, *deeds: Callable[[], T]) -> list[T]:
    """Does each at some instant `within` seconds from now; what came of each."""
    waits = [chance.uniform(0, within) for _ in deeds]

    def do(wait: float, deed: Callable[[], T]) -> T:
        time.sleep(wait)
        return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, waits, deeds))


def asked(client: Client, verb: str, call_id: str, **body: str) -> Callable[[], str]:
    """Asks for it: "done", or the error of the contract's table, in the very bytes of the table."""

    def ask() -> str:
        return _verdict(verb, call_id, body, client.ask(verb, call_id, **body))

    return ask


def _verdict(verb: str, call_id: str, body: dict[str, str], answer: httpx.Response) -> str:
    if answer.status_code == 200:
        ext = {"ext": body["ext"]} if "ext" in body else {}
        assert answer.json() == {"status": "success", "call_id": call_id, **ext}, answer.text
        return DONE
    known = [code for code in LATE if (answer.status_code, answer.content) == failure(verb, code)]
    assert known, f"{verb}: {answer.status_code} {answer.text}"
    return known[0]


def hung_up(phone: Phone) -> Callable[[], str]:
    """Its user hangs up, if there still is a call."""

    def hang_up() -> str:
        with suppress(PhoneError):
            phone.hangup()
        return DONE

    return hang_up


class Rounds:
    """An inbound call in which one race after the other is run: the same as long as it lives, and then a new one."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.stage = scene.stage
        self.acme = scene.acme
        self.seen = Exchange(scene.stage)
        self.witness = Witness(scene.stage)

    def ready(self) -> Scene:
        """The two sides talk, and there is nothing else."""
        state = self.comes_to(TALKING, PARKED, ENDED)
        if state == PARKED and self.seen.parked() == ["carrier"]:
            self.acme.do("transfer", self.scene.call_id, ext=AGENT, legs=self.scene.far_side)
        elif state != TALKING or "carrier" not in self.pair():
            self._begin()
        self.comes_to(TALKING)
        assert "carrier" in self.pair()
        return self.scene

    def _begin(self) -> None:
        for phone in self.scene.parties.values():
            hung_up(phone)()
        self.seen.nothing()
        self.scene.far.dial(INBOUND_NUMBER)
        self.scene.call_id = self.acme.only_call()["call_id"]

    def comes_to(self, *states: str) -> str:
        """Waits until nothing of ours is left, and the call is in one of these; the list must say the same."""
        found = [""]

        def there() -> bool:
            found[:] = [self._now()]
            return found[0] in states

        self.seen.wait(there, 10.0, f"not {' or '.join(states)}")
        listed = {TALKING: [(self.scene.call_id, "CS_EXECUTE")], PARKED: [(self.scene.call_id, "CS_PARK")], ENDED: []}

        def rows() -> bool:
            return [(row["call_id"], row["state"]) for row in self.acme.calls()] == listed[found[0]]

        eventually(rows, message=f"the list does not say: {found[0]}")
        return found[0]

    def pair(self) -> list[str]:
        """The two who talk."""
        (pair,) = self.seen.pairs()
        return pair

    def _now(self) -> str:
        channels, pairs, parked = len(self.witness.channels()), self.seen.pairs(), self.seen.parked()
        if channels == 2 and [len(pair) for pair in pairs] == [2]:
            return TALKING
        if channels == 1 and parked:
            return PARKED
        return "" if channels or self.witness.bridges() else ENDED

    def mode(self) -> str:
        """Waits until one supervisor hears one Snoop; its mode."""
        self.seen.wait(self.one, 10.0, "not one supervisor in one mode")
        return self.seen.modes()[0]

    def one(self) -> bool:
        """Whether one supervisor hears one Snoop."""
        return self.seen.supervisors() == 1 and len(self.seen.modes()) == 1
