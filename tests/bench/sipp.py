"""sipp: callers and a callee that only signal, as many at once as are asked for."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from asterisk.pbx import Installation, child, find_phones
from asterisk.pbx.ports import LOOPBACK
from tests.instruments.stage import ACME

SCENARIOS = Path(__file__).parent / "scenarios"
CALLER = "901"
"""The extension that sipp calls from: an endpoint without a password, which only the bench's PBX has."""

FOREVER = 7200.0
"""Seconds of a call that outlives the bench."""

PAUSE = 0.1


@dataclass(frozen=True)
class Tally:
    """How one sipp's calls went, so far."""

    created: int
    succeeded: int
    failed: int
    retransmitted: int


class Party:
    """One sipp, which makes or takes calls; `tally` reads the counters it writes down every second and at its end."""

    def __init__(self, process: subprocess.Popen[bytes], statistics: Path) -> None:
        self.process = process
        self._statistics = statistics

    def tally(self) -> Tally:
        head, *lines = self._statistics.read_text().splitlines()
        last = dict(zip(head.split(";"), lines[-1].split(";"), strict=False))
        return Tally(
            int(last["TotalCallCreated"]),
            int(last["SuccessfulCall(C)"]),
            int(last["FailedCall(C)"]),
            int(last["Retransmissions(C)"]),
        )

    def wait(self, seconds: float) -> Tally:
        """Until all its calls have ended."""
        self.process.wait(seconds)
        return self.tally()

    async def ended(self, seconds: float) -> None:
        """The same, beside whatever else goes on."""
        async with asyncio.timeout(seconds):
            while self.process.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE)


class Sipp:
    """Starts sipps in a folder of their own; `close` ends them all."""

    def __init__(self, name: str, sip_port: int) -> None:
        self._where: Installation = find_phones()
        self._sip_port = sip_port
        self._folder = self._where.folder(name)
        self._folder.mkdir(parents=True)
        self._processes: list[subprocess.Popen[bytes]] = []

    def callee(self, port: int) -> Party:
        """Answers every call at once, and holds it until the other side hangs up."""
        return self._start("callee", "-p", str(port))

    def decliner(self, port: int) -> Party:
        """Rings, and declines at once."""
        return self._start("decliner", "-p", str(port))

    def call(self, number: str, *, rate: float, calls: int, at_once: int, seconds: float = FOREVER) -> Party:
        """Calls `number`, `rate` times a second while fewer than `at_once` calls live, `calls` in all.

        Each call is hung up here `seconds` after its answer.
        """
        blanks = {"number": number, "caller": CALLER, "domain": ACME, "milliseconds": str(round(seconds * 1000))}
        return self._start("caller", "-r", str(rate), "-m", str(calls), "-l", str(at_once), **blanks)

    def close(self) -> None:
        for process in self._processes:
            child.kill(process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, scenario: str, *more: str, **blanks: str) -> Party:
        name = f"{scenario}-{len(self._processes)}"
        file, statistics = self._folder / f"{name}.xml", self._folder / f"{name}.csv"
        file.write_text(Template((SCENARIOS / f"{scenario}.xml").read_text()).safe_substitute(blanks))
        inside, written = (str(self._where.path_inside(path)) for path in (file, statistics))
        argv = ("sipp", f"{LOOPBACK}:{self._sip_port}", "-i", LOOPBACK, "-nostdin", "-sf", inside)
        counting = ("-trace_stat", "-stf", written, "-fd", "1")
        started = child.start(self._where.command(*argv, *counting, *more), self._folder / f"{name}.out")
        self._processes.append(started)
        return Party(started, statistics)


@contextmanager
def sipp(name: str, sip_port: int) -> Iterator[Sipp]:
    """All sipps end with the block."""
    opened = Sipp(name, sip_port)
    try:
        yield opened
    finally:
        opened.close()
