"""What the handlers need, put together once at start and found in the application's state."""

from dataclasses import dataclass

from starlette.requests import Request

from service.api.refusals import Refusals
from service.api.rows import Rows
from service.gate import Gate
from service.metrics import Metrics
from service.operations.supervise import Supervising
from service.settings import Settings
from service.switchboard import Switchboard
from service.tenants import Tenant
from service.tokens import Token


@dataclass(frozen=True)
class Context:
    """The parts of one service."""

    settings: Settings
    board: Switchboard
    gate: Gate
    supervising: Supervising
    rows: Rows
    metrics: Metrics
    refusals: Refusals


def context(request: Request) -> Context:
    """The parts of the service that serves this request."""
    found: Context = request.state.context
    return found


def tenant(request: Request) -> Tenant:
    """The tenant that the request's token names."""
    found: Tenant = request.state.tenant
    return found


def token(request: Request) -> Token:
    """What is known of that token; never the token itself."""
    found: Token = request.state.token
    return found
