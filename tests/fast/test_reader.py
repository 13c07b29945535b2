"""Whoever waits for an event goes on as soon as it has been read, whatever else has come with it."""

import asyncio
import json
from collections.abc import Awaitable

import pytest

from service.ari.client import AriClient
from service.live import Live
from service.waiting import side_by_side, user_event
from tests.fast.fake_ari import FakeAri

MANY = 100


def told(name: str) -> str:
    return json.dumps({"type": "ChannelUserevent", "eventname": name, "userevent": {"Id": "1", "Status": "done"}})


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "side by side"])
def test_a_wait_ends_before_the_events_behind_are_read(ari: FakeAri, beside: bool) -> None:
    """They are all here by then: the fake has sent them while nothing else ran."""

    async def wait(first: Awaitable[str]) -> None:
        assert await first == "done"

    async def scene() -> None:
        async with AriClient(ari.url, "patchbay", "secret") as client:
            live = Live(client, "reader")
            complete = asyncio.Event()
            live.listeners.append(lambda event, changes: complete.set())
            running = asyncio.create_task(live.run())
            await asyncio.wait_for(complete.wait(), 10)
            live.listeners.append(lambda event, changes: read.append(event.eventname if event else ""))
            with live.expect(user_event("first", "Id", "1", "Status", "")) as first:
                ari.send_all([told("first"), *[told("later")] * MANY])
                await (side_by_side(wait(first), asyncio.sleep(0)) if beside else wait(first))
                assert read == ["first"]
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    read: list[str] = []
    asyncio.run(scene())
