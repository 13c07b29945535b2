"""The worked example of docs/from-freeswitch.md: an Asterisk with the page's own files, and calls of every kind."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from asterisk.pbx import Pbx, PbxSettings, find, find_phones, make_secrets, reserve_ports
from tests.instruments.client import Client
from tests.instruments.page import files_of
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.service import PROJECT, Service
from tests.instruments.stage import MOBILE, Stage, service_settings
from tests.instruments.tones import TONES

pytestmark = pytest.mark.owns

PAGE = PROJECT / "docs" / "from-freeswitch.md"
DOMAIN, NUMBER = "shop.example", "02873009000"
PASSWORDS = {"1001": "correct-horse-1001", "1002": "correct-horse-1002"}
CARRIER, CARRIER_HOST = "203.0.113.7", "127.0.0.77"
"""The carrier's address on the page, and in the test."""


class Shop(Stage):
    """The stage of the page's tenant."""

    @property
    def client(self) -> Client:
        return self.clients[DOMAIN]

    def user(self, extension: str, tone: int, **how: float) -> Phone:
        """A phone as it was at FreeSWITCH: the same user, domain and password."""
        return self._party(extension, DOMAIN, tone, 1 + int(extension) % 10, PASSWORDS[extension], register=True, **how)

    def carrier(self, tone: int, **how: float) -> Phone:
        """The carrier, known by its address."""
        return self._party(MOBILE, "carrier.invalid", tone, 0, "", host=CARRIER_HOST, **how)

    def _party(self, user: str, domain: str, tone: int, port: int, password: str, **how: float | str) -> Phone:
        return self._keep(
            Phone(
                self.where,
                user,
                domain,
                voice=TONES[tone],
                password=password,
                proxy=f"127.0.0.1:{self.pbx.sip_port}",
                port=self.pbx.settings.ports.phone(port),
                **how,  # type: ignore[arg-type]
            )
        )


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Asterisk and the service with what the page says, its carrier's address and its token's hash filled in."""
    folder = tmp_path_factory.mktemp("shop")
    with ExitStack() as stack:
        ports = stack.enter_context(reserve_ports())
        files = {name: _at_home(text, ports.phone(0)) for name, text in files_of(PAGE).items()}
        secrets = replace(make_secrets([f"1001@{DOMAIN}"]), phones={})
        tenants = folder / "tenants.toml"
        digest = hashlib.sha256(secrets.tokens[DOMAIN].encode()).hexdigest()
        tenants.write_text(files.pop("tenants.toml").replace("…", digest))
        local = {name: files.pop(name) for name in list(files) if name.startswith("local/")}
        settings = PbxSettings(f"shop-{os.getpid()}", ports, secrets, extra=files)
        pbx = Pbx(find(), settings)
        stack.callback(pbx.stop, remove=True)
        _write(pbx.folder / "etc", local)
        pbx.start()
        service = Service(folder, **service_settings(pbx, tenants))
        stack.callback(service.stop)
        shop = Shop(pbx, find_phones(), service.start())
        stack.callback(shop.close)
        yield shop


@pytest.fixture
def shop(opened: Shop) -> Iterator[Shop]:
    """The tenant's stage, empty before and after."""
    yield opened
    opened.strike()


def _at_home(text: str, port: int) -> str:
    return text.replace(f"{CARRIER}:5060", f"{CARRIER_HOST}:{port}").replace(CARRIER, CARRIER_HOST)


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_each_file_is_on_the_page() -> None:
    """What the example needs stands there under the names Asterisk gives the files."""
    assert sorted(files_of(PAGE)) == [
        "extensions.conf",
        "local/shop.example.conf",
        "local/sunrise.conf",
        "modules.conf",
        "pjsip.conf",
        "pjsip_wizard.conf",
        "tenants.toml",
    ]


def test_asterisk_finds_no_fault_in_them(shop: Shop) -> None:
    """No error and no warning about the page's sections while it started."""
    said = shop.pbx.log.read_text().splitlines()
    assert not [line for line in said if re.search(r"shop\.example|sunrise|Unable to load|pbx_config", line)]


def test_colleagues_call_each_other(shop: Shop) -> None:
    """Registered with the passwords they had, the one in clear and the one as a1-hash."""
    caller, called = shop.user("1002", 1), shop.user("1001", 2)
    table = shop.start(caller=caller, called=called)
    caller.dial("1001")
    ring = called.wait_ringing()
    assert (ring.number, ring.display) == ("1002", "Minh")
    called.answer()
    table.expect({"caller": ["called"], "called": ["caller"]})
    assert shop.client.only_call()["direction"] == "local"


def test_click_to_call_goes_out_through_the_gateway(shop: Shop) -> None:
    """The mobile sees the tenant's number, and both hear each other."""
    agent, mobile = shop.user("1001", 1, answer=0.0), shop.carrier(2)
    table = shop.start(agent=agent, mobile=mobile)
    call_id = shop.client.click("1001", MOBILE, NUMBER)
    ring = mobile.wait_ringing()
    assert ring.number == NUMBER
    assert mobile.invite(ring).startswith(f"INVITE sip:{MOBILE}@")
    mobile.answer()
    table.expect({"agent": ["mobile"], "mobile": ["agent"]})
    row = shop.client.wait_row(call_id, lambda row: row["state"] == "CS_EXECUTE")
    assert (row["context"], row["source"], row["destination"]) == (DOMAIN, "1001", MOBILE)


def test_a_phone_calls_out(shop: Shop) -> None:
    """By its own keys, with the same caller id."""
    agent, mobile = shop.user("1002", 1), shop.carrier(2)
    table = shop.start(agent=agent, mobile=mobile)
    agent.dial(MOBILE)
    assert mobile.wait_ringing().number == NUMBER
    mobile.answer()
    table.expect({"agent": ["mobile"], "mobile": ["agent"]})
    assert shop.client.only_call()["direction"] == "outbound"


def test_the_number_leads_to_its_extension(shop: Shop) -> None:
    """An inbound call, which the API then lets a colleague listen to, and moves."""
    agent, colleague, mobile = shop.user("1001", 1), shop.user("1002", 2, answer=0.0), shop.carrier(3)
    table = shop.start(agent=agent, colleague=colleague, mobile=mobile)
    mobile.dial(NUMBER)
    assert agent.wait_ringing().number == MOBILE
    call = shop.client.only_call()
    assert (call["direction"], call["source"]) == ("inbound", MOBILE)
    agent.answer()
    table.expect({"agent": ["mobile"], "mobile": ["agent"]})
    shop.client.do("listen", call["call_id"], ext="1002")
    table.expect({"agent": ["mobile"], "mobile": ["agent"], "colleague": ["agent", "mobile"]})
    colleague.hangup()
    shop.client.do("transfer", call["call_id"], ext="1002", legs="aleg")
    table.expect({"colleague": ["mobile"], "mobile": ["colleague"]})


def test_a_call_to_nobody_is_the_tenant_s(shop: Shop) -> None:
    """No phone is there, so only the dialplan can say whose call it is."""
    mobile = shop.carrier(1)
    shop.start(mobile=mobile)
    mobile.dial(NUMBER)
    call = shop.client.only_call()
    assert (call["context"], call["direction"], call["source"]) == (DOMAIN, "inbound", MOBILE)
    mobile.wait_idle(deadline=15)


def test_asterisk_registers_at_the_carrier(shop: Shop) -> None:
    """With the gateway's user, and its number as the contact."""
    mobile = shop.carrier(1)
    shop.start(mobile=mobile)
    shop.pbx.cli("pjsip send register sunrise")
    sent = re.compile(rf"^REGISTER sip:{CARRIER_HOST}.*?^Contact: <sip:{NUMBER}@", re.MULTILINE | re.DOTALL)
    eventually(lambda: sent.search(mobile.log().replace("\r", "")), message="no REGISTER came")
    assert "From: <sip:shop-trunk@" in mobile.log()
