"""Phones over TLS and SRTP, set up as deploy/README.md says, with its files and its certificate's recipe."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from asterisk.pbx import Ports, find
from tests.instruments.control import PhoneError
from tests.instruments.fail2ban import Fail2ban
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, Scene, call_up
from tests.instruments.service import PROJECT
from tests.instruments.stage import ACME, Stage, live_stage
from tests.instruments.supervision import BOSS, LISTEN, WHISPER, table
from tests.instruments.wire import Wire, pattern
from tests.instruments.witness import Witness

pytestmark = pytest.mark.owns
DEPLOY = PROJECT / "deploy"
How = dict[str, float | str | bool | None]
PLACE, ANYWHERE = "/etc/asterisk/tls", "0.0.0.0:5061"


@dataclass(frozen=True)
class Secured:
    """A PBX that offers TLS, and demands SRTP of phones."""

    stage: Stage
    port: int
    certificate: str

    def phone(self, extension: str, tone: int, *, srtp: bool = True, **how: float | str | None) -> Phone:
        """An extension's phone that speaks TLS."""
        proxy = f"127.0.0.1:{self.port}"
        secure: How = {"proxy": proxy, "trusts": self.certificate, "srtp": srtp, **how}
        return self.stage.phone(extension, tone, ACME, **secure)

    def call(self) -> Scene:
        """A click-to-call from such a phone to a mobile, over the plain trunk, and a supervisor's such phone."""
        parties = {"agent": self.phone("101", 1, answer=0.0), "boss": self.phone(BOSS, 3, answer=0.0)}
        return call_up(self.stage, CLICK, **parties)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl, as the recipe does")
    folder, name = tmp_path_factory.mktemp("secured"), f"secured-{os.getpid()}"
    make_certificate(folder)
    place = find().path_inside(find().folder(name)) / "etc" / "tls"

    def files(ports: Ports) -> dict[str, str]:
        moved = {PLACE: str(place), ANYWHERE: f"127.0.0.1:{tls_port(ports)}"}
        shipped = {file: (DEPLOY / "tls" / file).read_text() for file in ("transport.conf", "phones.conf")}
        for old, new in moved.items():
            assert old in shipped["transport.conf"]
            shipped["transport.conf"] = shipped["transport.conf"].replace(old, new)
        made = {file: (folder / file).read_text() for file in ("cert.pem", "key.pem")}
        return {f"tls/{file}": text for file, text in (shipped | made).items()}

    with live_stage(folder / "stage", name, files) as stage:
        yield Secured(stage, tls_port(stage.pbx.settings.ports), (folder / "cert.pem").read_text())


@pytest.fixture(autouse=True)
def struck(secured: Secured) -> Iterator[None]:
    yield
    secured.stage.strike()


def tls_port(ports: Ports) -> int:
    """One that neither the PBX nor a phone of this run has."""
    return ports.sip + 7


def make_certificate(folder: Path) -> None:
    """By the README's own command, for loopback: cert.pem and key.pem."""
    (command,) = re.findall(r"^openssl req (?:.*\\\n)*.*", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    command = command.replace("192.0.2.10", "127.0.0.1")
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True)


def secrecy(stage: Stage) -> dict[str, tuple[str, str]]:
    """Of each leg, by its endpoint, whether Asterisk says that its SIP and its audio are encrypted."""
    witness = Witness(stage)
    legs = [channel for channel in witness.channels() if channel["name"].startswith("PJSIP/")]
    return {
        leg["name"].removeprefix("PJSIP/").rpartition("-")[0]: (
            witness.told(leg["id"], "CHANNEL(pjsip,secure)"),
            witness.told(leg["id"], "CHANNEL(rtp,secure)"),
        )
        for leg in legs
    }


def test_a_call_and_its_supervisor(secured: Secured) -> None:
    """Everybody hears whom they should, in Asterisk's own words encrypted, and the carrier is as it was."""
    scene = secured.call()
    for mode in (LISTEN, WHISPER):
        scene.acme.do(mode, scene.call_id, ext=BOSS)
        scene.parties["boss"].wait_established()
        scene.hears(table(boss=mode))
    encrypted, plain = ("1", "1"), ("0", "0")
    assert secrecy(secured.stage) == {"101@acme.test": encrypted, "103@acme.test": encrypted, "carrier": plain}
    row = scene.row()
    assert row
    assert row["ip"] == "127.0.0.1"


def test_who_is_on_the_wire_hears_the_carrier_s_side_only(secured: Secured) -> None:
    """The packets of the trunk's leg show the voices' pattern, those of the phone's leg none."""
    secured.call()
    witness = Witness(secured.stage)
    ports = {
        name: int(witness.told(witness.ids(name)[0], "CHANNEL(rtp,dest)").rpartition(":")[2])
        for name in ("PJSIP/101@", "PJSIP/carrier-")
    }
    try:
        wire = Wire()
    except PermissionError:
        pytest.skip("only root sees the packets")
    with wire:
        eventually(lambda: all(len(wire.audio(port)) >= 50 for port in ports.values()), message="too few packets")
    assert pattern(wire.audio(ports["PJSIP/carrier-"])) > 0.5
    assert pattern(wire.audio(ports["PJSIP/101@"])) < 0.05


def test_a_phone_without_srtp_neither_calls_nor_is_called(secured: Secured) -> None:
    """It may register; its calls are refused before anything rings, and it is offered no call it could take."""
    agent, plain, mobile = secured.phone("101", 1), secured.phone("102", 2, srtp=False), secured.stage.mobile(3)
    secured.stage.start(agent=agent, plain=plain, mobile=mobile)
    for number in ("101", "0909123456"):
        told = len(plain.ended)
        plain.dial(number)
        eventually(lambda told=told: len(plain.ended) > told, message="not refused")  # type: ignore[misc]
        assert plain.ended[-1].reason.startswith("488")
    agent.dial("102")
    eventually(lambda: agent.ended, message="not told")
    assert not agent.rings + plain.rings + mobile.rings


def test_a_phone_does_not_trust_another_s_certificate(secured: Secured, tmp_path: Path) -> None:
    """So a password is told to nobody who merely stands in between."""
    make_certificate(tmp_path)
    phone = secured.stage.phone(
        "101", 1, proxy=f"127.0.0.1:{secured.port}", trusts=(tmp_path / "cert.pem").read_text(), srtp=True
    )
    with pytest.raises(PhoneError, match="not registered"):
        phone.start()


def test_fail2ban_finds_who_guesses_over_tls(secured: Secured, fail2ban: Fail2ban) -> None:
    log = secured.stage.pbx.folder / "log" / "security"
    guesser = secured.phone("101", 1, password="guessed")
    with pytest.raises(PhoneError, match="401"):
        guesser.start()
    ban, *_ = eventually(lambda: fail2ban.bans(log), message="not found")
    assert ban.address == "127.0.0.1"
    assert "IPV4/TLS/" in ban.line
