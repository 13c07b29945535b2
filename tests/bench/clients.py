"""Who asks: one kind of client for the service and for bare ARI, so that its own cost is in both."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

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

    async def etag(self, path: str) -> str:
        """What a poller sends back with its next GET."""
        async with self.session.get(f"{self.url}{path}") as answer:
            return answer.headers["ETag"]

    async def timed_unchanged(self, path: str, etag: str) -> float:
        """The same as `timed` for a GET whose answer the client has already; AssertionError when it has changed."""
        started = time.perf_counter()
        async with self.session.get(f"{self.url}{path}", headers={"If-None-Match": etag}) as answer:
            await answer.read()
            assert answer.status == 304, f"{path}: {answer.status}"
        return time.perf_counter() - started

    async def timed(self, path: str) -> float:
        """Seconds from sending a GET to the last byte of its answer."""
        started = time.perf_counter()
        await self.get(path)
        return time.perf_counter() - started


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
