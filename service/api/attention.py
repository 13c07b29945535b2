"""While a request is served the picture is as Asterisk has told it by then, and keeps up with it."""

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.context import Context


class Attended:
    """Around a route: whoever asks is not shown what the reader of events has left for later."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: Context = scope["state"]["context"]
        async with held.board.live.attended():
            await self.app(scope, receive, send)
