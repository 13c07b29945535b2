"""A PBX of its own, the service, a client for each tenant, and phones on demand."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from asterisk.pbx import Installation, Pbx, PbxSettings, Ports, find, find_phones, reserve_ports
from tests.instruments.audibility import Table
from tests.instruments.client import Client
from tests.instruments.control import PhoneError
from tests.instruments.no_tls import NO_TLS
from tests.instruments.phone import Phone, start_all, stop_all
from tests.instruments.polling import eventually
from tests.instruments.service import Service
from tests.instruments.tones import TONES

ACME, GLOBEX = "acme.test", "globex.test"
HOTLINES = {ACME: ("02873001234", "02873001235"), GLOBEX: ("02873005678", "02873005679")}
MOBILE = "0909123456"
PHONE_PORTS, MEDIA_PORTS = range(1, 31), range(31, 49)
"""Numbers of `Ports.phone`: of phones in turn, 0 being the mobile's, and of the sound of sipp's callers."""
PROCESS_PAUSE = 0.05
"""Seconds between two looks at Asterisk's console, each of which takes a process or two: 10 ms of a core each."""

Extra = Mapping[str, str] | Callable[[Ports], Mapping[str, str]]


def tenants_file(tokens: Mapping[str, str], limits: Mapping[str, str] | None = None) -> str:
    """The two demo tenants with these tokens; `limits` are lines of [tenant.outbound] by domain, * for [outbound]."""
    limits = limits or {}
    parts = [f"[outbound]\n{limits['*']}\n"] if "*" in limits else []
    for domain, token in tokens.items():
        digest = hashlib.sha256(token.encode()).hexdigest()
        hotlines = "".join(f'"{number}" = {{ trunk = "carrier" }}\n' for number in HOTLINES[domain])
        parts.append(f'[[tenant]]\ndomain = "{domain}"\ntokens = ["sha256:{digest}"]\n[tenant.hotlines]\n{hotlines}')
        if domain in limits:
            parts.append(f"[tenant.outbound]\n{limits[domain]}\n")
    return "\n".join(parts)


class Stage:
    """What a live test plays on. Phones it made are ended by `strike`, the rest by `live_stage`."""

    def __init__(self, pbx: Pbx, phones: Installation, service: Service) -> None:
        self.pbx = pbx
        self.service = service
        self.where = phones
        self._phones: list[Phone] = []
        self._ports = itertools.cycle(PHONE_PORTS)
        self.ari = httpx.Client(
            base_url=pbx.ari_url, auth=("patchbay", pbx.secrets.ari_password), verify=NO_TLS, timeout=5
        )
        self.clients = {domain: Client(service.url, token) for domain, token in pbx.secrets.tokens.items()}

    @property
    def acme(self) -> Client:
        return self.clients[ACME]

    @property
    def globex(self) -> Client:
        return self.clients[GLOBEX]

    def serve(self) -> None:
        """Starts the service again, on another port, and tells the clients of it."""
        self.service.start()
        self.tell_clients()

    def tell_clients(self) -> None:
        """Tells them where the service is."""
        for client in self.clients.values():
            client.http.base_url = self.service.url

    # phones

    def phone(self, extension: str, tone: int, domain: str = ACME, **how: float | str | bool | None) -> Phone:
        """An extension's phone, not started yet; `tone` is the index of its voice."""
        return self._keep(
            Phone(
                self.where,
                extension,
                domain,
                voice=TONES[tone],
                register=True,
                port=self.pbx.settings.ports.phone(next(self._ports)),
                **{  # type: ignore[arg-type]
                    "password": self.pbx.secrets.phones[f"{extension}@{domain}"],
                    "proxy": f"127.0.0.1:{self.pbx.sip_port}",
                    **how,
                },
            )
        )

    def mobile(self, tone: int = 0, number: str = MOBILE, **how: float | int | str | None) -> Phone:
        """The carrier, in the person of the one mobile it has; calls in and is called under any number."""
        return self._keep(
            Phone(
                self.where,
                number,
                "carrier.invalid",
                voice=TONES[tone],
                password=self.pbx.secrets.carrier_password,
                auth_user="carrier",
                proxy=f"127.0.0.1:{self.pbx.sip_port}",
                port=self.pbx.settings.ports.phone(0),
                **how,  # type: ignore[arg-type]
            )
        )

    def _keep(self, phone: Phone) -> Phone:
        self._phones.append(phone)
        return phone

    def start(self, **parties: Phone) -> Table:
        """Starts phones side by side; the audibility table of them."""
        start_all(parties.values())
        return Table(parties)

    # Asterisk as witness

    def channels(self) -> list[str]:
        """Names of all channels, as Asterisk's console lists them."""
        lines = self.pbx.cli("core show channels concise").splitlines()
        return [line.partition("!")[0] for line in lines if "!" in line]

    def settled(self) -> bool:
        """Whether every channel is up and the Local channel of a click-to-call has gone, as ARI says."""
        channels = self.ari.get("channels").json()
        return all(one["state"] == "Up" and not one["name"].startswith("Local/ring@") for one in channels)

    def bridges(self) -> list[str]:
        """Ids of all bridges, as Asterisk's console lists them."""
        lines = self.pbx.cli("bridge show all").splitlines()
        return [line.split()[0] for line in lines if line.strip() and not line.startswith("Bridge-ID")]

    def ours(self) -> list[str]:
        """Channels and bridges of ours: Snoops, Locals, supervisors, whatever carries our name."""
        return [name for name in self.channels() if name.startswith(("Snoop/", "Local/"))] + [
            name for name in self.bridges() if "patchbay" in name
        ]

    def nothing_of_ours(self, deadline: float = 5.0) -> None:
        eventually(
            lambda: not self.ours(), deadline=deadline, pause=PROCESS_PAUSE, message=f"left of ours: {self.ours()}"
        )

    def close(self) -> None:
        """Ends the phones that are left, whatever Asterisk says."""
        stop_all(self._phones)
        self.ari.close()
        for client in self.clients.values():
            client.close()

    def strike(self) -> None:
        """Ends every phone and waits until Asterisk says that nothing is left, of ours or of anybody's."""
        for phone in self._phones:
            for call in phone.calls:
                with suppress(PhoneError):  # the other side's hang-up may come first
                    phone.hangup(call.call_id)
        stop_all(self._phones)
        self._phones.clear()
        try:
            eventually(self._empty, deadline=15, message="Asterisk still holds something")
        except AssertionError:
            self.pbx.cli("channel request hangup all")  # it is this test's fault, and shall not be the next one's
            eventually(self._empty, deadline=15, message="Asterisk holds what cannot be hung up")
            raise

    def _empty(self) -> bool:
        """By the console, which takes a process to ask, once ARI has said so."""
        soon = not self.ari.get("channels").json() + self.ari.get("bridges").json()
        return soon and not self.channels() + self.bridges()


@contextmanager
def live_stage(
    folder: Path, name: str, extra: Extra | None = None, *, demo_carrier: bool = False, **settings: str
) -> Iterator[Stage]:
    """Starts an Asterisk whose trunk leads to `Stage.mobile`, or to the demo carrier, and the service; ends both.

    `extra` is what an operator adds to the shipped configuration, by the file's name, perhaps knowing the ports;
    `settings` are the service's.
    """
    with ExitStack() as stack:
        ports = stack.enter_context(reserve_ports())
        carrier = "" if demo_carrier else f"sip:127.0.0.1:{ports.phone(0)}"
        added = extra(ports) if callable(extra) else extra or {}
        pbx_settings = PbxSettings(name, ports, carrier_contact=carrier, extra=added)
        pbx = stack.enter_context(Pbx(find(), pbx_settings))
        folder.mkdir(parents=True, exist_ok=True)
        tenants = folder / "tenants.toml"
        tenants.write_text(tenants_file(pbx.secrets.tokens))
        service = Service(folder, **service_settings(pbx, tenants), **settings)
        stack.callback(service.stop)
        stage = Stage(pbx, find_phones(), service.start())
        stack.callback(stage.close)
        yield stage


def service_settings(pbx: Pbx, tenants: Path) -> dict[str, str]:
    """What the service has to know of this PBX."""
    return {
        "ari_url": pbx.ari_url,
        "ari_password": pbx.secrets.ari_password,
        "app": f"patchbay-{pbx.name}",
        "tenants": str(tenants),
        "audit_log": str(tenants.with_name("audit.jsonl")),
        "timezone": "Asia/Ho_Chi_Minh",
        "log_level": "debug",
    }
