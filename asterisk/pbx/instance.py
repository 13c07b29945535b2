"""One running Asterisk: a child process with a private copy of the configuration."""

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from asterisk.pbx import child
from asterisk.pbx.conf import PbxSettings, render
from asterisk.pbx.errors import PbxError
from asterisk.pbx.installation import Installation
from asterisk.pbx.ports import LOOPBACK
from asterisk.pbx.secrets import Secrets

BOOT_SECONDS = 30.0  # it takes about one; a busy machine gets time
STOP_SECONDS = 5.0
POLL_SECONDS = 0.05
CLI_SECONDS = 20.0


class Pbx:
    """An Asterisk with the shipped configuration; a context manager that starts, stops and removes it."""

    def __init__(self, installation: Installation, settings: PbxSettings, *, verbose: bool = False) -> None:
        self.installation = installation
        self.settings = settings
        self.verbose = verbose
        self.folder = installation.folder(settings.name)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The instance's name: its folder's, and the prefix of its channel ids."""
        return self.settings.name

    @property
    def secrets(self) -> Secrets:
        """The passwords of this instance."""
        return self.settings.secrets

    @property
    def sip_port(self) -> int:
        """The UDP port phones register at."""
        return self.settings.ports.sip

    @property
    def http_port(self) -> int:
        """The TCP port of ARI, on loopback."""
        return self.settings.ports.http

    @property
    def ari_url(self) -> str:
        """What PATCHBAY_ARI_URL must be."""
        return f"http://{LOOPBACK}:{self.http_port}/ari"

    @property
    def log(self) -> Path:
        """Asterisk's own log: notices, warnings, errors."""
        return self.folder / "log" / "messages"

    @property
    def console(self) -> Path:
        """What Asterisk printed."""
        return self.folder / "log" / "console"

    def start(self) -> None:
        """Renders the configuration, starts Asterisk, returns when it is booted; PbxError if it is not."""
        render(self.folder, self._inside, self.settings)
        flags = ["-f", "-n", "-vvv"] if self.verbose else ["-f", "-n"]
        self.process = child.start(self._asterisk(*flags), self.console)
        try:
            self._wait_booted()
        except BaseException:
            self.stop()
            raise

    def cli(self, command: str) -> str:
        """What Asterisk's console answers; PbxError when nobody listens there."""
        answer = subprocess.run(
            self._asterisk("-rx", command), capture_output=True, errors="replace", check=False, timeout=CLI_SECONDS
        )
        if answer.returncode != 0:
            raise PbxError(f"Asterisk {self.name} does not answer `{command}`: {answer.stderr.strip()}")
        return answer.stdout

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Ends Asterisk at once, as a crash would."""
        if self.process is not None:
            child.kill(self.process)

    def stop(self, *, remove: bool = False) -> None:
        """Ends Asterisk, gently and then not; with `remove` its folder goes too. Safe to call twice."""
        if self.process is not None:
            child.stop(self.process, STOP_SECONDS)
            self.process = None
        if remove:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(remove=kind is None)

    @property
    def _inside(self) -> Path:
        return self.installation.path_inside(self.folder)

    def _asterisk(self, *argv: str) -> list[str]:
        conf = self._inside / "etc" / "asterisk.conf"
        return self.installation.command("asterisk", "-C", str(conf), *argv)

    def _wait_booted(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not self._booted():
            if not self.alive():
                raise PbxError(f"Asterisk {self.name} ended while starting:\n{child.tail(self.console)}")
            if time.monotonic() > deadline:
                raise PbxError(f"Asterisk {self.name} is not ready after {BOOT_SECONDS} s, see {self.log}")
            time.sleep(POLL_SECONDS)

    def _booted(self) -> bool:
        try:
            return "fully booted" in self.cli("core waitfullybooted")
        except PbxError:
            return False
