"""The service under test, as a process of its own."""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from asterisk.pbx.ports import FIRST_RTP, RTP_BLOCK, SLOTS, tcp_free
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
"""One or two, when the machine is idle."""

PORTS = range(FIRST_RTP, FIRST_RTP + SLOTS * RTP_BLOCK)
"""Those of the PBXs' audio, which is UDP's."""


def free_tcp_port() -> int:
    """A port nobody listens on at this moment, and that Linux gives to no outgoing connection before it is bound."""
    while not tcp_free(port := secrets.choice(PORTS)):
        pass
    return port


class Service:
    """`python -m service` with the given PATCHBAY_* settings; its log goes to a file."""

    def __init__(self, folder: Path, module: str = "service", **settings: str) -> None:
        self.folder = folder
        self.module = module
        self.settings = settings
        self.log_file = folder / "service.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def start(self) -> "Service":
        """Starts it, on a fresh port, and returns when it is ready."""
        self.launch()
        try:
            eventually(self.ready, deadline=START_SECONDS, pause=0.05, message="the service is not ready")
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.log[-4000:]}") from error
        return self

    def launch(self) -> None:
        """Starts it without waiting."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_tcp_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PATCHBAY_")}
        own = {f"PATCHBAY_{name.upper()}": value for name, value in self.settings.items()}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env=clean | own | {"PATCHBAY_PORT": str(self.port)},
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def ready(self) -> bool:
        """Whether /ready says so; AssertionError when the process has ended."""
        assert self.process is not None
        assert self.process.poll() is None, f"the service ended: {self.log[-2000:]}"
        try:
            return httpx.get(f"{self.url}/ready", verify=NO_TLS, timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends it in an orderly way; the exit status."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
