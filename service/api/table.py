"""The rows of the route table: what a route is, for the router and for the API document alike."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.api.attention import Attended
from service.api.authentication import Scoped
from service.api.body import Body
from service.tokens import Scope

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Answer:
    """One answer a route can give: its HTTP status, its shape (None: plain bytes of `media`), and examples by name.

    Without `media` it has no body. `headers`: what the answer's own ones tell, by name.
    """

    status: int
    shape: type | None
    examples: Mapping[str, object] = field(default_factory=dict)
    media: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One route. `scope`: what its token must have; None: it needs no token. `headers`: those it reads and why."""

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    summary: str
    answers: tuple[Answer, ...]
    body: type[Body] | None = None
    example: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def route(self) -> Route:
        guard = [Middleware(Scoped, needed=self.scope)] if self.scope else []
        return Route(self.path, self.handler, methods=[self.method], middleware=[*guard, Middleware(Attended)])
