"""What somebody on the wire sees of a call's audio: the packets on loopback, as the kernel passes them on."""

import socket
import struct
import threading
import zlib
from collections.abc import Iterable
from types import TracebackType
from typing import Self

IPV4 = 0x0800
UDP, UDP_HEADER, RTP_HEADER = 17, 8, 12
POLL_SECONDS = 0.1


class Wire:
    """A context manager that keeps every UDP packet on loopback meanwhile; PermissionError unless one may look."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(IPV4))
        self._socket.bind(("lo", IPV4))
        self._socket.settimeout(POLL_SECONDS)
        self._packets: list[bytes] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()

    def audio(self, port: int) -> list[bytes]:
        """The payloads of all RTP to this port and from it."""
        found = []
        for packet in list(self._packets):
            begin = (packet[0] & 0x0F) * 4
            if packet[9] == UDP and port in struct.unpack_from("!HH", packet, begin):
                found.append(packet[begin + UDP_HEADER + RTP_HEADER :])
        return found

    def _watch(self) -> None:
        while not self._done.is_set():
            try:
                packet, (_, _, kind, *_) = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            if kind == socket.PACKET_HOST:  # each is seen when it is sent, too
                self._packets.append(packet)


def pattern(payloads: Iterable[bytes]) -> float:
    """How much of it is repetition, 0 to 1: nearly all of a tone in G.711, nothing of what looks like chance."""
    data = b"".join(payloads)
    return max(0.0, 1 - len(zlib.compress(data, 9)) / len(data)) if data else 0.0
