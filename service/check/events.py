"""Do events reach us? And is the application's name free?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import aiohttp

from service.ari.client import AriClient
from service.ari.errors import AriError
from service.ari.models import Event
from service.ari.stream import Told, open_stream
from service.check.finding import Finding, fail, ok, warn
from service.check.look import Look
from service.ids import new_key
from service.settings import Settings
from service.waiting import Expectations, Match, application_event

ECHO_SUBJECT = "event path"
APP_SUBJECT = "application"
ECHO_SECONDS = 2.0
READY_SECONDS = 1.0


class Hearing:
    """An application of its own, which goes with its socket, and the events that reached it."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.heard: list[Event] = []
        self.expectations = Expectations()

    def take(self, events: Sequence[Told]) -> None:
        """Events have come."""
        for event in events:
            if isinstance(event, Event):
                self.heard.append(event)
                self.expectations.tell(event)

    async def hear(self, match: Match, seconds: float) -> bool:
        """Whether such an event has come or comes within the time."""
        with self.expectations.expect(match) as coming:
            if any(match(event) is not None for event in self.heard):
                return True
            try:
                await asyncio.wait_for(coming, seconds)
            except TimeoutError:
                return False
            return True


@asynccontextmanager
async def hearing(ari: AriClient) -> AsyncIterator[Hearing]:
    """Registers the application. Raises AriUnreachable when the event stream cannot be opened."""
    ear = Hearing(f"patchbay-check-{new_key()}")
    async with open_stream(ari, ear.app) as socket:

        async def read() -> None:
            with suppress(AriError):  # whoever waits for an event sees that none comes
                await socket.hand_on(ear.take)

        reader = asyncio.create_task(read())
        try:
            yield ear
        finally:
            reader.cancel()


def closed(look: Look, error: AriError) -> Finding:
    """What is to be said when the stream cannot even be opened."""
    remedy = look.put("http.conf", "general", "sessionlimit = 200", "module reload http")
    return fail(ECHO_SUBJECT, f"{error}", f"{remedy}; a proxy in between has to let WebSockets through")


async def echo(look: Look, ear: Hearing) -> list[Finding]:
    """An event sent to ourselves comes back."""
    name = f"patchbay_{new_key()}"
    started = asyncio.get_running_loop().time()
    await look.ari.events_user_event(ear.app, name)
    if await ear.hear(application_event(name), ECHO_SECONDS):
        passed = asyncio.get_running_loop().time() - started
        return [ok(ECHO_SUBJECT, f"an event to ourselves came back in {passed * 1000:.0f} ms")]
    return [
        fail(
            ECHO_SUBJECT,
            f"the stream is open, but an event to ourselves did not come back within {ECHO_SECONDS:.0f} s",
            "in .env: PATCHBAY_ARI_URL=<Asterisk itself, no proxy in between>; if it is that already, Asterisk's "
            "event system hangs, on its console: core restart now",
        )
    ]


async def application(look: Look) -> list[Finding]:
    """Nobody else uses the service's own application."""
    app = look.settings.app
    if app not in [one.name for one in await look.ari.applications_list()]:
        return [ok(APP_SUBJECT, f"{app} is free")]
    if await _serves(look.settings):
        return [ok(APP_SUBJECT, f"{app} is used, and a service is ready on port {look.settings.port}")]
    return [
        warn(
            APP_SUBJECT,
            f"another process uses {app}; the two would take each other's events",
            f"in .env of one of them: PATCHBAY_APP={app}-2",
        )
    ]


async def _serves(settings: Settings) -> bool:
    """Whether the service of these very settings is up: then it is the one that uses the application."""
    url = f"http://{settings.host}:{settings.port}/ready"
    try:
        timeout = aiohttp.ClientTimeout(total=READY_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
