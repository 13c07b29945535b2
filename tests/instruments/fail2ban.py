"""fail2ban itself, with the shipped filter and jail in the places that their heads name."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from asterisk.pbx import Installation
from asterisk.pbx.installation import ROOT
from tests.instruments.service import PROJECT

SHIPPED = PROJECT / "deploy" / "fail2ban"
CONFIGURATION = Path("/etc/fail2ban")
PLACE = re.compile(rf"Install as {CONFIGURATION}/(\S+\.conf)\b")
LOG = "/var/log/asterisk/security"
SECONDS = 30.0
NONE = "fail2ban is neither on this machine nor in .pbx/root (one that was brought without it: make clean, make test)"


def installed() -> Installation | None:
    """Where it is: on the machine, or in the private root."""
    if shutil.which("fail2ban-regex"):
        return Installation(None, ())
    return Installation(ROOT, ()) if (ROOT / "usr" / "bin" / "fail2ban-regex").exists() else None


@dataclass(frozen=True)
class Ban:
    """What it would count against an address, and the line it says so for."""

    address: str
    line: str


class Fail2ban:
    """A context manager: its configuration in a folder of its own, with ours added. It bans nobody."""

    def __init__(self, where: Installation) -> None:
        self._where = where
        self._folder = where.folder(f"fail2ban-{os.getpid()}")

    def __enter__(self) -> Self:
        shutil.copytree(self._where.path_outside(CONFIGURATION), self._folder, symlinks=True)
        for file in SHIPPED.glob("*.conf"):
            text = file.read_text()
            (place,) = PLACE.findall(text)
            (self._folder / place).write_text(text.replace(LOG, self._inside("security")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder)

    def bans(self, log: Path) -> list[Ban]:
        """What the filter finds in this log, line by line."""
        shutil.copy(log, self._folder / "security")
        said = self._run("fail2ban-regex", "-o", "<ip> <matches>", self._inside("security"), self._inside(self._filter))
        return [Ban(*line.split(" ", 1)) for line in said.splitlines() if line]

    def jail(self) -> str:
        """All that its client would tell the server to do with this configuration."""
        (self._folder / "security").touch()
        return self._run("fail2ban-client", "-c", self._inside(), "-d")

    @property
    def _filter(self) -> str:
        (place,) = PLACE.findall((SHIPPED / "filter.conf").read_text())
        return str(place)

    def _inside(self, name: str = ".") -> str:
        return str(self._where.path_inside(self._folder / name))

    def _run(self, *argv: str) -> str:
        done = subprocess.run(
            self._where.command(*argv), capture_output=True, text=True, timeout=SECONDS, check=False, cwd="/"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
