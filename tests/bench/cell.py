"""The measured thing: an Asterisk of its own, as many services before it as are wanted, and sipp around it."""

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from asterisk.pbx import Pbx, PbxSettings, find, reserve_ports
from asterisk.pbx.ports import LOOPBACK
from tests.bench.sipp import CALLER, Sipp, sipp
from tests.instruments.polling import eventually
from tests.instruments.service import Service
from tests.instruments.stage import ACME, service_settings, tenants_file

RTP_START, RTP_END = 33000, 60999
"""Two UDP ports a leg: above those of tests and phones, in the range Linux gives to outgoing sockets, of which a
bench machine has few over UDP."""

TALKING = "0901000001"
"""Leads through the trunk to sipp's callee: a call of two legs, in the tenant's own dialplan."""

WAITING = "990"
"""Answered by Asterisk, and held there: a call of one leg, as in a queue or a menu."""

PARKING = "991"
"""What a tenant's own dialplan would park with."""

CONFIGURATION = {
    "pjsip.conf": f"""
[{CALLER}@{ACME}]
type = endpoint
identify_by = username
context = {ACME}
disallow = all
allow = alaw
direct_media = no
rtcp_mux = yes

[carrier](+)
rtcp_mux = yes
""",
    "extensions.conf": f"""
[{ACME}](+)
exten => {WAITING},1,Answer()
 same => n,Wait(7200)
exten => {PARKING},1,BridgeWait(bench,participant,e(m)S(10))
 same => n,Hangup()
""",
    "modules.conf": "load = app_chanspy.so\nload = res_clioriginate.so\n",
}
"""What the bench adds to the shipped configuration. RTP and RTCP on one socket spare a file for each leg: a thousand
calls of two legs take 8,000 open files, a thousand of one leg 3,000."""


class Cell:
    """One Asterisk and what stands around it."""

    def __init__(self, pbx: Pbx, folder: Path, phones: Sipp) -> None:
        self.pbx = pbx
        self.sipp = phones
        self._folder = folder
        self._tenants = folder / "tenants.toml"
        self._tenants.write_text(tenants_file(pbx.secrets.tokens))

    @property
    def asterisk_pid(self) -> int:
        """Of Asterisk itself, also when sudo started it."""
        return int((self.pbx.folder / "run" / "asterisk.pid").read_text())

    @property
    def token(self) -> str:
        return self.pbx.secrets.tokens[ACME]

    @contextmanager
    def service(self, name: str = "first") -> Iterator[Service]:
        """A service, or another replica, as it is shipped; ready."""
        service = self.idle_service(name)
        try:
            yield service.start()
        finally:
            service.stop()

    def idle_service(self, name: str, module: str = "service") -> Service:
        """The same, not started; `module`: what runs it."""
        settings = service_settings(self.pbx, self._tenants) | {"app": f"bench-{name}", "log_level": "info"}
        return Service(self._folder / name, module, **settings)

    def calls(self) -> int:
        """How many Asterisk holds, as its console says, which counts the channels that have called it."""
        said = self.pbx.cli("core show channels count")
        return int(next(line.split()[0] for line in said.splitlines() if "active call" in line))

    def wait_calls(self, count: int, seconds: float) -> None:
        """Until Asterisk holds just so many."""
        eventually(lambda: self.calls() == count, deadline=seconds, message=f"not {count} calls", pause=0.2)


@contextmanager
def open_cell() -> Iterator[Cell]:
    """Starts the Asterisk and sipp's callee; ends whatever was started."""
    _allow_files()
    name = f"bench-{os.getpid()}"
    with ExitStack() as stack:
        ports = stack.enter_context(reserve_ports())
        callee = ports.phone(0)
        settings = PbxSettings(
            name,
            replace(ports, rtp_start=RTP_START, rtp_end=RTP_END),
            carrier_contact=f"sip:{LOOPBACK}:{callee}",
            extra=CONFIGURATION,
        )
        pbx = stack.enter_context(Pbx(find(), settings))
        phones = stack.enter_context(sipp(f"{name}-sipp", pbx.sip_port))
        phones.callee(callee)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="patchbay-bench-")))
        yield Cell(pbx, folder, phones)


def _allow_files() -> None:
    """As many open files as this user may have; Asterisk inherits them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
