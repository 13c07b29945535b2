"""POST /v1/call/{call_id}/listen, whisper and barge; what is refused stands in the audit log too."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.api.body import BodyError, NotTaken, SuperviseBody, TooLarge, TooSlow, read
from service.api.calls import call_reference, failure_code, verb
from service.api.context import by, context, tenant
from service.api.shapes import Done
from service.api.table import Handler
from service.audit.entry import Entry, Event
from service.calls.supervision import Mode
from service.errors import Refused

WORDS: dict[type[NotTaken], str] = {TooLarge: "TOO_LARGE", TooSlow: "TOO_SLOW"}


def supervise(mode: Mode) -> Handler:
    """The handler of one of them."""

    @verb()
    async def post_supervise(request: Request) -> Response:
        held = context(request)
        asked = refusal(request, mode)
        try:
            body = await read(request, SuperviseBody)
            asked = replace(asked, supervisor=body.ext)
            await held.supervising.supervise(tenant(request), call_reference(request), body.ext, mode, by(request))
        except NotTaken as error:
            await held.trail.refused(asked, WORDS[type(error)])
            raise
        except (BodyError, Refused) as error:
            await held.trail.refused(asked, failure_code(error))
            raise
        return JSONResponse(Done(status="success", call_id=call_reference(request), ext=body.ext))

    return post_supervise


def refusal(request: Request, mode: str) -> Entry:
    """What the client asked for, as far as its path and token tell."""
    who = by(request)
    return Entry(
        Event.REFUSED,
        tenant=tenant(request).domain,
        mode=mode,
        call=call_reference(request),
        token=who.token,
        request=who.request,
    )
