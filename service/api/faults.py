"""How what is wrong with a request as such is answered: no such route, not its token's to ask, its body, PBX away."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.answers import http_failure
from service.api.authentication import Forbidden
from service.api.body import NotTaken, TooSlow
from service.api.context import context
from service.api.refusals import Reason, source_of
from service.api.supervise import refusal
from service.errors import Unavailable
from service.tokens import Scope

FORBIDDEN = "FORBIDDEN"


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # Starlette keeps a route's methods in a set: sorted, the answer is the same in every process.
    headers = {name: ", ".join(sorted(value.split(", "))) for name, value in (error.headers or {}).items()}
    return _failure(request, error.status_code, headers)


async def _not_taken(request: Request, error: Exception) -> Response:
    """What is left of a body that is too slow is not waited for any longer."""
    assert isinstance(error, NotTaken)
    return _failure(request, error.status, {"Connection": "close"} if isinstance(error, TooSlow) else None)


async def _forbidden(request: Request, error: Exception) -> Response:
    assert isinstance(error, Forbidden)
    context(request).refusals.note(Reason.SCOPE, source_of(request.scope.get("client")))
    if error.needed is Scope.SUPERVISE:
        mode = request.scope["path"].rpartition("/")[2]
        await context(request).trail.refused(refusal(request, mode), FORBIDDEN)
    challenge = f'Bearer error="insufficient_scope", scope="{error.needed}"'  # RFC 6750
    return _failure(request, 403, {"WWW-Authenticate": challenge})


async def _unavailable(request: Request, error: Exception) -> Response:
    return _failure(request, 503)


def _failure(request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return http_failure(request.scope["path"], context(request).settings.instance_id, status, headers)


HANDLERS: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _http_error,
    Forbidden: _forbidden,
    NotTaken: _not_taken,
    Unavailable: _unavailable,
}
