"""The compose file and the images, as far as they can be judged without an engine."""

import json
import re
import tomllib
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from asterisk.pbx.compose import (
    PASSWORD_VARIABLES,
    REGISTRATION_SECONDS,
    TENANT_VARIABLES,
    UNTIL_THEN,
    Edge,
    Network,
    container_files,
    edge,
    given,
    network,
    set_up,
    welcome,
)
from asterisk.pbx.conf import configured_phones, local_files
from asterisk.pbx.errors import PbxError
from asterisk.pbx.installation import FLOORS
from asterisk.pbx.places import PROJECT
from asterisk.pbx.secrets import Secrets, make_secrets
from service.ids import OURS
from service.settings import PREFIX, Settings
from tests.fast.conf_files import parse, section

BASES = {"debian:forky-slim", "python:3.13-slim"}
DOCKERFILES = [PROJECT / folder / "Dockerfile" for folder in ("asterisk", "service", "tests")]
TEXT = (PROJECT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLE = re.compile(r"\$\{(PATCHBAY_\w+)")
DECIDED_HERE = {"host", "port", "ari_url", "ari_user", "ari_password", "app", "tenants", "audit_log"}
INSIDE = Network(IPv4Network("172.20.0.0/16"), IPv4Address("172.20.0.1"))
ROUTES = """Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t010014AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000014AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.fixture
def secrets() -> Secrets:
    return make_secrets(configured_phones())


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_images(file: Path) -> None:
    """Known bases only, nothing fetched past the package managers, and every stage ends as a user without rights."""
    text = file.read_text()
    assert set(re.findall(r"^FROM (\S+)", text, re.M)) <= BASES
    assert not re.search(r"^#\s*syntax=|^ADD ", text, re.M | re.I)
    for stage in re.split(r"^FROM ", text, flags=re.M)[1:]:
        assert re.findall(r"^USER (\S+)", stage, re.M)[-1:] in (["asterisk"], ["patchbay"])
        assert "10000" in stage
    for line in re.findall(r"pip install[^&]*", text.replace("\\\n", "")):
        assert "--require-hashes" in line
        assert "--only-binary :all:" in line


def test_floor() -> None:
    """The build asks for the launcher's floors."""
    wanted = " ".join(".".join(map(str, floor)) for floor in FLOORS.values())
    assert f'ARG FLOORS="{wanted}"' in DOCKERFILES[0].read_text()


def test_only_what_is_named_gets_into_an_image() -> None:
    """Secrets and caches of the working folder stay out."""
    lines = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert not {"!.env", "!.pbx", "!tenants.toml", "!."} & set(lines)


@pytest.mark.parametrize("name", SERVICES)
def test_hardened(name: str) -> None:
    """Every container is read-only, without capabilities, and cannot gain any."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "pull_policy"} & set(service)
    assert service["build"]["dockerfile"] in {str(file.relative_to(PROJECT)) for file in DOCKERFILES}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name: str) -> None:
    """What is published is so on loopback, until somebody says otherwise; ARI never."""
    for port in SERVICES[name].get("ports", []):
        assert re.match(r"\$\{PATCHBAY_(SIP_)?HOST:-127\.0\.0\.1\}:", port)
        assert "8088" not in port
    assert SERVICES[name].get("network_mode") != "host"


@pytest.mark.parametrize("name", ["asterisk", "service", "phones"])
def test_health(name: str) -> None:
    """Whatever stays up tells its health, by a program of its own image."""
    kind, program, *_ = SERVICES[name]["healthcheck"]["test"]
    assert (kind, program in ("asterisk", "python", "test")) == ("CMD", True)
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_order() -> None:
    """Secrets, then Asterisk, then, once that is booted, the service, then phones."""
    conditions = {name: SERVICES[name].get("depends_on", {}) for name in SERVICES}
    assert conditions["asterisk"] == {"setup": {"condition": "service_completed_successfully"}}
    assert conditions["service"] == {"asterisk": {"condition": "service_healthy"}}
    assert conditions["tests"] == conditions["phones"] == {"service": {"condition": "service_healthy"}}
    assert {name for name in SERVICES if "profiles" in SERVICES[name]} == {"tests", "phones"}


def test_every_setting_can_be_set() -> None:
    """The service gets each of its settings from .env, but for those that only fit one value here."""
    passed = {name.removeprefix(PREFIX).lower() for name in SERVICES["service"]["environment"] if PREFIX in name}
    assert passed | DECIDED_HERE == set(Settings.model_fields) | {"host", "port"}


def test_the_audit_log_outlives_its_container() -> None:
    """It is in a volume, whose folder belongs to the service's user."""
    folder = SERVICES["service"]["environment"]["PATCHBAY_AUDIT_LOG"].rpartition("/")[0]
    assert f"audit:{folder}" in SERVICES["service"]["volumes"]
    assert "audit" in COMPOSE["volumes"]
    assert re.search(rf"install -d -m 700 -o patchbay -g patchbay .*{folder}$", DOCKERFILES[1].read_text(), re.M)


def test_every_variable_is_documented() -> None:
    """.env.example has each variable of the compose file, with the same default where it has one."""
    example = (PROJECT / ".env.example").read_text()
    for name in VARIABLE.findall(TEXT):
        assert re.search(rf"^# {name}=", example, re.M), name
    assert set(PASSWORD_VARIABLES) | set(TENANT_VARIABLES.values()) <= set(VARIABLE.findall(TEXT))
    ports = re.findall(r"PATCHBAY_RTP_PORTS:-([\d-]+)", TEXT)
    assert set(ports) == {"10000-10019"} == set(re.findall(r"^# PATCHBAY_RTP_PORTS=(\S+)", example, re.M))


def test_the_pbx_is_not_taken_for_the_service() -> None:
    """Channel ids begin with the PBX's name; the service takes what begins with its own prefix for its own."""
    (name,) = section("asterisk.conf", "options").get("systemname")
    assert not f"{name}-".startswith(OURS)


def test_the_network_is_known_from_its_routes() -> None:
    """The gateway, and the subnet it is in."""
    assert network(ROUTES) == INSIDE
    with pytest.raises(PbxError, match="gateway"):
        network(ROUTES.splitlines()[0])


def test_phones_outside_are_offered_the_edge(secrets: Secrets) -> None:
    """The gateway, which relays them, is outside; containers of the project and loopback are inside."""
    transport = container_files(secrets, Edge("192.0.2.7", 5070, (10000, 10019)), INSIDE)["pjsip_transport.conf"]
    assert "local_net = 127.0.0.0/8,172.20.0.0/16,!172.20.0.1/32\n" in transport
    assert "external_media_address = 192.0.2.7\n" in transport
    assert "external_signaling_address = 192.0.2.7\nexternal_signaling_port = 5070\n" in transport


def test_the_container_has_every_local_file(secrets: Secrets) -> None:
    """The same files as the launcher makes; ARI listens where the service reaches it."""
    from asterisk.pbx.conf import PbxSettings
    from asterisk.pbx.ports import slot_ports

    files = container_files(secrets, edge({}), INSIDE)
    assert set(files) == set(local_files(Path("/"), PbxSettings("t", slot_ports(0))))
    assert files["http.conf"] == "bindaddr = 0.0.0.0\nbindport = 8088\n"
    assert files["rtp.conf"] == "rtpstart = 10000\nrtpend = 10019\n"


def test_a_registered_carrier_comes_first(secrets: Secrets) -> None:
    """The trunk leads to who registers as `carrier`, else to the demo carrier."""
    objects = parse(container_files(secrets, edge({}), INSIDE)["pjsip.conf"])
    found = {one.name: one for one in objects if one.get("type") == ["aor"]}
    assert found["carrier"].get("max_contacts") == ["1"]
    assert found["carrier"].get("contact") == []
    assert found[UNTIL_THEN].get("contact") == ["sip:127.0.0.1:5060"]
    (endpoint,) = [one for one in objects if one.name == "carrier" and "+" in one.flags]
    assert endpoint.get("aors") == [f"carrier,{UNTIL_THEN}"]


def test_phones_register_often(secrets: Secrets) -> None:
    """Docker's relay forgets a phone after 90 silent seconds."""
    wizard = container_files(secrets, edge({}), INSIDE)["pjsip_wizard.conf"]
    assert wizard.count(f"aor/maximum_expiration = {REGISTRATION_SECONDS}\n") == len(configured_phones())
    assert REGISTRATION_SECONDS < 90


def test_secrets_from_the_environment(secrets: Secrets) -> None:
    """Those that are given are taken, the others stay."""
    ari, phone, token = "one-for-the-ari", "two_for.phones~", "3+for/a=token"
    env = {"PATCHBAY_ARI_PASSWORD": ari, "PATCHBAY_PHONE_PASSWORD": phone, "PATCHBAY_TOKEN_ACME": token}
    made = given(secrets, env | {"PATCHBAY_TRUNK_PASSWORD": ""})
    assert (made.ari_password, set(made.phones.values()), made.tokens["acme.test"]) == (ari, {phone}, token)
    assert (made.carrier_password, made.tokens["globex.test"]) == (
        secrets.carrier_password,
        secrets.tokens["globex.test"],
    )


@pytest.mark.parametrize("bad", ["a b", "a;b", "a\n[general]", "ü", '"'])
def test_a_password_that_breaks_files_is_refused(secrets: Secrets, bad: str) -> None:
    """It goes into configuration files as it is."""
    with pytest.raises(PbxError, match="PATCHBAY_ARI_PASSWORD"):
        given(secrets, {"PATCHBAY_ARI_PASSWORD": bad})


GIVEN = (*PASSWORD_VARIABLES, *TENANT_VARIABLES.values())
WEAK = ["1234", "x7k2m9p4q1z", "asterisk1234", "PASSWORD123456", "0123456789012", "123412341234", "passwordpassword"]


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("weak", WEAK)
def test_a_secret_that_can_be_guessed_is_refused(secrets: Secrets, name: str, weak: str) -> None:
    """Too short, or known to everybody, also twice; told by its variable, and not repeated."""
    with pytest.raises(PbxError, match=rf"^{name}: shorter than 12 signs, or one that everybody knows") as refused:
        given(secrets, {name: weak})
    assert weak not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("PATCHBAY_ARI_PASSWORD", "patchbaypatchbay"),
        ("PATCHBAY_TRUNK_PASSWORD", "CarrierCarrier"),
        ("PATCHBAY_TOKEN_ACME", "acme.testacme.test"),
    ],
)
def test_nor_is_its_owner_s_name_a_secret(secrets: Secrets, name: str, owner: str) -> None:
    with pytest.raises(PbxError, match=name):
        given(secrets, {name: owner})


def test_a_weak_secret_that_was_kept_is_refused_too(secrets: Secrets) -> None:
    """Of a time when it was taken; one that is given in its place is in force."""
    old = replace(secrets, phones=dict.fromkeys(secrets.phones, "1234"))
    with pytest.raises(PbxError, match="PATCHBAY_PHONE_PASSWORD"):
        given(old, {})
    assert set(given(old, {"PATCHBAY_PHONE_PASSWORD": "longer-than-that"}).phones.values()) == {"longer-than-that"}


def test_nothing_is_written_with_a_weak_secret(tmp_path: Path) -> None:
    """`setup` ends, and so nothing else starts."""
    with pytest.raises(PbxError):
        set_up(tmp_path, {"PATCHBAY_PHONE_PASSWORD": "1234"}, INSIDE)
    assert not (tmp_path / "pbx").exists()


@pytest.mark.parametrize(
    "env",
    [{"PATCHBAY_SIP_HOST": "0.0.0.0"}, {"PATCHBAY_RTP_PORTS": "10000"}, {"PATCHBAY_RTP_PORTS": "20-10"}],
)
def test_an_edge_that_cannot_be(env: dict[str, str]) -> None:
    """Said at the start, by the variable's name."""
    with pytest.raises(PbxError, match=next(iter(env))):
        edge(env)


def test_the_edge_is_what_is_published() -> None:
    """Unless another address leads there."""
    assert edge({"PATCHBAY_SIP_HOST": "192.0.2.7", "PATCHBAY_SIP_PORT": "5070"}) == Edge(
        "192.0.2.7", 5070, (10000, 10019)
    )
    assert edge({"PATCHBAY_SIP_HOST": "0.0.0.0", "PATCHBAY_SIP_EXTERNAL": "198.51.100.1"}).host == "198.51.100.1"


def test_set_up_twice_keeps_the_secrets(tmp_path: Path) -> None:
    """The second time writes the same files; only the owner can read them."""
    contents = []
    for _ in range(2):
        set_up(tmp_path, {"PATCHBAY_TIMEZONE": "Asia/Ho_Chi_Minh"}, INSIDE)
        contents.append(
            {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file() and not file.is_symlink()}
        )
    assert contents[0] == contents[1]
    assert {file.stat().st_mode & 0o777 for file in contents[0]} == {0o600}
    assert (tmp_path / "pbx" / "localtime").readlink() == Path("/usr/share/zoneinfo/Asia/Ho_Chi_Minh")
    kept = json.loads((tmp_path / "secrets" / "secrets.json").read_text())
    assert (tmp_path / "api" / ".env").read_text() == f"PATCHBAY_ARI_PASSWORD={kept['ari_password']}\n"
    tenants = tomllib.loads((tmp_path / "api" / "tenants.toml").read_text())["tenant"]
    assert [tenant["domain"] for tenant in tenants] == list(kept["tokens"])


def test_welcome(secrets: Secrets) -> None:
    """A newcomer is told the published addresses, a token and a password."""
    text = welcome(secrets, {"PATCHBAY_PORT": "9080", "PATCHBAY_SIP_PORT": "9060"})
    for word in ("http://127.0.0.1:9080", "127.0.0.1:9060", *secrets.tokens.values(), *secrets.phones.values()):
        assert word in text


def test_the_example_is_short() -> None:
    """The README's harness example, which .ci/compose runs as printed: one script of under 30 lines."""
    scripts = re.findall(r"^```sh\n(#!/bin/bash\n.*?)^```$", (PROJECT / "README.md").read_text(), re.M | re.S)
    assert len(scripts) == 1
    assert len(scripts[0].splitlines()) < 30
