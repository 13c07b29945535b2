"""What the service and Asterisk hold at a moment, by their own counters and the kernel's."""

import re
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import httpx

from asterisk.pbx import Pbx
from tests.instruments.no_tls import NO_TLS
from tests.instruments.stage import Stage
from tests.instruments.witness import Witness

SERVICE_NOISE, ASTERISK_NOISE = 4096, 65536
"""KB that memory may differ by whatever is done: the allocator of an Asterisk of many threads is slow to settle."""

CALLS_A_KB = 1
"""Calls for which memory may grow by one KB more."""


@dataclass(frozen=True)
class Footprint:
    """Memory in KB; tasks are asyncio's, `watched` are channels and bridges the application is subscribed to by id."""

    service_memory: int
    service_files: int
    service_tasks: int
    asterisk_memory: int
    asterisk_files: int
    asterisk_threads: int
    channels: int
    bridges: int
    taskprocessors: int
    watched: int

    @property
    def steady(self) -> tuple[int, ...]:
        """What an idle service and an idle Asterisk always hold the same of."""
        return self.service_files, self.service_tasks, self.asterisk_files, self.asterisk_threads, self.taskprocessors

    def __str__(self) -> str:
        return "  ".join(f"{name.name} {value}" for name, value in zip(fields(self), astuple(self), strict=True))


def growth(before: Footprint, after: Footprint, calls: int) -> dict[str, int]:
    """By how much each counter is above what it was and may be after so many calls."""
    allowed = {
        "service_memory": SERVICE_NOISE + calls // CALLS_A_KB,
        "asterisk_memory": ASTERISK_NOISE + calls // CALLS_A_KB,
    }
    more = {name.name: getattr(after, name.name) - getattr(before, name.name) for name in fields(before)}
    return {name: number for name, number in more.items() if number > allowed.get(name, 0)}


def measure(stage: Stage) -> Footprint:
    """Asks both."""
    service, asterisk = _service_pid(stage), _asterisk_pid(stage.pbx)
    return Footprint(
        service_memory=_status(service, "VmRSS"),
        service_files=_files(service),
        service_tasks=int(_metric(stage, "patchbay_tasks")),
        asterisk_memory=_status(asterisk, "VmRSS"),
        asterisk_files=_files(asterisk),
        asterisk_threads=_status(asterisk, "Threads"),
        channels=len(stage.channels()),
        bridges=len(stage.bridges()),
        taskprocessors=int(re.findall(r"(\d+) taskprocessors", stage.pbx.cli("core show taskprocessors"))[0]),
        watched=Witness(stage).watched(),
    )


def _service_pid(stage: Stage) -> int:
    assert stage.service.process is not None
    return stage.service.process.pid


def _asterisk_pid(pbx: Pbx) -> int:
    """Of Asterisk itself, whatever started it."""
    return int((pbx.folder / "run" / "asterisk.pid").read_text())


def _status(pid: int, name: str) -> int:
    return int(re.findall(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[0])


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _metric(stage: Stage, name: str) -> float:
    text = httpx.get(f"{stage.service.url}/metrics", verify=NO_TLS, timeout=5).text
    return float(re.findall(rf"^{name} (\S+)$", text, re.MULTILINE)[0])
