"""A call's audio: a tone as A-law over RTP, and SDP that says where it comes from."""

import asyncio
import math
import re
import secrets
import socket
import struct
from contextlib import suppress

PACKET_SECONDS = 0.02
PACKET_SAMPLES = 160
RATE = 8000
PCMA = 8


class Voice:
    """Speaks from an own port to where the far side's SDP points, until it is closed; what it hears is dropped."""

    def __init__(self, host: str, hertz: int) -> None:
        self.host = host
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self._second = tone(hertz)
        self._to: tuple[str, int] | None = None
        self._task: asyncio.Task[None] | None = None

    def sdp(self) -> str:
        """Our session description: A-law both ways."""
        port = self._socket.getsockname()[1]
        return (
            f"v=0\r\no=- {port} 1 IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {PCMA} 101\r\na=rtpmap:{PCMA} PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            "a=sendrecv\r\n"
        )

    def speak_to(self, sdp: str) -> None:
        """Speaks from now on to where this SDP says; without one nothing changes."""
        host = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
        port = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
        if host and port:
            self._to = (host[1], int(port[1]))
            self._task = self._task or asyncio.create_task(self._speak())

    def close(self) -> None:
        """Falls silent; may be repeated."""
        if self._task:
            self._task.cancel()
        self._socket.close()

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        source, sequence, at = secrets.randbits(32), secrets.randbits(15), loop.time()
        while True:
            offset = sequence % 50 * PACKET_SAMPLES
            head = struct.pack("!BBHII", 0x80, PCMA, sequence & 0xFFFF, sequence * PACKET_SAMPLES & 0xFFFFFFFF, source)
            with suppress(OSError):  # the far side has closed its port, and will say so
                self._socket.sendto(head + self._second[offset : offset + PACKET_SAMPLES], self._to or ("", 0))
            self._drop_heard()
            sequence += 1
            at += PACKET_SECONDS
            await asyncio.sleep(max(0.0, at - loop.time()))

    def _drop_heard(self) -> None:
        try:
            while self._socket.recv(2048):
                pass
        except OSError:
            return


def tone(hertz: int) -> bytes:
    """One second of a quiet tone as A-law."""
    return bytes(alaw(int(3000 * math.sin(2 * math.pi * hertz * n / RATE))) for n in range(RATE))


def alaw(sample: int) -> int:
    """A 16 bit sample as G.711 A-law."""
    sign, size = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    size >>= 3
    exponent = max(0, size.bit_length() - 5)
    mantissa = (size >> max(1, exponent)) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55
