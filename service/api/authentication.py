"""Whose request it is, and whether its token may do what it asks."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.answers import http_failure, under_api
from service.api.refusals import Reason, Refusals, source_of
from service.log import rebind
from service.tenants import Grant, TenantBook
from service.tokens import Scope as TokenScope
from service.tokens import Token


class Authentication:
    """The token alone decides the tenant; without one there is nothing here, not even a 404."""

    def __init__(
        self, app: ASGIApp, tenants: TenantBook, open_paths: Collection[str], instance_id: str, refusals: Refusals
    ) -> None:
        self.app = app
        self.tenants = tenants
        self.open_paths = open_paths
        self.instance_id = instance_id
        self.refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.open_paths:
            return await self.app(scope, receive, send)
        token = bearer(Headers(scope=scope))
        grant = self.tenants.current.by_token(token) if token else None
        if grant:
            rebind(tenant=grant.tenant.domain, token=grant.token.name)
        if wrong := self._wrong(token, grant, scope["path"]):
            return await self._refuse(wrong, scope, receive, send)
        assert grant
        scope["state"]["tenant"], scope["state"]["token"] = grant.tenant, grant.token
        await self.app(scope, receive, send)

    def _wrong(self, token: str, grant: Grant | None, path: str) -> Reason | None:
        """Why there is no access; None when there is."""
        if not token:
            return Reason.MISSING
        if grant is None:
            return Reason.UNKNOWN
        if grant.token.has_expired(self.tenants.now()):
            return Reason.EXPIRED
        return None if grant.tenant.enabled or under_api(path) else Reason.DISABLED

    async def _refuse(self, reason: Reason, scope: Scope, receive: Receive, send: Send) -> None:
        """The same for every reason."""
        source = source_of(scope.get("client"))
        self.refusals.note(reason, source)
        if await self.refusals.turn(source):
            answer = http_failure(scope["path"], self.instance_id, 401, {"WWW-Authenticate": "Bearer"})
        else:
            answer = http_failure(scope["path"], self.instance_id, 429, {"Retry-After": "1"})
        await answer(scope, receive, send)


def bearer(headers: Headers) -> str:
    """The request's token; "" for none, for two, and for another scheme's."""
    given = headers.getlist("authorization")
    if len(given) != 1:
        return ""
    scheme, _, token = given[0].partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""


class Forbidden(Exception):
    """The token has not the scope that the route needs."""

    def __init__(self, needed: TokenScope) -> None:
        super().__init__(needed)
        self.needed = needed


class Scoped:
    """Around a route: asks for a scope before a byte of the body is read or a call is looked up."""

    def __init__(self, app: ASGIApp, needed: TokenScope) -> None:
        self.app = app
        self.needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token: Token = scope["state"]["token"]
        if not token.may(self.needed):
            raise Forbidden(self.needed)
        await self.app(scope, receive, send)
