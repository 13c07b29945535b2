"""POST /api/click2call."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.api.answers import SUCCESS, WORDS, ApiError, api_failure, envelope
from service.api.body import BodyError, ClickToCallBody, read
from service.api.context import context, tenant
from service.errors import Refused, Unavailable
from service.log import rebind
from service.operations.click_to_call import Click, click_to_call, dialable


async def post_click2call(request: Request) -> Response:
    """Answers as soon as the extension is being rung."""
    held = context(request)
    instance_id = held.settings.instance_id
    try:
        body = await read(request, ClickToCallBody)
    except BodyError:
        return _failed(request, ApiError.DATA_IS_REQUIRED)
    number = dialable(body.phone_number)
    if number is None:
        return _failed(request, ApiError.DATA_IS_REQUIRED)
    if not tenant(request).enabled:
        return _failed(request, ApiError.TENANT_INVALID)
    try:
        call_id = await click_to_call(
            held.board, held.gate, tenant(request), Click(body.extension, body.hotline, number)
        )
    except Refused as refused:
        rebind(refused=str(refused) or type(refused).__name__)
        return _failed(request, WORDS[type(refused)][0], 503 if isinstance(refused, Unavailable) else 200)
    rebind(call=call_id)
    return JSONResponse(envelope(instance_id, SUCCESS, {"call_uuid": call_id}))


def _failed(request: Request, error: ApiError, status: int = 200) -> Response:
    request.state.outcome = str(error)
    return api_failure(context(request).settings.instance_id, error, status)
