"""`python -m asterisk.pbx.compose`: what the compose file's `setup` does before the others start.

It makes the secrets once, or takes them from the environment, and writes what differs from one machine to the next:
Asterisk's `local/` files, the tenants file and the service's `.env`. With `show` it prints what a newcomer needs.
"""

import os
import re
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from asterisk.pbx.conf import PbxSettings, configured_phones, local_files
from asterisk.pbx.errors import PbxError
from asterisk.pbx.ports import LOOPBACK, Ports
from asterisk.pbx.run import DEMO_HOTLINES, demo_tenants
from asterisk.pbx.secrets import FILE, Secrets, load_secrets, secrets_text, write_private
from service.wellknown import is_well_known

ROOT = Path("/config")
ANYWHERE = "0.0.0.0"
SIP, ARI = 5060, 8088  # inside the network of the compose project
UNTIL_THEN = "demo-carrier-contact"
MUSIC = "/usr/share/asterisk/patchbay-moh"
PASSWORD_VARIABLES = ("PATCHBAY_ARI_PASSWORD", "PATCHBAY_TRUNK_PASSWORD", "PATCHBAY_PHONE_PASSWORD")
TENANT_VARIABLES = {"acme.test": "PATCHBAY_TOKEN_ACME", "globex.test": "PATCHBAY_TOKEN_GLOBEX"}
SHORTEST = 12  # signs: who has overheard a phone's registration can try millions of shorter passwords a second at home
ZONES = Path("/usr/share/zoneinfo")  # as Asterisk's image has it
ROUTES = Path("/proc/net/route")
# A phone that comes through Docker's relay or a NAT is lost when neither side speaks for 90 s: it registers sooner.
REGISTRATION_SECONDS = 60


@dataclass(frozen=True)
class Edge:
    """Where phones outside the compose network meet this PBX."""

    host: str
    sip_port: int
    rtp: tuple[int, int]


@dataclass(frozen=True)
class Network:
    """The compose network; phones outside it come through the gateway, or with their own address."""

    subnet: IPv4Network
    gateway: IPv4Address


def main(arguments: list[str]) -> int:
    """Does what the command line asks; the exit status."""
    try:
        if arguments == ["show"]:
            print(welcome(load_secrets(ROOT / "secrets", configured_phones()), os.environ))
        elif arguments:
            raise PbxError("usage: python -m asterisk.pbx.compose [show]")
        else:
            set_up(ROOT, os.environ, network(ROUTES.read_text()))
    except (PbxError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def set_up(root: Path, env: Mapping[str, str], inside: Network) -> None:
    """Writes all files; secrets that are there stay as they are unless `env` has others. Raises PbxError."""
    kept = load_secrets(root / "secrets", configured_phones())
    secrets = given(kept, env)
    if secrets != kept:
        write_private(root / "secrets" / FILE, secrets_text(secrets))
    for name, text in container_files(secrets, edge(env), inside).items():
        write_private(root / "pbx" / name, text)
    _link_zone(root / "pbx" / "localtime", env.get("PATCHBAY_TIMEZONE") or "Etc/UTC")
    write_private(root / "api" / "tenants.toml", demo_tenants(secrets))
    write_private(root / "api" / ".env", f"PATCHBAY_ARI_PASSWORD={secrets.ari_password}\n")


def _link_zone(link: Path, zone: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(ZONES / zone)


def given(kept: Secrets, env: Mapping[str, str]) -> Secrets:
    """The secrets with those the environment gives; raises PbxError for one that can be guessed or breaks a file."""
    for name in (*PASSWORD_VARIABLES, *TENANT_VARIABLES.values()):
        if not re.fullmatch(r"[\w.~+/=-]*", env.get(name, ""), re.ASCII):
            raise PbxError(f"{name}: letters, digits and . _ ~ + / = - only; choose another")
    phone = env.get("PATCHBAY_PHONE_PASSWORD")
    made = replace(
        kept,
        ari_password=env.get("PATCHBAY_ARI_PASSWORD") or kept.ari_password,
        carrier_password=env.get("PATCHBAY_TRUNK_PASSWORD") or kept.carrier_password,
        phones={endpoint: phone or password for endpoint, password in kept.phones.items()},
        tokens={domain: env.get(TENANT_VARIABLES.get(domain, "")) or token for domain, token in kept.tokens.items()},
    )
    for name, secret, owner in _named(made):
        if len(secret) < SHORTEST or is_well_known(secret, owner):
            raise PbxError(
                f"{name}: shorter than {SHORTEST} signs, or one that everybody knows; "
                "choose another, or set none and one is made at random"
            )
    return made


def _named(secrets: Secrets) -> Iterator[tuple[str, str, str]]:
    """Each secret that the environment can give: the variable, the secret, whose it is."""
    ari, trunk, phone = PASSWORD_VARIABLES
    yield ari, secrets.ari_password, "patchbay"
    yield trunk, secrets.carrier_password, "carrier"
    yield from ((phone, password, endpoint) for endpoint, password in secrets.phones.items())
    known = ((TENANT_VARIABLES.get(domain), token, domain) for domain, token in secrets.tokens.items())
    yield from ((name, token, domain) for name, token, domain in known if name)


def edge(env: Mapping[str, str]) -> Edge:
    """Where the environment says that phones meet us; raises PbxError when it cannot be."""
    host = env.get("PATCHBAY_SIP_EXTERNAL") or env.get("PATCHBAY_SIP_HOST") or LOOPBACK
    if host == ANYWHERE:
        raise PbxError(f"PATCHBAY_SIP_HOST: phones cannot send to {ANYWHERE}; set PATCHBAY_SIP_EXTERNAL too")
    ports = re.fullmatch(r"(\d+)-(\d+)", env.get("PATCHBAY_RTP_PORTS") or "10000-10019")
    if ports is None or int(ports[1]) >= int(ports[2]):
        raise PbxError("PATCHBAY_RTP_PORTS: a range such as 10000-10019, four ports a call")
    return Edge(host, int(env.get("PATCHBAY_SIP_PORT") or SIP), (int(ports[1]), int(ports[2])))


def network(routes: str) -> Network:
    """The network and its gateway, from the text of /proc/net/route; raises PbxError when there is none."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    gateway = next((_address(row[2]) for row in rows if row[1] == row[7] == "00000000"), None)
    for row in rows:
        subnet = IPv4Network((int(_address(row[1])), str(_address(row[7]))))
        if gateway is not None and row[2] == "00000000" and gateway in subnet:
            return Network(subnet, gateway)
    raise PbxError("this container has no network with a gateway, so phones cannot reach it")


def _address(text: str) -> IPv4Address:
    return IPv4Address(socket.inet_ntoa(struct.pack("<L", int(text, 16))))


def container_files(secrets: Secrets, outside: Edge, inside: Network) -> dict[str, str]:
    """The `local/` files for a PBX in a container: it listens on its network, and offers phones outside it the edge.

    A phone can register as `carrier`, with the trunk's password: outside calls then go there, else to the demo carrier.
    """
    ports = Ports(sip=SIP, http=ARI, rtp_start=outside.rtp[0], rtp_end=outside.rtp[1])
    files = local_files(Path("/"), PbxSettings("patchbay", ports, secrets, carrier_aor=UNTIL_THEN))
    transport = [
        f"bind = {ANYWHERE}:{SIP}",
        f"local_net = 127.0.0.0/8,{inside.subnet},!{inside.gateway}/32",
        f"external_media_address = {outside.host}",
        f"external_signaling_address = {outside.host}",
        f"external_signaling_port = {outside.sip_port}",
    ]
    expiry = f"maximum_expiration = {REGISTRATION_SECONDS}\ndefault_expiration = {REGISTRATION_SECONDS}\n"
    return files | {
        "http.conf": f"bindaddr = {ANYWHERE}\nbindport = {ARI}\n",
        "musiconhold.conf": f"directory = {MUSIC}\n",
        "pjsip_transport.conf": "\n".join(transport) + "\n",
        "pjsip.conf": files["pjsip.conf"]
        + "\n[carrier]\ntype = aor\nmax_contacts = 1\nremove_existing = yes\n"
        + f"\n[carrier](+)\naors = carrier,{UNTIL_THEN}\n",
        "pjsip_wizard.conf": files["pjsip_wizard.conf"]
        + "".join(f"\n[{phone}](+)\naor/{line}\n" for phone in secrets.phones for line in expiry.splitlines()),
    }


def welcome(secrets: Secrets, env: Mapping[str, str]) -> str:
    """What a newcomer needs next: addresses, tokens, a softphone's settings, two commands to type."""
    url = f"http://{env.get('PATCHBAY_HOST') or LOOPBACK}:{env.get('PATCHBAY_PORT') or 8080}"
    phones = edge(env)
    domain = next(iter(secrets.tokens))
    tokens = "\n".join(f"  {name:12} {token}" for name, token in secrets.tokens.items())
    passwords = "\n".join(f"  {name:16} {password}" for name, password in secrets.phones.items())
    call = f'{{"extension":"101","hotline":"{DEMO_HOTLINES[domain][0]}","phone_number":"0901234567"}}'
    return f"""The API answers at {url}, with these tokens:
{tokens}
A softphone registers at {phones.host}:{phones.sip_port} (UDP, as server or outbound proxy) with these passwords:
{passwords}
Ring 101, and a mobile that speaks and echoes; then list the calls:
  curl -H 'Authorization: Bearer {secrets.tokens[domain]}' {url}/api/click2call -d '{call}'
  curl -H 'Authorization: Bearer {secrets.tokens[domain]}' {url}/v1/call"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
