"""A stage whose PBX and service run already, as in the compose project.

STAGE_API is the service's URL, and the sign that they are given; STAGE_SECRETS the PBX's secrets file; STAGE_CONSOLE
the socket of Asterisk's console, which is the witness. Phones and Asterisk share one loopback, with SIP at 5060.
"""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from asterisk.pbx import Installation, Pbx, PbxError, PbxSettings
from asterisk.pbx.ports import Ports
from asterisk.pbx.secrets import Secrets
from tests.instruments.registrar import Account, register
from tests.instruments.service import Service
from tests.instruments.stage import Stage

SIP, ARI = 5060, 8088
REASON = "needs a PBX or a service of its own, and here both are given"
CONSOLE_SECONDS = 20.0
TRUNK = "carrier"
TRUNK_SECONDS = 3600
"""Longer than any run; a run that died without a word leaves its registration behind until then or the next run."""


def is_given() -> bool:
    """Whether the environment names a PBX and a service."""
    return "STAGE_API" in os.environ


def _not_ours() -> NoReturn:
    pytest.skip(REASON)


class GivenPbx(Pbx):
    """Somebody else's Asterisk: it can be asked, not started or stopped."""

    def __init__(self) -> None:
        secrets = Secrets(**json.loads(Path(os.environ["STAGE_SECRETS"]).read_text()))
        ports = Ports(sip=SIP, http=ARI, rtp_start=0, rtp_end=0)
        super().__init__(Here(None, ()), PbxSettings("given", ports, secrets))

    def cli(self, command: str) -> str:
        """What Asterisk's console answers."""
        with socket.socket(socket.AF_UNIX) as console:
            console.settimeout(CONSOLE_SECONDS)
            try:
                console.connect(os.environ["STAGE_CONSOLE"])
                console.sendall(f"cli quit after {command}\0".encode())
                with console.makefile("rb") as answer:
                    answer.readline()  # who is there
                    return answer.read().decode(errors="replace")
            except OSError as error:
                raise PbxError(f"Asterisk does not answer `{command}`: {error}") from error

    def start(self) -> None:
        _not_ours()

    def kill(self) -> None:
        _not_ours()

    def stop(self, *, remove: bool = False) -> None:
        _not_ours()


class GivenService(Service):
    """Somebody else's service: it has a URL, and that is all."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.gettempdir()))

    @property
    def url(self) -> str:
        return os.environ["STAGE_API"]

    @property
    def log(self) -> str:
        _not_ours()

    def launch(self) -> None:
        _not_ours()

    def signal(self, number: Any) -> None:
        _not_ours()

    def kill(self) -> None:
        _not_ours()

    def stop(self) -> int:
        _not_ours()


@dataclass(frozen=True)
class Here(Installation):
    """The phones are programs of this machine, and their folders can be anywhere."""

    def folder(self, name: str) -> Path:
        return Path(tempfile.gettempdir()) / name


@contextmanager
def given_stage() -> Iterator[Stage]:
    """The PBX and the service that the environment names; their trunk leads to `Stage.mobile` meanwhile."""
    pbx = GivenPbx()
    with trunk_to(pbx.settings.ports.phone(0), pbx.secrets.carrier_password):
        stage = Stage(pbx, Here(None, ()), GivenService())
        yield stage
        stage.close()


@contextmanager
def trunk_to(port: int, password: str) -> Iterator[None]:
    """The trunk leads to this port of loopback, as if a carrier's equipment had registered from there."""
    trunk = Account(TRUNK, "carrier.invalid", TRUNK, password)
    register(trunk, SIP, port, TRUNK_SECONDS)
    yield
    register(trunk, SIP, port, 0)
