"""ARI's HTTP requests, one method an operation, named as ARI names them.

Requests go through a pool of kept connections: Asterisk closes an idle one after 15 s, so the pool lets go sooner.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import TypeAdapter, ValidationError
from yarl import URL

from service.ari.errors import AriUnreachable, NotAri, refused
from service.ari.models import (
    Application,
    AsteriskInfo,
    AsteriskPing,
    Attribute,
    Bridge,
    Channel,
    Endpoint,
    Module,
    Playback,
    Variable,
)
from service.metrics import Metrics

CONNECTIONS = 16  # Asterisk serves each connection in a thread; more than this gained nothing
# Below Asterisk's session_keep_alive of 15 s, and below two of the proofs of the event path, which take the kept
# connections in turn: whatever a busy moment has opened would be kept for ever.
IDLE_SECONDS = 3.0
ANSWER_SECONDS = 5.0  # a loaded Asterisk answers in milliseconds; after this it is stuck
ARI_TYPE = "application/json"  # of every answer of ARI's that has a body, its errors too

Direction = Literal["none", "both", "out", "in"]
Query = Mapping[str, str]
T = TypeVar("T")

_CHANNELS = TypeAdapter(list[Channel])
_BRIDGES = TypeAdapter(list[Bridge])
_ENDPOINTS = TypeAdapter(list[Endpoint])
_ENDPOINT = TypeAdapter(Endpoint)
_VARIABLE = TypeAdapter(Variable)
_CHANNEL = TypeAdapter(Channel)
_APPLICATIONS = TypeAdapter(list[Application])
_INFO = TypeAdapter(AsteriskInfo)
_PING = TypeAdapter(AsteriskPing)
_MODULES = TypeAdapter(list[Module])
_PLAYBACK = TypeAdapter(Playback)
_ATTRIBUTES = TypeAdapter(list[Attribute])


class Pool:
    """Kept connections to Asterisk. Once retired it is closed, as soon as nobody waits for an answer any more."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None),
        )
        # First come, first served. aiohttp's own limit gives a place to whoever asks at the right moment, before those
        # who wait for one: of fifty at once some got theirs after 5 s.
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._lent = 0
        self._retired = False

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[aiohttp.ClientSession]:
        """For one request."""
        self._lent += 1
        try:
            async with self._places:
                yield self._session
        finally:
            self._lent -= 1
            await self._close_unused()

    async def retire(self) -> None:
        self._retired = True
        await self._close_unused()

    async def close(self) -> None:
        await self._session.close()

    async def _close_unused(self) -> None:
        if self._retired and not self._lent:
            await self.close()


class AriClient:
    """Asterisk's REST interface at `url` (…/ari). Every method raises AriUnreachable, AriRefused or its children."""

    def __init__(self, url: str, user: str, password: str, metrics: Metrics | None = None) -> None:
        self.url = url.rstrip("/")
        self.headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        self.metrics = metrics or Metrics()
        self.unanswered = asyncio.Event()  # set when a request ends without an answer, for whoever is to find out why
        self._pool: Pool | None = None

    async def __aenter__(self) -> "AriClient":
        self._pool = Pool(self.headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool:
            await self._pool.close()

    async def reconnect(self) -> None:
        """From now on requests go over new connections: an idle one can be dead without knowing it."""
        old, self._pool = self._pool, Pool(self.headers)
        if old:
            await old.retire()

    async def channels_list(self) -> list[Channel]:
        return _read(_CHANNELS, await self._request("GET", "channels"))

    async def channels_originate(
        self, channel_id: str, endpoint: str, target: Query, variables: Mapping[str, str], seconds: int
    ) -> None:
        """Calls `endpoint`; when it answers it goes to `target`: {app, …} or {context, extension, …}."""
        query = {"endpoint": endpoint, "timeout": str(seconds), **target}
        await self._request("POST", "channels", channel_id, query=query, body={"variables": dict(variables)})

    async def channels_get(self, channel_id: str) -> Channel | None:
        """None of one that is there and has something that is no UTF-8, for which Asterisk answers 200 and nothing."""
        raw = await self._request("GET", "channels", channel_id)
        return _read(_CHANNEL, raw) if raw else None

    async def channels_create(
        self, channel_id: str, other_id: str, endpoint: str, app: str, variables: Mapping[str, str]
    ) -> None:
        """Makes a channel in the application without dialling it; `other_id`: of a Local channel's second half."""
        query = {"endpoint": endpoint, "app": app, "channelId": channel_id, "otherChannelId": other_id}
        await self._request("POST", "channels", "create", query=query, body={"variables": dict(variables)})

    async def channels_dial(self, channel_id: str, seconds: int) -> None:
        await self._request("POST", "channels", channel_id, "dial", query={"timeout": str(seconds)})

    async def channels_set_variable(self, channel_id: str, variable: str, value: str) -> None:
        query = {"variable": variable, "value": value}
        await self._request("POST", "channels", channel_id, "variable", query=query)

    async def channels_hangup(self, channel_id: str) -> None:
        await self._request("DELETE", "channels", channel_id)

    async def channels_get_variable(self, channel_id: str, variable: str) -> str:
        raw = await self._request("GET", "channels", channel_id, "variable", query={"variable": variable})
        return _read(_VARIABLE, raw).value

    async def channels_snoop(
        self, channel_id: str, snoop_id: str, *, app: str, spy: Direction, whisper: Direction
    ) -> None:
        query = {"app": app, "spy": spy, "whisper": whisper}
        await self._request("POST", "channels", channel_id, "snoop", snoop_id, query=query)

    async def channels_play(self, channel_id: str, playback_id: str, media: str) -> None:
        """Plays one URI. In the body, because in a query its commas would part it."""
        await self._request("POST", "channels", channel_id, "play", playback_id, body={"media": [media]})

    async def playbacks_get(self, playback_id: str) -> Playback:
        return _read(_PLAYBACK, await self._request("GET", "playbacks", playback_id))

    async def bridges_list(self) -> list[Bridge]:
        return _read(_BRIDGES, await self._request("GET", "bridges"))

    async def bridges_create(self, bridge_id: str, name: str) -> None:
        await self._request("POST", "bridges", bridge_id, query={"type": "mixing", "name": name})

    async def bridges_add_channel(self, bridge_id: str, channel_id: str) -> None:
        """Without connected line updates, which would blank the display of a supervisor's phone."""
        query = {"channel": channel_id, "inhibitConnectedLineUpdates": "true"}
        await self._request("POST", "bridges", bridge_id, "addChannel", query=query)

    async def bridges_remove_channel(self, bridge_id: str, channel_id: str) -> None:
        await self._request("POST", "bridges", bridge_id, "removeChannel", query={"channel": channel_id})

    async def bridges_destroy(self, bridge_id: str) -> None:
        await self._request("DELETE", "bridges", bridge_id)

    async def endpoints_list(self, technology: str) -> list[Endpoint]:
        return _read(_ENDPOINTS, await self._request("GET", "endpoints", technology))

    async def endpoints_get(self, technology: str, resource: str) -> Endpoint:
        return _read(_ENDPOINT, await self._request("GET", "endpoints", technology, resource))

    async def applications_list(self) -> list[Application]:
        return _read(_APPLICATIONS, await self._request("GET", "applications"))

    async def applications_subscribe(self, app: str, sources: Sequence[str]) -> None:
        query = {"eventSource": ",".join(sources)}
        await self._request("POST", "applications", app, "subscription", query=query)

    async def applications_filter(self, app: str, types: Sequence[str]) -> None:
        """Only events of these types are sent to the application."""
        allowed = [{"type": name} for name in types]
        await self._request("PUT", "applications", app, "eventFilter", body={"allowed": allowed})

    async def events_user_event(self, app: str, name: str) -> None:
        """Sends an event of this name to the application itself."""
        await self._request("POST", "events", "user", name, query={"application": app})

    async def asterisk_get_info(self) -> AsteriskInfo:
        return _read(_INFO, await self._request("GET", "asterisk", "info"))

    async def asterisk_ping(self) -> AsteriskPing:
        return _read(_PING, await self._request("GET", "asterisk", "ping"))

    async def asterisk_list_modules(self) -> list[Module]:
        return _read(_MODULES, await self._request("GET", "asterisk", "modules"))

    async def asterisk_get_global_var(self, variable: str) -> str:
        """A global variable; functions are not evaluated here, only on a channel."""
        query = {"variable": variable}
        return _read(_VARIABLE, await self._request("GET", "asterisk", "variable", query=query)).value

    async def asterisk_set_global_var(self, variable: str, value: str) -> None:
        await self._request("POST", "asterisk", "variable", query={"variable": variable, "value": value})

    async def asterisk_get_object(self, config_class: str, object_type: str, object_id: str) -> dict[str, str]:
        """A configuration object as it was loaded: its settings by name."""
        path = ("asterisk", "config", "dynamic", config_class, object_type, object_id)
        return {one.attribute: one.value for one in _read(_ATTRIBUTES, await self._request("GET", *path))}

    async def _request(self, method: str, *path: str, query: Query | None = None, body: object | None = None) -> bytes:
        if self._pool is None:
            raise AriUnreachable("the client is not open")
        url = URL("/".join([self.url, *(quote(part, safe="") for part in path)]), encoded=True)
        asked, started, status = f"{method} /{'/'.join(path)}", time.perf_counter(), 0
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._pool.lent() as session,
                session.request(method, url.with_query(query), json=body) as answer,
            ):
                content = await answer.read()
            if content and answer.content_type != ARI_TYPE:
                raise NotAri(f"{asked}: HTTP {answer.status}, not an answer of ARI: {content[:200]!r}")
            status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AriUnreachable(f"{asked}: {error!r}") from error
        finally:
            if not status:
                self.unanswered.set()
            self.metrics.ari_request(method, path, status, time.perf_counter() - started)
        if status >= 400:
            raise refused(status, asked, content.decode(errors="replace"))
        return content


def _read(kind: TypeAdapter[T], content: bytes) -> T:
    try:
        return kind.validate_json(content)
    except ValidationError as error:
        raise NotAri(f"not an answer of ARI: {content[:200]!r}") from error
