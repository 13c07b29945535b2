"""What the handlers need, put together once at start and found in the application's state."""

from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request

from service.api.refusals import Refusals
from service.api.rows import Rows
from service.audit.entry import By
from service.audit.trail import Trail
from service.gate import Gate
from service.log import bound
from service.metrics import Metrics
from service.operations.supervise import Supervising
from service.pace import Pace
from service.settings import Settings
from service.switchboard import Switchboard
from service.tenants import Tenant
from service.tokens import Token

WARNING_SECONDS = 60.0  # between two lines about too many connections


@dataclass(frozen=True)
class Context:
    """The parts of one service."""

    settings: Settings
    board: Switchboard
    gate: Gate
    supervising: Supervising
    trail: Trail
    rows: Rows
    metrics: Metrics
    refusals: Refusals
    crowding: Pace = field(default_factory=partial(Pace, 1, WARNING_SECONDS))  # of lines about connections closed


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


def by(request: Request) -> By:
    """On whose request something is done, for the audit log."""
    return By(token(request).name, bound("request"))
