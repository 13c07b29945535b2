"""What is the same for every request, outermost first: the log line, CORS, no caching, faults, the path, the token."""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote, unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.answers import PHRASES, http_failure
from service.api.authentication import Authentication
from service.api.refusals import Refusals
from service.api.table import Entry, Handler
from service.ids import new_key
from service.log import bind, logger, rebind, safe
from service.metrics import Metrics
from service.settings import Settings
from service.tenants import TenantBook

LOGGED_PATH_LENGTH, LOGGED_METHOD_LENGTH = 200, 20
QUIET_STATUSES = (429,)  # each is counted in a warning instead, or whoever is turned away could flood the log
REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")


class RequestLog:
    """One line a request: who asked what, the answer's status, how long it took.

    X-Request-ID is taken over from the client when it is fit to be logged, else made; the answer carries it.
    """

    def __init__(self, app: ASGIApp, quiet_paths: Collection[str]) -> None:
        self.app = app
        self.quiet_paths = quiet_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = time.perf_counter(), 0
        request_id = _request_id(Headers(scope=scope))

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with bind(request=request_id):
            try:
                await self.app(scope, receive, watch)
            finally:
                self._log(scope, status, time.perf_counter() - started)

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        level = "debug" if scope["path"] in self.quiet_paths or status in QUIET_STATUSES else "info"
        client = safe(scope["client"][0]) if scope.get("client") else "-"
        method = scope["method"] if len(scope["method"]) <= LOGGED_METHOD_LENGTH else "…"
        path = safe(_shown(scope["path"]))
        getattr(logger, level)("%s %s %s %d %.1f ms", client, method, path, status, seconds * 1000)


def _shown(path: str) -> str:
    """A path, or whole segments of it: no half of a segment, because half a token is not known for one."""
    return path if len(path) <= LOGGED_PATH_LENGTH else path[:LOGGED_PATH_LENGTH].rpartition("/")[0] + "/…"


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else new_key()[:12]


class Meter:
    """Times every request, by route and by what came of it: the contract's word where there is one, else the status."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Mapping[Handler, str]) -> None:
        self.app = app
        self.metrics = metrics
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = time.perf_counter(), 0

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            route = self.routes[scope["endpoint"]] if "endpoint" in scope else "other"
            outcome = scope["state"].get("outcome", str(status))
            self.metrics.request(route, outcome, time.perf_counter() - started)


class Cors(CORSMiddleware):
    """Starlette's, but for preflight answers, which carry no text."""

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        headers = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        headers["Cache-Control"] = "no-store"
        if answer.status_code == 200:
            return Response(status_code=204, headers=headers)
        return JSONResponse({"error": PHRASES[400]}, 400, headers)


class NoStore:
    """No answer of this API may be kept by anybody on the way."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, mark)


class Faults:
    """A fault of ours becomes a 500 in the style of the path, and a traceback in the log."""

    def __init__(self, app: ASGIApp, instance_id: str) -> None:
        self.app = app
        self.instance_id = instance_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except ClientDisconnect:
            rebind(client="gone")
        except Exception:
            logger.exception("a fault of ours")
            if started:
                raise
            await http_failure(scope["path"], self.instance_id, 500)(scope, receive, send)


class CanonicalPath:
    """One spelling for every path: no doubled or trailing slash, each segment percent-encoded in one way.

    Routes are matched on the encoded path, so an encoded slash in a call id stays part of the id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = canonical(scope.get("raw_path") or quote(scope["path"]).encode())
        await self.app(scope, receive, send)


def canonical(raw_path: bytes) -> str:
    """The one spelling of a path as it came over the wire."""
    segments = (quote(unquote_to_bytes(segment), safe="") for segment in raw_path.split(b"/") if segment)
    return "/" + "/".join(segments)


def middleware(
    settings: Settings, tenants: TenantBook, table: Sequence[Entry], metrics: Metrics, refusals: Refusals
) -> list[Middleware]:
    """All of it, outermost first."""
    open_paths = frozenset(entry.path for entry in table if entry.scope is None)
    return [
        Middleware(RequestLog, quiet_paths=open_paths),
        Middleware(Meter, metrics=metrics, routes={entry.handler: entry.path for entry in table}),
        Middleware(
            Cors,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type"),
        ),
        Middleware(NoStore),
        Middleware(CanonicalPath),
        Middleware(Faults, instance_id=settings.instance_id),
        Middleware(
            Authentication,
            tenants=tenants,
            open_paths=open_paths,
            instance_id=settings.instance_id,
            refusals=refusals,
        ),
    ]
