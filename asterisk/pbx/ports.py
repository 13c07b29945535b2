"""Ports for a PBX and its phones that no other run on this machine will take."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from asterisk.pbx.errors import PbxError

LOOPBACK = "127.0.0.1"
# All below 32768, where the kernel takes ports for outgoing connections.
SLOTS = 24
FIRST_SIP, SIP_BLOCK = 10000, 500
FIRST_RTP, RTP_BLOCK = 22000, 400  # a call of two legs needs four
SIP_STEP = 10  # baresip binds the next port too


@dataclass(frozen=True)
class Ports:
    """One run's ports: the PBX's own, and SIP ports for its phones."""

    sip: int
    http: int
    rtp_start: int
    rtp_end: int

    def phone(self, index: int) -> int:
        """The SIP port of the phone with this number, 0 to 48."""
        if not 0 <= index < SIP_BLOCK // SIP_STEP - 1:
            raise ValueError(f"no port for phone {index}")
        return self.sip + SIP_STEP * (index + 1)


def slot_ports(slot: int) -> Ports:
    """The ports of a slot, whoever has it."""
    sip = FIRST_SIP + slot * SIP_BLOCK
    rtp = FIRST_RTP + slot * RTP_BLOCK
    return Ports(sip=sip, http=sip + 5, rtp_start=rtp, rtp_end=rtp + RTP_BLOCK - 1)


@contextmanager
def reserve_ports() -> Iterator[Ports]:
    """Ports that are ours until the block ends or the process dies; PbxError when all slots are taken."""
    folder = Path(tempfile.gettempdir()) / f"patchbay-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for slot in range(SLOTS):
        ports = slot_ports(slot)
        with (folder / str(slot)).open("w") as file:
            if _lock(file) and udp_free(ports.sip) and tcp_free(ports.http) and udp_free(ports.rtp_start):
                yield ports
                return
    raise PbxError(f"all {SLOTS} port ranges for test PBXs are in use")


def udp_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a UDP port can be bound."""
    return _free(socket.SOCK_DGRAM, host, port)


def tcp_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a TCP port can be bound to listen."""
    return _free(socket.SOCK_STREAM, host, port)


def _free(kind: socket.SocketKind, host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:  # TIME_WAIT is free; on UDP the option would share
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _lock(file: TextIOWrapper) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
