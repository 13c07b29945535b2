"""Renders a private copy of `asterisk/conf/`: the shipped files, and `local/` with an instance's settings."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asterisk.pbx.places import CONF, MUSIC
from asterisk.pbx.ports import LOOPBACK, Ports
from asterisk.pbx.secrets import Secrets, make_secrets, write_private

PHONE = re.compile(r"^\[(\d+@[\w.-]+)\]\(", re.MULTILINE)


def configured_phones(conf: Path = CONF) -> list[str]:
    """The endpoints (101@acme.test) of the shipped pjsip_wizard.conf, in its order."""
    return PHONE.findall((conf / "pjsip_wizard.conf").read_text())


@dataclass(frozen=True)
class PbxSettings:
    """What differs from one instance to the next.

    `carrier_contact` is the SIP URI the trunk leads to, the demo carrier by default, and `carrier_aor` the name of
    the AOR that holds it; `extra` is text to append to a shipped file, or a file of the operator's own, by its name.
    """

    name: str
    ports: Ports
    secrets: Secrets = field(default_factory=lambda: make_secrets(configured_phones()))
    sip_host: str = LOOPBACK
    carrier_contact: str = ""
    carrier_aor: str = "carrier"
    extra: Mapping[str, str] = field(default_factory=dict)


def render(folder: Path, inside: Path, settings: PbxSettings) -> None:
    """Makes everything one Asterisk needs under `folder`, which it knows as `inside`."""
    for name in ("etc", "var", "spool", "run", "log", "moh"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for file in MUSIC.glob("*.wav"):
        shutil.copy(file, folder / "moh")
    for file in CONF.glob("*.conf"):
        more = _directories(inside, settings.name) if file.name == "asterisk.conf" else ""
        write_private(folder / "etc" / file.name, file.read_text() + more + settings.extra.get(file.name, ""))
    for name, text in local_files(inside, settings).items():
        write_private(folder / "etc" / "local" / name, text)
    for name in settings.extra.keys() - {file.name for file in CONF.glob("*.conf")}:
        write_private(folder / "etc" / name, settings.extra[name])


def local_files(inside: Path, settings: PbxSettings) -> dict[str, str]:
    """The files of `local/`, each included by the shipped file it is named after."""
    itself = f"sip:{settings.sip_host}:{settings.ports.sip}"
    return {
        "ari.conf": f"password = {settings.secrets.ari_password}\n",
        "http.conf": f"bindaddr = {LOOPBACK}\nbindport = {settings.ports.http}\n",
        "rtp.conf": f"rtpstart = {settings.ports.rtp_start}\nrtpend = {settings.ports.rtp_end}\n",
        "musiconhold.conf": f"directory = {inside / 'moh'}\n",
        "pjsip_transport.conf": f"bind = {settings.sip_host}:{settings.ports.sip}\n",
        "pjsip.conf": _aor(settings.carrier_aor, settings.carrier_contact or itself)
        + _aor("demo-carrier", itself)
        + _more("carrier-digest", f"password = {settings.secrets.carrier_password}")
        + _more("demo-carrier-digest", f"password = {settings.secrets.demo_carrier_password}"),
        "pjsip_wizard.conf": "".join(
            _more(endpoint, f"inbound_auth/password = {password}")
            for endpoint, password in settings.secrets.phones.items()
        ),
    }


def _directories(inside: Path, name: str) -> str:
    folders = {
        "astetcdir": "etc",
        "astvarlibdir": "var",
        "astdbdir": "var",
        "astspooldir": "spool",
        "astrundir": "run",
        "astlogdir": "log",
    }
    lines = "".join(f"{key} => {inside / value}\n" for key, value in folders.items())
    return _more("options", f"systemname = {name}") + f"\n[directories]\n{lines}"


def _more(section: str, line: str) -> str:
    return f"\n[{section}](+)\n{line}\n"


def _aor(name: str, contact: str) -> str:
    return f"\n[{name}]\ntype = aor\ncontact = {contact}\n"
