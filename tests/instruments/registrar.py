"""A registration made by hand, for a program that answers calls but cannot register."""

import os
import socket
from dataclasses import dataclass

from asterisk.pbx.ports import LOOPBACK
from tests.harness.message import BRANCH, build, digest, parse

ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Account:
    """Who registers: `user` at `domain`, known by `login` and password."""

    user: str
    domain: str
    login: str
    password: str


def register(account: Account, registrar: int, port: int, expires: int) -> None:
    """Registers `port` of loopback for the account, for `expires` seconds, at the registrar's port; 0 ends it.

    The request is sent from that very port, where a PBX that rewrites contacts expects the phone.
    """
    uri = f"sip:{account.domain}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(ANSWER_SECONDS)
        phone.bind((LOOPBACK, port))
        phone.connect((LOOPBACK, registrar))
        proof: list[tuple[str, str]] = []
        for number in (1, 2):
            headers = [
                ("Via", f"SIP/2.0/UDP {LOOPBACK}:{port};branch={BRANCH}{number}{os.urandom(8).hex()};rport"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{account.user}@{account.domain}>;tag={os.urandom(4).hex()}"),
                ("To", f"<sip:{account.user}@{account.domain}>"),
                ("Call-ID", f"{account.user}-{os.urandom(8).hex()}"),
                ("CSeq", f"{number} REGISTER"),
                ("Contact", f"<sip:{account.user}@{LOOPBACK}:{port}>;expires={expires}"),
            ]
            phone.send(build(f"REGISTER {uri} SIP/2.0", [*headers, *proof]))
            said = parse(phone.recv(65536))
            if said and said.status == 401:
                challenge = said.get("www-authenticate")
                proof = [("Authorization", digest(challenge, "REGISTER", uri, account.login, account.password))]
    assert said, "the registrar talks nonsense"
    assert said.status == 200, f"{account.user}@{account.domain} cannot register: {said.first}"
