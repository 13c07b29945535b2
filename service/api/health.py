"""For whoever supervises the process: is it there, and can it be relied on?"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.api.context import context
from service.api.shapes import Health


async def get_live(request: Request) -> Response:
    """The process answers."""
    return JSONResponse(Health(status="live"))


async def get_ready(request: Request) -> Response:
    """Events flow and the picture of calls is complete."""
    if context(request).board.live.ready:
        return JSONResponse(Health(status="ready"))
    return JSONResponse(Health(status="not ready"), 503)
