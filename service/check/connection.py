"""Can ARI be reached, and may this user write?"""

import socket
from contextlib import suppress

import aiohttp
from yarl import URL

from service.ari.client import ANSWER_SECONDS, AriClient
from service.ari.errors import AriError, AriNotFound, AriRefused, AriUnreachable, NotAri
from service.check.finding import Finding, fail, ok, put
from service.settings import Settings

SUBJECT = "ARI"
RELOAD = "module reload res_ari.so"
NOBODY = "patchbay-check-nobody"  # an application that never exists
NO_SUCH_RESOURCE = "Resource not found"  # ARI's own 404, where the resource's module is missing
ACL = "ACL"


async def check(ari: AriClient, settings: Settings) -> Finding:
    """One finding; anything but OK means that nothing more can be asked."""
    try:
        await ari.asterisk_ping()
        with suppress(AriNotFound):
            await ari.events_user_event(NOBODY, NOBODY)
    except NotAri:
        return _no_ari(settings)
    except AriUnreachable as error:
        return _unreachable(settings, error)
    except AriRefused as error:
        return _refused(settings, error)
    except AriError as error:
        return fail(SUBJECT, f"{settings.ari_url}: {error}", "look at Asterisk's log")
    return ok(SUBJECT, f"{settings.ari_url} answers, and user {settings.ari_user} may read and write")


def _unreachable(settings: Settings, error: AriError) -> Finding:
    port = URL(settings.ari_url).port
    lines = f"enabled = yes and bindport = {port}"
    return fail(
        SUBJECT,
        f"no answer at {settings.ari_url} ({_cause(error)})",
        put("http.conf", "general", lines, "module reload http")
        + "; or in .env: PATCHBAY_ARI_URL=http://<address>:<port>/ari, as `http show status` tells them",
    )


def _cause(error: AriError) -> str:
    """What the system says; the client's own words where it is no such error."""
    cause = error.__cause__
    if isinstance(cause, TimeoutError):
        return f"within {ANSWER_SECONDS:.0f} s"
    return str(cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else error)


def _refused(settings: Settings, error: AriRefused) -> Finding:
    judge = {401: _wrong_password, 403: _forbidden, 404: _not_found}.get(error.status)
    if judge is None:
        return fail(SUBJECT, f"{settings.ari_url}: {error}", "look at Asterisk's log")
    return judge(settings, error)


def _wrong_password(settings: Settings, error: AriRefused) -> Finding:
    if not settings.ari_password.get_secret_value():
        return fail(SUBJECT, "no password is set", "in .env: PATCHBAY_ARI_PASSWORD=<the user's, in ari.conf>")
    return fail(
        SUBJECT,
        f"user {settings.ari_user} or its password is refused",
        put("ari.conf", settings.ari_user, "type = user and password = <as in PATCHBAY_ARI_PASSWORD>", RELOAD),
    )


def _forbidden(settings: Settings, error: AriRefused) -> Finding:
    if ACL in str(error):
        return fail(
            SUBJECT,
            f"user {settings.ari_user} may not come from {_own_address(settings)}",
            put("ari.conf", settings.ari_user, f"permit = {_own_address(settings)}", RELOAD)
            + "; below every deny of the section",
        )
    return fail(
        SUBJECT,
        f"user {settings.ari_user} may only read, so no call could be made, moved or supervised",
        put("ari.conf", settings.ari_user, "read_only = no", RELOAD),
    )


def _not_found(settings: Settings, error: AriRefused) -> Finding:
    if NO_SUCH_RESOURCE in str(error):
        return fail(
            SUBJECT,
            "res_ari_asterisk.so is not loaded",
            put("modules.conf", "modules", "load = res_ari_asterisk.so", "module load res_ari_asterisk.so"),
        )
    return _no_ari(settings)


def _no_ari(settings: Settings) -> Finding:
    return fail(
        SUBJECT,
        f"a web server answers at {settings.ari_url}, but ARI does not",
        put("ari.conf", "general", "enabled = yes", RELOAD)
        + "; or, where http.conf has a prefix, in .env: PATCHBAY_ARI_URL=http://<address>:<port>/<prefix>/ari",
    )


def _own_address(settings: Settings) -> str:
    """The address that Asterisk sees us come from, when no proxy is between."""
    url = URL(settings.ari_url)
    try:
        with socket.create_connection((url.host or "", url.port or 0), timeout=2) as probe:
            return str(probe.getsockname()[0])
    except OSError:
        return "<this machine's address>"
