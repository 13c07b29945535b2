"""Blocks of ports that no other phone, of this or any other test run on the machine, can take meanwhile."""

import random
import socket
from dataclasses import dataclass

SIZE = 10
"""Ports a phone: SIP, its TLS, control, claim, RTP and RTCP of three calls; the step of `Ports.phone`."""

FIRST, LAST = 31600, 32760
"""Between the ports of the PBXs (asterisk.pbx.ports) and those Linux hands out, from 32768 on."""


@dataclass(frozen=True)
class Block:
    """The ports of one phone, held until `release`."""

    sip: int
    claim: socket.socket

    @property
    def control(self) -> int:
        return self.sip + 2

    @property
    def rtp(self) -> tuple[int, int]:
        return self.sip + 4, self.sip + SIZE - 1

    def release(self) -> None:
        self.claim.close()


def take(sip: int | None = None) -> Block:
    """The block that begins at port `sip`, or any free one; OSError when there is none."""
    starts = list(range(FIRST, LAST, SIZE)) if sip is None else [sip]
    random.shuffle(starts)
    for start in starts:
        if block := _claim(start):
            return block
    raise OSError(f"no {SIZE} free ports from {starts[0]} on" if sip else "no free ports for a phone")


def _claim(start: int) -> Block | None:
    claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claim.bind(("127.0.0.1", start + 3))
    except OSError:
        claim.close()
        return None
    used = (start, start + 1, start + 2)
    if all(_free(port, kind) for port in used for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
        return Block(start, claim)
    claim.close()
    return None


def _free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True
