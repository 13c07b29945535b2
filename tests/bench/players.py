"""Three who can do the operations: the API's client, a script that sends ARI's requests bare, Asterisk's console.

The script sends what the operation's recipe in `service/` needs of Asterisk, no check more and no step less, so the
difference between the two is what the service adds. The console has the tenant's own dialplan do the work.
"""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from service import dialplan
from service.calls.record import CallRecord, Direction, LegRecord, Side
from service.calls.supervision import Mode
from service.snooping import DIRECTIONS, FLOWING_SECONDS
from tests.bench.cell import PARKING, TALKING, Cell
from tests.bench.clients import Client
from tests.bench.feed import Event, Feed
from tests.instruments.stage import ACME, HOTLINES

AGENT, COLLEAGUE, BOSS = "101", "102", "103"
HOTLINE = HOTLINES[ACME][0]
PARK_SECONDS = 10
SOON = 5.0
BARE_APP = "bench-bare"
BARE_TYPES = ("StasisStart", "ChannelUserevent", "ChannelCreated")


@dataclass(frozen=True)
class Legs:
    """A call that is up: its id, and the unique ids and names of the extension's leg and the mobile's."""

    call_id: str
    agent: str
    agent_name: str
    mobile: str
    mobile_name: str


class Player(Protocol):
    """Each returns when it has its answer. Whoever lacks an operation raises NotImplementedError."""

    async def click2call(self) -> str: ...

    async def listen(self, legs: Legs) -> None: ...

    async def switch(self, legs: Legs, mode: Mode) -> None: ...

    async def transfer(self, legs: Legs, to: str = COLLEAGUE) -> None: ...

    async def park(self, legs: Legs) -> None: ...

    async def nothing(self) -> None:
        """A request that leaves the calls alone: what HTTP takes by itself."""


class Api:
    """A customer of the service."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def click2call(self) -> str:
        body = {"extension": AGENT, "hotline": HOTLINE, "phone_number": TALKING}
        answer = json.loads(await self._client.ask("POST", "/api/click2call", body))
        call_id: str = answer["payload"]["call_uuid"]
        return call_id

    async def listen(self, legs: Legs) -> None:
        await self.switch(legs, Mode.LISTEN)

    async def switch(self, legs: Legs, mode: Mode) -> None:
        await self._do(legs, mode, ext=BOSS)

    async def transfer(self, legs: Legs, to: str = COLLEAGUE) -> None:
        await self._do(legs, "transfer", ext=to, legs="bleg")

    async def park(self, legs: Legs) -> None:
        await self._do(legs, "park", legs="aleg")

    async def nothing(self) -> None:
        await self._client.get("/v1/call")

    async def _do(self, of: Legs, verb: str, /, **body: str) -> None:
        await self._client.ask("POST", f"/v1/call/{of.call_id}/{verb}", body)


class Bare:
    """The requests alone."""

    def __init__(self, client: Client, feed: Feed) -> None:
        self._client = client
        self._feed = feed
        self._supervision = ""
        self._snoop = ""
        self._arrived = asyncio.Event()
        feed.listeners.append(self._watch)

    def _watch(self, event: Event) -> None:
        if _is("StasisStart", event, f"{self._supervision}-phone"):
            self._arrived.set()

    async def click2call(self) -> str:
        await asyncio.gather(self._endpoint(AGENT), self._no_endpoint(TALKING))
        call_id = str(uuid4())
        variables = {
            **dialplan.ring(AGENT, ACME, show=TALKING, side=Side.ALEG),
            **dialplan.dial_outside(self._record(call_id), HOTLINE, "carrier"),
            **dialplan.carried(self._record(call_id)),
        }
        target = {"context": dialplan.DIAL_CONTEXT, "extension": TALKING, "priority": "1"}
        await self._originate(call_id, dialplan.RING, variables, **target, formats=dialplan.FORMATS)
        return call_id

    async def listen(self, legs: Legs) -> None:
        await self._endpoint(BOSS)
        self._supervision = f"bench-{uuid4().hex}"
        self._arrived.clear()
        bridge = self._client.ask("POST", f"/bridges/{self._supervision}-bridge", type="mixing")
        _, self._snoop = await asyncio.gather(bridge, self._spy(legs, Mode.LISTEN))
        await self._put_in(self._snoop)
        phone = f"{self._supervision}-phone"
        variables = dialplan.ring(BOSS, ACME, show=AGENT, side=None)
        async with self._feed.expect(lambda event: _is("ChannelCreated", event, phone)):
            await self._originate(phone, dialplan.RING, variables, app=BARE_APP, formats=dialplan.FORMATS)

    async def admit(self) -> None:
        """Lets the supervisor hear, as soon as it has answered."""
        await asyncio.wait_for(self._arrived.wait(), SOON)
        await self._put_in(f"{self._supervision}-phone")

    async def switch(self, legs: Legs, mode: Mode) -> None:
        await self._endpoint(BOSS)
        old, self._snoop = self._snoop, await self._spy(legs, mode)
        await asyncio.sleep(FLOWING_SECONDS)
        bridge = f"/bridges/{self._supervision}-bridge"
        await self._client.ask("POST", f"{bridge}/removeChannel", channel=old)
        await self._put_in(self._snoop)
        await self._client.ask("DELETE", f"/channels/{old}")

    async def end_supervision(self) -> None:
        """What is left when the supervisor has hung up."""
        await self._client.ask("DELETE", f"/channels/{self._snoop}")
        await self._client.ask("DELETE", f"/bridges/{self._supervision}-bridge")

    async def transfer(self, legs: Legs, to: str = COLLEAGUE) -> None:
        await self._endpoint(to)
        await self._redirect(legs, ACME, to)

    async def park(self, legs: Legs) -> None:
        await self._redirect(legs, dialplan.PARK_CONTEXT, ACME, PARK_SECONDS)

    async def nothing(self) -> None:
        await self._client.get("/asterisk/ping")

    async def _redirect(self, legs: Legs, context: str, exten: str, park_seconds: int = 0) -> None:
        receipt = uuid4().hex
        variables = dialplan.redirect(
            receipt,
            legs.mobile,
            self._record(legs.call_id),
            LegRecord(Side.BLEG, COLLEAGUE),
            release=legs.agent_name,
            pause=0.0,
            park_seconds=park_seconds,
            context=context,
            exten=exten,
            most_calls=0,
        )

        def received(event: Event) -> bool:
            return bool(event.get("userevent", {}).get("Id") == receipt)

        async with self._feed.expect(received):
            await self._originate(f"bench-{receipt}-redirect", dialplan.REDIRECT, variables, app=BARE_APP)

    async def _spy(self, legs: Legs, mode: Mode) -> str:
        snoop, (spy, whisper) = f"bench-{uuid4().hex}-snoop", DIRECTIONS[mode]
        async with self._feed.expect(lambda event: _is("StasisStart", event, snoop)):
            path = f"/channels/{legs.agent}/snoop/{snoop}"
            await self._client.ask("POST", path, app=BARE_APP, spy=spy, whisper=whisper)
        return snoop

    async def _put_in(self, channel: str) -> None:
        path = f"/bridges/{self._supervision}-bridge/addChannel"
        await self._client.ask("POST", path, channel=channel, inhibitConnectedLineUpdates="true")

    async def _endpoint(self, extension: str) -> None:
        await self._client.get(f"/endpoints/PJSIP/{extension}%40{ACME}")

    async def _no_endpoint(self, number: str) -> None:
        """Whether the number is an extension; it is not."""
        async with self._client.session.get(f"{self._client.url}/endpoints/PJSIP/{number}%40{ACME}") as answer:
            await answer.read()

    async def _originate(self, channel: str, endpoint: str, variables: Mapping[str, str], **target: str) -> None:
        timeout = str(dialplan.RING_SECONDS)
        body = {"variables": dict(variables)}
        await self._client.ask("POST", f"/channels/{channel}", body, endpoint=endpoint, timeout=timeout, **target)

    def _record(self, call_id: str) -> CallRecord:
        return CallRecord(call_id, ACME, Direction.OUTBOUND, int(time.time()), AGENT, TALKING)


class Console:
    """Asterisk's own: what a dialplan can do with a call, asked for through the console's socket."""

    def __init__(self, cell: Cell) -> None:
        self._run = cell.pbx.folder / "run"

    async def click2call(self) -> str:
        await self._command(f"channel originate Local/{AGENT}@{ACME} extension {TALKING}@{ACME}")
        return ""

    async def listen(self, legs: Legs) -> None:
        await self._command(f"channel originate Local/{BOSS}@{ACME} application ChanSpy {legs.agent_name},q")

    async def switch(self, legs: Legs, mode: Mode) -> None:
        raise NotImplementedError

    async def transfer(self, legs: Legs, to: str = COLLEAGUE) -> None:
        await self._command(f"channel redirect {legs.mobile_name} {ACME},{to},1")

    async def nothing(self) -> None:
        raise NotImplementedError

    async def park(self, legs: Legs) -> None:
        await self._command(f"channel redirect {legs.mobile_name} {ACME},{PARKING},1")

    async def _command(self, command: str) -> None:
        folder = os.open(self._run, os.O_RDONLY)  # a socket's whole path may have 107 characters, a clone's has more
        try:
            reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/asterisk.ctl")
        finally:
            os.close(folder)
        writer.write(f"cli quit after {command}\0".encode())
        said = await reader.read()
        writer.close()
        assert b"No such command" not in said, said


def _is(kind: str, event: Event, channel: str) -> bool:
    return bool(event["type"] == kind and event["channel"]["id"] == channel)
