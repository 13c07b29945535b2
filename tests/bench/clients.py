"""Who asks: one kind of client for the service and for bare ARI, so that its own cost is in both.

Many at once, and whoever sends what operations need, is aiohttp's. A single list of 1,000 calls takes the service no
longer than aiohttp takes to send for it and to read it, so there the client is a `Wire`, which does next to nothing.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from tests.bench.cell import Cell
from tests.instruments.service import Service

ANSWER_SECONDS = 60.0
"""More than any list takes, however many ask for it at once."""


class Client:
    """One base URL with its credentials, and kept connections, as many as are in use at once."""

    def __init__(self, url: str, authorization: str) -> None:
        self.url = url
        self.session = aiohttp.ClientSession(
            headers={"Authorization": authorization},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
        )

    async def get(self, path: str) -> bytes:
        """The body of a 200."""
        return await self.ask("GET", path)

    async def ask(self, method: str, path: str, body: object = None, **query: str) -> bytes:
        """The body of a success; AssertionError for any other answer."""
        async with self.session.request(method, f"{self.url}{path}", json=body, params=query) as answer:
            content = await answer.read()
            assert answer.status < 300, f"{method} {path}: {answer.status} {content[:200]!r}"
            return content

    async def hang_up(self, channel: str) -> None:
        """Ends one of Asterisk's channels; one that has just gone is what was wanted."""
        async with self.session.delete(f"{self.url}/channels/{channel}") as answer:
            assert answer.status in (204, 404), f"{channel}: {answer.status} {await answer.text()}"

    async def etag(self, path: str) -> str:
        """What a poller sends back with its next GET."""
        async with self.session.get(f"{self.url}{path}") as answer:
            return answer.headers["ETag"]

    async def timed(self, path: str) -> float:
        """Seconds from sending a GET to the last byte of its answer."""
        started = time.perf_counter()
        await self.get(path)
        return time.perf_counter() - started


HEAD_END = b"\r\n\r\n"
LARGEST_ANSWER = 1 << 25
"""Bytes: some 9,000 channels of ARI's take a quarter of them."""


class Wire:
    """One kept connection on which the same GET is sent again and again; of the answer only the length is read."""

    def __init__(self, client: Client, path: str, etag: str = "") -> None:
        where = urlsplit(client.url)
        assert where.hostname
        headers = {
            "Host": where.netloc,
            **client.session.headers,
            "Accept": "*/*",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": "bench",
            **({"If-None-Match": etag} if etag else {}),
        }
        lines = [f"GET {where.path}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self._request = "\r\n".join(lines).encode()
        self._answer = bytearray(LARGEST_ANSWER)
        self._wanted = b"304" if etag else b"200"
        self.socket = socket.create_connection((where.hostname, where.port), ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def timed(self) -> list[float]:
        """Seconds from sending it to the last byte of the answer, during which nothing else goes on here."""
        started = time.perf_counter()
        self.socket.sendall(self._request)
        come = 0
        while (end := self._answer.find(HEAD_END, 0, come)) < 0:
            come += self._more(come)
        whole = end + len(HEAD_END) + self._length(end)
        while come < whole:
            come += self._more(come)
        return [time.perf_counter() - started]

    def _more(self, come: int) -> int:
        got = self.socket.recv_into(memoryview(self._answer)[come:])
        assert got, "the connection was closed"
        return got

    def _length(self, end: int) -> int:
        """Of the body behind a head that ends there."""
        first, *lines = bytes(self._answer[:end]).lower().split(b"\r\n")
        assert first.split()[1] == self._wanted, first
        return next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)


@contextmanager
def wire(client: Client, path: str, etag: str = "") -> Iterator[Wire]:
    """Open while the block runs; with an `etag` what is asked for is known already, and has to be so still."""
    opened = Wire(client, path, etag)
    with opened.socket:
        yield opened


@asynccontextmanager
async def api(cell: Cell, service: Service) -> AsyncIterator[Client]:
    """A client of the service, with the tenant's token."""
    client = Client(service.url, f"Bearer {cell.token}")
    async with client.session:
        yield client


@asynccontextmanager
async def ari(cell: Cell) -> AsyncIterator[Client]:
    """A client of Asterisk."""
    client = Client(cell.pbx.ari_url, aiohttp.encode_basic_auth("patchbay", cell.pbx.secrets.ari_password))
    async with client.session:
        yield client


@dataclass
class Pair:
    """Seconds of ours and of the reference, measured by turns: what disturbs one disturbs the other."""

    ours: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)


Timed = Callable[[], Awaitable[list[float]]]


async def by_turns(ours: Timed, reference: Timed, *, seconds: float, at_least: int) -> Pair:
    """Both, one after the other, until the time is up, but so many times at the least."""
    pair, end, turns = Pair(), time.monotonic() + seconds, 0
    while turns < at_least or time.monotonic() < end:
        pair.ours += await ours()
        pair.reference += await reference()
        turns += 1
    return pair


def together(client: Client, path: str, clients: int) -> Timed:
    """So many GETs sent at once."""

    async def burst() -> list[float]:
        return list(await asyncio.gather(*(client.timed(path) for _ in range(clients))))

    return burst
