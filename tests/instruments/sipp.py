"""Many phones in one process (sipp): callers at a given rate, and phones that answer whatever comes.

Each process keeps account of its calls; one that ended in a way its scenario does not know has failed, and stands in
its errors. Callers who talk speak a tone, answerers send back what they hear: Asterisk counts packets both ways.
"""

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import count
from pathlib import Path
from string import Template

from asterisk.pbx import child
from asterisk.pbx.ports import LOOPBACK, udp_free
from tests.instruments.polling import eventually
from tests.instruments.ports import Block, take
from tests.instruments.process import Where
from tests.instruments.registrar import Account, register
from tests.instruments.stage import ACME, MEDIA_PORTS, Stage

SCENARIOS = Path(__file__).parent / "scenarios"
REFUSALS = (400, 403, 404, 408, 480, 484, 486, 487, 488, 500, 503, 600, 603)
"""SIP answers to a call that are an outcome of it, no failure of the instrument."""

KILOHERTZ = bytes.fromhex("34212134b4a1a1b4") * 1000
"""A second of 1 kHz in A-law, as in ITU-T G.711."""

CARRIER = "carrier.invalid"
"""The domain of callers from outside."""

LONGEST = 3_600_000
"""Milliseconds no call lasts: it is the other side that hangs up."""

EXPECTED = re.compile(r"^The following events occurred:|receive timeout on message .*, jumping to label|^$")
REGISTERED_SECONDS = 3600
FAREWELL_SECONDS = 2.0
_serial = count(1)


@dataclass(frozen=True)
class Tally:
    """What became of the calls of one process; `now` are still going on, `released` were hung up by the other side."""

    made: int
    now: int
    good: int
    failed: int
    answered: int
    refused: int
    cancelled: int
    released: int

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


class Sipp:
    """One sipp: a scenario of `scenarios/` with its blanks filled in, on a block of ports."""

    def __init__(self, where: Where, scenario: str, blanks: dict[str, str], port: int | None = None) -> None:
        self.ports: Block = take(port)
        self._where = where
        self._folder = where.folder("sipp") / f"{scenario}-{os.getpid()}-{next(_serial)}"
        self._folder.mkdir(parents=True)
        self._running: subprocess.Popen[bytes] | None = None
        (self._folder / "tone.al").write_bytes(KILOHERTZ)
        known = {"refusals": _refusals(), "tone": self._inside("tone.al")}
        text = Template((SCENARIOS / f"{scenario}.xml").read_text()).substitute(known | blanks)
        (self._folder / "scenario.xml").write_text(text)

    @property
    def port(self) -> int:
        """The SIP port."""
        return self.ports.sip

    def start(self, *arguments: str) -> "Sipp":
        """Starts it with further arguments; returns when its port is open."""
        own = {
            "-sf": self._inside("scenario.xml"),
            "-i": LOOPBACK,
            "-p": str(self.port),
            "-mi": LOOPBACK,
            "-cp": str(self.ports.control),
            "-stf": self._inside("tally.csv"),
            "-fd": "1",
            "-error_file": self._inside("errors.log"),
        }
        options = [part for pair in own.items() for part in pair]
        argv = ["env", "TERM=dumb", "sipp", *options, "-trace_stat", "-trace_err", "-nostdin", *arguments]
        self._running = child.start(self._where.command(*argv), self._folder / "console.log")
        eventually(self._open, message=f"sipp does not start: {child.tail(self._folder / 'console.log')}")
        return self

    def done(self) -> bool:
        """Whether all its calls are over and it has ended by itself."""
        return self._running is not None and self._running.poll() is not None

    def wait(self, deadline: float) -> Tally:
        """Waits for its end; what became of its calls."""
        eventually(self.done, deadline=deadline, message=f"sipp goes on: {self.told()}", pause=0.05)
        return self.tally()

    def tally(self) -> Tally:
        """The account as it was at most a second ago."""
        with (self._folder / "tally.csv").open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]

        def number(*columns: str) -> int:
            return sum(int(last.get(f"{column}(C)") or 0) for column in columns)

        return Tally(
            made=int(last["TotalCallCreated"]),
            now=int(last["CurrentCall"]),
            good=number("SuccessfulCall"),
            failed=number("FailedCall"),
            answered=number("answered"),
            refused=number("refused"),
            cancelled=number("cancelled"),
            released=number("released"),
        )

    def errors(self) -> str:
        """Every message it did not expect, in full; waits that ended as the scenario says are none."""
        path = self._folder / "errors.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join(line for line in lines if not EXPECTED.search(line))

    def told(self) -> str:
        """The end of what it has said, for messages."""
        return f"{self.tally()}\n{self.errors()[-2000:]}"

    def stop(self) -> None:
        """Ends it, whatever it is doing; its folder stays when it told of errors."""
        if self._running is not None:
            child.stop(self._running, FAREWELL_SECONDS)
        self.ports.release()
        if not self.errors():
            shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self) -> bool:
        return self.done() or not udp_free(self.port)

    def _inside(self, name: str) -> str:
        return str(self._where.path_inside(self._folder / name))


@contextmanager
def answerers(
    stage: Stage,
    extensions: Sequence[str] = (),
    domain: str = ACME,
    *,
    ring: int = 100,
    hold: int = LONGEST,
    refuse: float = 0.0,
) -> Iterator[Sipp]:
    """Phones of these extensions, or the carrier if none, that ring for `ring` ms and hang up after `hold` ms.

    With the chance `refuse` they are busy.
    """
    port = None if extensions else stage.pbx.settings.ports.phone(0)
    pbx = f"{LOOPBACK}:{stage.pbx.sip_port}"
    blanks = {"pbx": pbx, "ring": str(ring), "hold": str(hold), "refuse": str(refuse)}
    sipp = Sipp(stage.where, "answerer", blanks, port)
    accounts = [account(stage, extension, domain) for extension in extensions]
    for each in accounts:
        register(each, stage.pbx.sip_port, sipp.port, REGISTERED_SECONDS)
    media = sipp.ports.rtp
    try:
        yield sipp.start("-rtp_echo", "-min_rtp_port", str(media[0]), "-max_rtp_port", str(media[1]))
    finally:
        sipp.stop()
        for each in accounts if stage.pbx.alive() else ():
            register(each, stage.pbx.sip_port, sipp.port, 0)


@contextmanager
def callers(
    stage: Stage,
    extension: str,
    number: str,
    domain: str = ACME,
    *,
    calls: int,
    rate: float = 10.0,
    at_once: int = 100,
    hold: int = LONGEST,
    cancel: float = 0.0,
    talk: bool = False,
) -> Iterator[Sipp]:
    """`calls` calls of an extension to a number, `rate` a second, that hang up after `hold` ms.

    With the chance `cancel` they give up while it rings. Those who `talk` speak a tone.
    """
    who = account(stage, extension, domain)
    blanks = {"user": who.user, "domain": domain, "login": who.login, "password": who.password}
    blanks |= {"hold": str(hold), "cancel": str(cancel), "silence": str(int(not talk))}
    blanks |= {"audio_port": "rtpstream_audio_port" if talk else "media_port"}
    sipp = Sipp(stage.where, "caller", blanks)
    ports = stage.pbx.settings.ports
    first, last = ports.phone(MEDIA_PORTS[0]), ports.phone(MEDIA_PORTS[-1]) - 1
    try:
        yield sipp.start(
            *("-s", number, "-m", str(calls), "-r", str(rate), "-l", str(at_once)),
            *("-min_rtp_port", str(first), "-max_rtp_port", str(last)),
            f"{LOOPBACK}:{stage.pbx.sip_port}",
        )
    finally:
        sipp.stop()


def account(stage: Stage, extension: str, domain: str) -> Account:
    """What an extension's phone registers and calls with; any number's in the domain of the carrier."""
    if domain == CARRIER:
        return Account(extension, domain, "carrier", stage.pbx.secrets.carrier_password)
    return Account(extension, domain, extension, stage.pbx.secrets.phones[f"{extension}@{domain}"])


def _refusals() -> str:
    return "\n".join(f'  <recv response="{status}" optional="true" next="unanswered"/>' for status in REFUSALS)
