"""The route table, and how what is wrong with a request as such is answered."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.api.answers import http_failure
from service.api.body import TooLarge
from service.api.calls import get_calls, post_park, post_transfer, supervise
from service.api.click2call import post_click2call
from service.api.context import context
from service.api.middleware import Authentication, CanonicalPath, Cors, Faults, NoStore, RequestLog
from service.calls.supervision import Mode
from service.errors import Unavailable
from service.settings import Settings
from service.tenants import TenantBook


async def get_live(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "live"})


async def get_ready(request: Request) -> Response:
    """Events flow and the picture of calls is complete."""
    ready = context(request).board.live.ready
    return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)


ROUTES = [
    Route("/live", get_live, methods=["GET"]),
    Route("/ready", get_ready, methods=["GET"]),
    Route("/api/click2call", post_click2call, methods=["POST"]),
    Route("/v1/call", get_calls, methods=["GET"]),
    Route("/v1/call/{call_id}/transfer", post_transfer, methods=["POST"]),
    Route("/v1/call/{call_id}/listen", supervise(Mode.LISTEN), methods=["POST"]),
    Route("/v1/call/{call_id}/whisper", supervise(Mode.WHISPER), methods=["POST"]),
    Route("/v1/call/{call_id}/barge", supervise(Mode.BARGE), methods=["POST"]),
    Route("/v1/call/{call_id}/park", post_park, methods=["POST"]),
]


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _failure(request, error.status_code, error.headers)


async def _too_large(request: Request, error: Exception) -> Response:
    return _failure(request, 413)


async def _unavailable(request: Request, error: Exception) -> Response:
    return _failure(request, 503)


def _failure(request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return http_failure(request.scope["path"], context(request).settings.instance_id, status, headers)


HANDLERS: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _http_error,
    TooLarge: _too_large,
    Unavailable: _unavailable,
}


def middleware(settings: Settings, tenants: TenantBook) -> list[Middleware]:
    """Outermost first."""
    return [
        Middleware(RequestLog),
        Middleware(
            Cors,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type"),
        ),
        Middleware(NoStore),
        Middleware(CanonicalPath),
        Middleware(Faults, instance_id=settings.instance_id),
        Middleware(Authentication, tenants=tenants, instance_id=settings.instance_id),
    ]
