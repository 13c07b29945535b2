"""How long it takes until the picture is complete: from the start, and after the connection was lost."""

import asyncio
import time
from collections.abc import AsyncIterator

from tests.bench.cell import Cell, open_cell
from tests.bench.clients import Client, ari
from tests.bench.figures import Figure, milliseconds
from tests.bench.table import Row
from tests.instruments.service import Service

TIMES = 5
SNAPSHOT = ("/channels", "/bridges", "/endpoints/PJSIP")
NAME = "late"
PAUSE = 0.002
SOON = 30.0


async def measure() -> AsyncIterator[Row]:
    """On an empty Asterisk."""
    with open_cell() as cell:
        async with ari(cell) as bare:
            async for row in rows(cell, bare, 0, TIMES):
                yield row


async def rows(cell: Cell, bare: Client, calls: int, times: int) -> AsyncIterator[Row]:
    """With so many live calls, each so many times, against the three requests a picture is made of."""
    service = cell.idle_service(NAME)
    snapshots, starts, returns = [], [], []
    try:
        for _ in range(times):
            snapshots.append(await _snapshot(bare))
            starts.append(_start(service))
            returns.append(await _return(service, bare))
            service.stop()
    finally:
        service.stop()
    reference = Figure.of(milliseconds(snapshots))
    for what, samples in (
        (f"start to /ready, {calls:,} live calls", starts),
        (f"connection lost to complete picture, after a pause of 100 ms, {calls:,} live calls", returns),
    ):
        yield Row(what, "ms", Figure.of(milliseconds(samples)), reference, "the snapshot's requests, bare")


async def _snapshot(bare: Client) -> float:
    started = time.perf_counter()
    await asyncio.gather(*map(bare.get, SNAPSHOT))
    return time.perf_counter() - started


def _start(service: Service) -> float:
    started = time.perf_counter()
    service.start()
    return time.perf_counter() - started


async def _return(service: Service, bare: Client) -> float:
    """Takes its application away, as another process of the same name would, and gives it back at once."""
    async with bare.session.ws_connect(f"{bare.url}/events", params={"app": service.settings["app"]}):
        started = time.perf_counter()
    await _until(service, bare, 503)
    await _until(service, bare, 200)
    return time.perf_counter() - started


async def _until(service: Service, client: Client, status: int) -> None:
    async with asyncio.timeout(SOON):
        while True:
            async with client.session.get(f"{service.url}/ready") as answer:
                if answer.status == status:
                    return
            await asyncio.sleep(PAUSE)
