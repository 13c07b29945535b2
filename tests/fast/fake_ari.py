"""A small ARI on loopback: HTTP and WebSocket, a record of all it was asked, and every way to misbehave."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import WSMsgType, web

from service import dialplan
from tests.instruments.allowed import Judge
from tests.instruments.loop_thread import LoopThread

Json = dict[str, Any]

LOOPBACK = "127.0.0.1"
# A new leg's address, the end of an earlier test's supervision, the proof that events flow: no request causes these.
BY_ITSELF = re.compile(
    r"GET /channels/pbx-[0-9.]+/variable"
    r"|GET /endpoints/PJSIP"
    r"|DELETE /(channels|bridges)/patchbay-[0-9a-z-]+"
    r"|POST /events/user/patchbay_[0-9a-f]+"
)
CREATED = "2026-01-02T03:04:05.678+0000"
CREATED_SECOND = 1767323045


@dataclass(frozen=True)
class Asked:
    """One request as it came: the path still encoded and without /ari."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Trouble:
    """What befalls the requests that begin so: an answer of `status`, one after `seconds`, or none at all."""

    begins: str
    status: int = 0
    seconds: float = 0.0
    text: str = ""
    kind: str = "application/json"
    forever: asyncio.Event = field(default_factory=asyncio.Event)


def channel(
    channel_id: str,
    name: str,
    *,
    linkedid: str = "",
    dnid: str = "",
    state: str = "Up",
    number: str = "",
    app: str = "Dial",
    tenantid: str = "",
    call: str = "",
    leg: str = "",
) -> Json:
    """A channel as ARI shows it. `dnid` is set for those that came in; `app` is what an answered bleg calls AppDial."""
    return {
        "id": channel_id,
        "name": name,
        "state": state,
        "caller": {"name": "", "number": number},
        "connected": {"name": "", "number": ""},
        "accountcode": "",
        "dialplan": {"context": "acme.test", "exten": dnid, "priority": 1, "app_name": app, "app_data": ""},
        "creationtime": CREATED,
        "language": "en",
        "tenantid": tenantid,
        "channelvars": {
            "CHANNEL(linkedid)": linkedid or channel_id,
            "CALLERID(dnid)": dnid,
            "PATCHBAY_CALL": call,
            "PATCHBAY_LEG": leg,
        },
    }


def bridge(bridge_id: str, *members: str, holding: bool = False, name: str = "", ours: bool = False) -> Json:
    """A bridge as ARI shows it."""
    return {
        "id": bridge_id,
        "name": name,
        "bridge_type": "holding" if holding else "mixing",
        "bridge_class": "stasis" if ours else "basic",
        "technology": "holding_bridge" if holding else "simple_bridge",
        "creator": "",
        "creationtime": CREATED,
        "channels": list(members),
    }


class Remembered(dict[str, Json]):
    """Channels by id; it remembers the ids and names of those that were."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: set[str] = set()

    def __setitem__(self, channel_id: str, made: Json) -> None:
        super().__setitem__(channel_id, made)
        self.ever |= {channel_id, made["name"]}


class FakeAri:
    """A context manager; `url` is what PATCHBAY_ARI_URL is to be. All methods may be called from the test's thread.

    Nothing may be asked of it that tests/instruments/allowed.py does not know: that is found out at its end at the
    latest; unless it is not `judged`, for events of channels that it does not know.
    """

    def __init__(self, *, judged: bool = True) -> None:
        self.port = 0
        self.asked: list[Asked] = []
        self.judge = Judge(self)
        self._judged = judged
        self.endpoints: dict[str, str] = {}
        self.channels = Remembered()
        self.apps: set[str] = set()
        self.bridges: dict[str, Json] = {}
        self.receipt = "SUCCESS"  # what becomes of a redirect; "" for silence
        self.receipts_lost = False
        self.declines = False  # a phone that is rung refuses before the request to ring it is answered
        self.wordless: set[str] = set()  # channels that hold no UTF-8: no event or list can tell of them
        self.full = False  # Local channels are made and end at once, as at Asterisk's call limit
        self.most_calls = 0  # what it says its call limit is
        self.moved: dict[str, str] = {}  # the last redirect of each channel
        self.clock_ahead = timedelta()  # of ours
        self.gate = "allowed"  # what becomes of a click that has to wait for it; "" for silence
        self.written = "SUCCESS"  # what becomes of limits that are written; "" for silence
        self.limits: dict[str, str] = {}
        self.globals: dict[str, str] = {}
        self.snoops_enter = True
        self.witness: Callable[[Asked], object] = str  # told of every request as it comes
        self._troubles: list[Trouble] = []
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._thread = LoopThread()

    # -- life -------------------------------------------------------------------

    def __enter__(self) -> "FakeAri":
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.stop()
        if self._judged:
            self.judge.content()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/ari"

    def start(self) -> None:
        """Listens, on the same port as before once it has one."""
        self._thread.run(self._start())

    def stop(self) -> None:
        """Is gone: cuts every socket and refuses new ones."""
        self._thread.run(self._stop())

    def drop(self) -> None:
        """Cuts the event sockets without a word and goes on listening."""
        self._thread.run(self._drop())

    @contextmanager
    def away(self) -> Iterator[None]:
        """Gone inside, back after."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def trouble(
        self,
        begins: str,
        status: int = 0,
        seconds: float = 0.0,
        text: str = '{"message":"trouble"}',
        kind: str = "application/json",
    ) -> Iterator[None]:
        """`begins`: METHOD /path; with a status that is the answer, with seconds it comes late, with neither never.

        `text` is the answer's body, and `kind` its Content-Type.
        """
        trouble = Trouble(begins, status, seconds, text, kind)
        self._troubles.append(trouble)
        try:
            yield
        finally:
            self._troubles.remove(trouble)
            self._thread.loop.call_soon_threadsafe(trouble.forever.set)

    @contextmanager
    def asked_inside(self) -> Iterator[list[Asked]]:
        """What was asked between entering and leaving, but for what goes on by itself; filled when left."""
        begin = len(self.asked)
        found: list[Asked] = []
        yield found
        found += [request for request in self.asked[begin:] if not BY_ITSELF.fullmatch(str(request))]

    # -- what is known here --------------------------------------------------------

    def has_app(self, app: str) -> bool:
        return app in self.apps

    def has_channel(self, channel_id: str) -> bool:
        return channel_id in self.channels.ever

    def has_name(self, channel_name: str) -> bool:
        return channel_name in self.channels.ever

    def has_endpoint(self, name: str) -> bool:
        return name in self.endpoints

    # -- what happens on this Asterisk --------------------------------------------

    def send(self, kind: str, **parts: object) -> None:
        """An event to whoever listens."""
        self.send_text(json.dumps({"type": kind, "timestamp": CREATED, "application": "test", **parts}))

    def send_text(self, text: str) -> None:
        """Whatever text, as one frame."""
        self._thread.run(self._send(text))

    def send_all(self, texts: Sequence[str]) -> None:
        """Many frames, as fast as whoever listens takes them."""
        for start in range(0, len(texts), 500):
            self._thread.run(self._send_each(texts[start : start + 500]))

    def put(self, *channels: Json) -> None:
        """Makes channels, and says so."""
        for made in channels:
            self.channels[made["id"]] = made
            self.send("ChannelCreated", channel=made)

    def join(self, made: Json) -> None:
        """Makes a bridge whose channels enter one after the other, and says so."""
        self.bridges[made["id"]] = made
        for count in range(1, len(made["channels"]) + 1):
            member = self.channels[made["channels"][count - 1]]
            self.send("ChannelEnteredBridge", channel=member, bridge=made | {"channels": made["channels"][:count]})

    def enter(self, bridge_id: str, made: Json) -> None:
        """A channel that somebody else has made enters a bridge, and says so."""
        self.put(made)
        self.bridges[bridge_id]["channels"].append(made["id"])
        self.send("ChannelEnteredBridge", channel=made, bridge=self.bridges[bridge_id])

    def answer(self, channel_id: str) -> None:
        """A phone that was rung into the application picks up, and says so."""
        made = self.channels[channel_id] | {"state": "Up"}
        self.channels[channel_id] = made
        self.send("ChannelStateChange", channel=made)
        self.send("StasisStart", channel=made, args=[])

    def end(self, channel_id: str) -> None:
        """A channel hangs up, and says so."""
        ended = self.channels.pop(channel_id)
        self.send("ChannelDestroyed", channel=ended, cause=16)

    def clear(self) -> None:
        """Ends every channel and bridge, and says so."""
        self._thread.run(self._clear())

    # -- inside -------------------------------------------------------------------

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 22)
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{rest:.*}", self._rest)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._drop()
        if self._runner:
            await self._runner.cleanup()
        self._runner = None

    async def _drop(self) -> None:
        for socket in list(self._sockets):
            if socket._req and socket._req.transport:  # aiohttp has no public way to be rude
                socket._req.transport.abort()
        self._sockets.clear()

    async def _clear(self) -> None:
        while self.bridges:
            _, gone = self.bridges.popitem()
            await self._send(json.dumps({"type": "BridgeDestroyed", "bridge": gone | {"channels": []}}))
        while self.channels:
            _, ended = self.channels.popitem()
            await self._send(json.dumps({"type": "ChannelDestroyed", "channel": ended, "cause": 16}))

    async def _send(self, text: str) -> None:
        for socket in list(self._sockets):
            await socket.send_str(text)

    async def _send_each(self, texts: Sequence[str]) -> None:
        for text in texts:
            await self._send(text)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked("GET", "/events", dict(request.query)))
        self.judge.hear("GET", request.raw_path, None)
        self.apps.add(request.query["app"])
        if trouble := self._trouble("GET /events"):
            return await self._suffer(trouble)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._sockets.discard(socket)
        return socket

    async def _rest(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0].removeprefix("/ari")
        text = await request.text()
        asked = Asked(request.method, path, dict(request.query), json.loads(text) if text else None)
        self.asked.append(asked)
        self.judge.hear(request.method, request.raw_path, asked.body)
        self.witness(asked)
        trouble = self._trouble(str(asked))
        if trouble and (answer := await self._suffer(trouble)).status != 200:
            return answer
        if trouble and trouble.status:
            return web.Response(status=200, text=trouble.text, content_type=trouble.kind)
        return await self._answer(asked)

    def _trouble(self, asked: str) -> Trouble | None:
        return next((trouble for trouble in self._troubles if asked.startswith(trouble.begins)), None)

    async def _suffer(self, trouble: Trouble) -> web.Response:
        if not trouble.status and not trouble.seconds:
            await trouble.forever.wait()
            return web.Response(status=500)
        await asyncio.sleep(trouble.seconds)
        return web.Response(status=trouble.status or 200, text=trouble.text, content_type=trouble.kind)

    async def _answer(self, asked: Asked) -> web.Response:
        for begins, answer in ANSWERS.items():
            if str(asked).startswith(begins):
                return await answer(self, asked)
        return web.json_response(status=204)

    async def _list_channels(self, asked: Asked) -> web.Response:
        if self.wordless:
            return web.json_response({"error": "Allocation failed"}, status=500)
        return web.json_response(list(self.channels.values()))

    async def _one_channel(self, asked: Asked) -> web.Response:
        channel_id = asked.path.rpartition("/")[2]
        if channel_id in self.wordless:
            return web.Response(status=200)
        found = self.channels.get(channel_id)
        return web.json_response(found or {"message": "Channel not found"}, status=200 if found else 404)

    async def _list_bridges(self, asked: Asked) -> web.Response:
        return web.json_response(list(self.bridges.values()))

    async def _endpoints(self, asked: Asked) -> web.Response:
        found = [
            {"technology": "PJSIP", "resource": name, "state": state, "channel_ids": self._channels_of(name)}
            for name, state in self.endpoints.items()
        ]
        wanted = asked.path.removeprefix("/endpoints/PJSIP").removeprefix("/").replace("%40", "@")
        if not wanted:
            return web.json_response(found)
        one = [endpoint for endpoint in found if endpoint["resource"] == wanted]
        return web.json_response(one[0]) if one else web.json_response({"message": "Endpoint not found"}, status=404)

    def _channels_of(self, endpoint: str) -> list[str]:
        return [one for one, told in self.channels.items() if told["name"].startswith(f"PJSIP/{endpoint}-")]

    async def _echo(self, asked: Asked) -> web.Response:
        name, now = asked.path.rpartition("/")[2], datetime.now(UTC) + self.clock_ahead
        stamp = now.isoformat(timespec="milliseconds")
        event = {"type": "ChannelUserevent", "timestamp": stamp, "eventname": name, "userevent": {}}
        await self._send(json.dumps(event))
        return web.Response(status=204)

    async def _snoop(self, asked: Asked) -> web.Response:
        _, _, leg, _, snoop = asked.path.split("/")
        made = channel(snoop, f"Snoop/{leg}-00000001", app="Stasis")
        self.channels[snoop] = made
        await self._send(json.dumps({"type": "ChannelCreated", "channel": made}))
        if self.snoops_enter:
            await self._send(json.dumps({"type": "StasisStart", "channel": made, "args": []}))
        return web.json_response(made)

    async def _originate(self, asked: Asked) -> web.Response:
        channel_id = asked.path.rpartition("/")[2]
        variables = asked.body["variables"]
        if self.full:
            return await self._refuse(channel_id, asked.query["endpoint"])
        if asked.query["endpoint"].startswith("Local/redirect@"):
            if self.receipt == "SUCCESS":
                self.moved[variables["PATCHBAY_CHANNEL"]] = variables["PATCHBAY_ID"]
            if self.receipt and not self.receipts_lost:
                await self._tell("PatchbayRedirect", Id=variables["PATCHBAY_ID"], Status=self.receipt)
            return web.json_response({"id": channel_id})
        if asked.query["endpoint"].startswith("Local/write@"):
            if self.written:
                self.limits[variables["PATCHBAY_TENANT"]] = variables["PATCHBAY_POLICY"]
                await self._tell("PatchbayPolicy", Id=variables["PATCHBAY_ID"], Status=self.written)
            return web.json_response({"id": channel_id})
        name = f"Local/ring@patchbay-ring-{channel_id[-8:]};1"
        call = variables.get("__PATCHBAY_CALL", "")
        if not call and "PATCHBAY_RECORD" in variables:
            if self.gate:
                about = {"Domain": variables["PATCHBAY_DOMAIN"], "Number": variables["PATCHBAY_NUMBER"]}
                await self._tell("PatchbayGate", Id=channel_id, Status=self.gate, **about)
            if self.gate != "allowed":
                await self._begin(channel_id, name)
                return web.json_response({"id": channel_id})
            call = variables["PATCHBAY_RECORD"]
        made = channel(channel_id, name, state="Down", app="", call=call)
        self.channels[channel_id] = made
        await self._send(json.dumps({"type": "ChannelCreated", "channel": made}))
        await self._begin(channel_id, name)
        if self.declines:
            del self.channels[channel_id]
            await self._send(json.dumps({"type": "ChannelDestroyed", "channel": made, "cause": 21}))
        return web.json_response(made)

    async def _begin(self, channel_id: str, name: str) -> None:
        """The dialplan behind a Local channel runs."""
        half = channel(f"{channel_id};2", name.replace(";1", ";2"), state="Ring", app="Set")
        await self._send(json.dumps({"type": "ChannelDialplan", "channel": half}))

    async def _refuse(self, channel_id: str, endpoint: str) -> web.Response:
        made = channel(channel_id, f"{endpoint.removesuffix('/n')}-00000001;1", state="Down", app="")
        for kind in ("ChannelCreated", "ChannelDestroyed"):
            await self._send(json.dumps({"type": kind, "channel": made}))
        return web.json_response(made)

    async def _info(self, asked: Asked) -> web.Response:
        limit = {"max_channels": self.most_calls} if self.most_calls else {}
        return web.json_response({"system": {"version": "22.10.1"}, "config": {"name": "pbx", **limit}})

    async def _tell(self, name: str, **fields: str) -> None:
        await self._send(json.dumps({"type": "ChannelUserevent", "eventname": name, "userevent": fields}))

    async def _hang_up(self, asked: Asked) -> web.Response:
        ended = self.channels.pop(asked.path.rpartition("/")[2], None)
        if ended is None:
            return web.json_response({"message": "Channel not found"}, status=404)
        await self._send(json.dumps({"type": "ChannelDestroyed", "channel": ended, "cause": 16}))
        return web.Response(status=204)

    async def _make_bridge(self, asked: Asked) -> web.Response:
        made = bridge(asked.path.rpartition("/")[2], name=asked.query.get("name", ""), ours=True)
        self.bridges[made["id"]] = made
        await self._send(json.dumps({"type": "BridgeCreated", "bridge": made}))
        return web.json_response(made)

    async def _change_bridge(self, asked: Asked) -> web.Response:
        parts = asked.path.split("/")
        if len(parts) == 3:
            return await self._make_bridge(asked)
        made = self.bridges[parts[2]]
        member = self.channels[asked.query["channel"]]
        made["channels"].append(member["id"])
        await self._send(json.dumps({"type": "ChannelEnteredBridge", "channel": member, "bridge": made}))
        return web.Response(status=204)

    async def _destroy_bridge(self, asked: Asked) -> web.Response:
        gone = self.bridges.pop(asked.path.rpartition("/")[2], None)
        if gone is None:
            return web.json_response({"message": "Bridge not found"}, status=404)
        await self._send(json.dumps({"type": "BridgeDestroyed", "bridge": gone | {"channels": []}}))
        return web.Response(status=204)

    async def _global(self, asked: Asked) -> web.Response:
        return web.json_response({"value": self.globals.get(asked.query["variable"], "")})

    async def _set_global(self, asked: Asked) -> web.Response:
        self.globals[asked.query["variable"]] = asked.query["value"]
        return web.Response(status=204)

    async def _variable(self, asked: Asked) -> web.Response:
        if asked.query["variable"] == dialplan.MOVED:
            return web.json_response({"value": self.moved.get(asked.path.split("/")[2], "")})
        if asked.query["variable"] == "CHANNEL(name)":
            return web.json_response({"value": self.channels[asked.path.split("/")[2]]["name"]})
        return web.json_response({"value": "192.0.2.7:5060"})

    async def _post_channels(self, asked: Asked) -> web.Response:
        return await (self._snoop(asked) if "/snoop/" in asked.path else self._originate(asked))

    async def _get_channels(self, asked: Asked) -> web.Response:
        kind = {2: self._list_channels, 3: self._one_channel}.get(asked.path.count("/") + 1, self._variable)
        return await kind(asked)


# The first whose key the request begins with answers it.
ANSWERS: dict[str, Callable[[FakeAri, Asked], Coroutine[Any, Any, web.Response]]] = {
    "GET /channels": FakeAri._get_channels,
    "POST /channels": FakeAri._post_channels,
    "DELETE /channels": FakeAri._hang_up,
    "GET /bridges": FakeAri._list_bridges,
    "POST /bridges": FakeAri._change_bridge,
    "DELETE /bridges": FakeAri._destroy_bridge,
    "GET /endpoints": FakeAri._endpoints,
    "POST /events/user": FakeAri._echo,
    "GET /asterisk/info": FakeAri._info,
    "GET /asterisk/variable": FakeAri._global,
    "POST /asterisk/variable": FakeAri._set_global,
}
