"""The rows of the route table: what a route is, for the router and for the API document alike."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.api.body import Body

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Answer:
    """One answer a route can give: its HTTP status, its shape (None: plain bytes of `media`), and examples by name."""

    status: int
    shape: type | None
    examples: Mapping[str, object] = field(default_factory=dict)
    media: str = "application/json"


@dataclass(frozen=True)
class Entry:
    """One route. `open`: answered without a token."""

    method: str
    path: str
    handler: Handler
    summary: str
    answers: tuple[Answer, ...]
    body: type[Body] | None = None
    example: Mapping[str, str] = field(default_factory=dict)
    open: bool = False

    def route(self) -> Route:
        return Route(self.path, self.handler, methods=[self.method])
