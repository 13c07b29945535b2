"""GET /v1/call and the verbs of /v1/call/{call_id}."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.api.answers import WORDS, V1Error, v1_failure
from service.api.body import BodyError, ParkBody, TransferBody, read
from service.api.context import context, tenant
from service.api.shapes import Done, Parked
from service.api.table import Handler
from service.calls.record import Side
from service.errors import Refused
from service.log import rebind
from service.operations.park import park
from service.operations.transfer import transfer
from service.settings import FailureStatus, ParkLegs


class LegsError(Exception):
    """`legs` is neither aleg nor bleg."""


async def get_calls(request: Request) -> Response:
    """The tenant's live calls."""
    held = context(request)
    held.board.require_ready()
    listing = held.rows.listing(tenant(request).domain)
    headers = {"ETag": listing.etag}
    if _is_known(listing.etag, request.headers.getlist("if-none-match")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(listing.body, headers=headers, media_type="application/json")


def _is_known(etag: str, held: Sequence[str]) -> bool:
    """Whether If-None-Match, however often it is given, names what the client would get (RFC 9110, 13.1.2)."""
    tags = [tag.strip(" \t").removeprefix("W/") for tag in ",".join(held).split(",")]
    return etag in tags or tags == ["*"]


def verb(*, bare: bool = False) -> Callable[[Handler], Handler]:
    """A handler whose failures are the contract's; `bare` ones tell no code."""

    def wrap(handler: Handler) -> Handler:
        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except (BodyError, LegsError, Refused) as refused:
                error = failure_code(refused)
                if isinstance(refused, Refused):
                    rebind(refused=str(refused) or type(refused).__name__)
            request.state.outcome = str(error)
            always_200 = context(request).settings.failure_status is FailureStatus.OK
            return v1_failure(error, bare=bare, always_200=always_200)

        return answered

    return wrap


def failure_code(error: BodyError | LegsError | Refused) -> V1Error:
    """The contract's code for what is wrong with the request of a verb."""
    if isinstance(error, BodyError):
        return V1Error.DATA_IS_REQUIRED
    return V1Error.LEGS_INVALID if isinstance(error, LegsError) else WORDS[type(error)][1]


@verb()
async def post_transfer(request: Request) -> Response:
    """Moves a leg to another extension."""
    held = context(request)
    defaults = {"legs": str(held.settings.transfer_legs)} if held.settings.transfer_legs else {}
    body = await read(request, TransferBody, **defaults)
    side = _side(body.legs)
    await transfer(held.board, tenant(request), call_reference(request), body.ext, side)
    return JSONResponse(Done(status="success", call_id=call_reference(request), ext=body.ext))


@verb(bare=True)
async def post_park(request: Request) -> Response:
    """Cuts a leg and lets the other wait."""
    held = context(request)
    side = _side((await read(request, ParkBody)).legs)
    cut = side if held.settings.park_legs is ParkLegs.CUT else side.other
    await park(held.board, tenant(request), call_reference(request), cut, held.settings.park_seconds)
    return JSONResponse(Parked(status="success", call_id=call_reference(request)))


def call_reference(request: Request) -> str:
    """What the path names, percent-decoded once; what is not UTF-8 becomes what no id has."""
    return unquote(request.path_params["call_id"], errors="replace")


def _side(legs: str) -> Side:
    try:
        return Side(legs)
    except ValueError as error:
        raise LegsError(legs) from error
