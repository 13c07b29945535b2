"""All checks, in the order an operator would mend things."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from service.ari.client import AriClient
from service.ari.errors import AriError
from service.check import (
    channels,
    clock,
    configuration,
    connection,
    dialplan,
    events,
    modules,
    passwords,
    tenants,
    version,
)
from service.check.events import Hearing, hearing
from service.check.finding import Finding, Level, ok, unseen
from service.check.look import Look
from service.check.probe import Probe, probe
from service.metrics import Metrics
from service.settings import Settings
from service.tenants import Tenants

Check = Callable[[Look], Awaitable[list[Finding]]]
EventCheck = Callable[[Look, Hearing], Awaitable[list[Finding]]]
ProbeCheck = Callable[[Look, Probe], Awaitable[list[Finding]]]

# Each by what it is called when it cannot be done.
PLAIN: tuple[tuple[str, Check], ...] = (
    (version.SUBJECT, version.check),
    (modules.SUBJECT, modules.check),
    (configuration.CHANNELVARS_SUBJECT, configuration.channelvars),
    (configuration.TRIGGER_SUBJECT, configuration.overload_trigger),
    (clock.CLOCK_SUBJECT, clock.check),
    (passwords.SUBJECT, passwords.check),
    (events.APP_SUBJECT, events.application),
    (channels.SUBJECT, channels.check),
)
PROBING: tuple[tuple[str, ProbeCheck], ...] = (
    (dialplan.CONTEXTS_SUBJECT, dialplan.contexts),
    ("tenants", tenants.check),
)
HEARING: tuple[tuple[str, EventCheck], ...] = (
    (dialplan.DECLINED_SUBJECT, dialplan.declined),
    (dialplan.MUSIC_SUBJECT, dialplan.music),
)

# Said rather than guessed.
BEYOND = ok(
    "not looked at",
    "whether inbound numbers and shared trunks name their tenant (patchbay-tenant), and whether audio passes the "
    "firewall: ARI cannot tell, a call in each direction can",
)


async def findings(settings: Settings, book: Tenants) -> list[Finding]:
    """Everything that can be said of this Asterisk."""
    zone = clock.zone(settings)
    password = settings.ari_password.get_secret_value()
    async with AriClient(settings.ari_url, settings.ari_user, password, Metrics()) as ari:
        reached = await connection.check(ari, settings)
        if reached.level is not Level.OK:
            return [reached, zone, unseen("everything else", "ARI has to answer first")]
        look = Look(ari, settings, book, await _folder(ari))
        return [reached, *await _all(look), zone, BEYOND]


async def _folder(ari: AriClient) -> str:
    with suppress(AriError):
        return await ari.asterisk_get_global_var("ASTETCDIR")
    return ""


async def _all(look: Look) -> list[Finding]:
    found = [one for subject, check in PLAIN for one in await _guarded(subject, check(look))]
    try:
        async with hearing(look.ari) as ear:
            return [*found, *await _heard(look, ear)]
    except AriError as error:
        return [*found, events.closed(look, error), _deaf()]


async def _heard(look: Look, ear: Hearing) -> list[Finding]:
    found = await _guarded(events.ECHO_SUBJECT, events.echo(look, ear))
    if any(one.level is not Level.OK for one in found):
        return [*found, _deaf()]
    found += await _probed(look, ear)
    for subject, check in HEARING:
        found += await _guarded(subject, check(look, ear))
    return found


def _deaf() -> Finding:
    return unseen(", ".join(subject for subject, _ in (*PROBING, *HEARING)), "events have to flow first")


async def _probed(look: Look, ear: Hearing) -> list[Finding]:
    try:
        async with probe(look.ari, ear) as seen:
            return [one for subject, check in PROBING for one in await _guarded(subject, check(look, seen))]
    except AriError as error:
        return [unseen(", ".join(subject for subject, _ in PROBING), error)]


async def _guarded(subject: str, check: Awaitable[list[Finding]]) -> list[Finding]:
    """The check's findings, or that it could not be done."""
    try:
        return await check
    except AriError as error:
        return [unseen(subject, error)]
