"""`python -m service` serves the API; `token` makes a token, `check` looks whether Asterisk fits."""

import asyncio
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial

import uvicorn

from service import __version__, log
from service.api.connection import Connection
from service.api.server import Server
from service.app import create_app
from service.audit.file import AuditFile
from service.check import command as check
from service.settings import LogFormat, Settings, SettingsError, load, refuse_well_known
from service.tenants import TenantBook, Tenants, TenantsError
from service.tokens import hash_token, new_token

KEEP_ALIVE_SECONDS = 80  # clients' pools keep idle connections up to 75 s; closing sooner races their next request
SHUTDOWN_SECONDS = 6  # a request that waits for Asterisk is answered after 5; Docker and systemd kill after 10
BACKLOG = 100  # connections taken in at one go, each of them an open file before it is counted
HEAD_BYTES = 256 * 1024  # an absurdly long call id is answered by the contract, not by the parser
USAGE = f"usage: python -m service [token | check [{check.JSON}]]"


def main(arguments: list[str]) -> int:
    """Does what the command line asks; the exit status."""
    if arguments == ["token"]:
        return print_token()
    if arguments not in ([], ["check"], ["check", check.JSON]):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        settings = load()
        tenants = TenantBook(settings.tenants)
        if not arguments:
            refuse_well_known(settings)
    except (SettingsError, TenantsError) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments:
        return check.main(settings, tenants.current, as_json=check.JSON in arguments)
    return serve(settings, tenants)


def print_token() -> int:
    """Prints a new token for the client and its hash for the tenants file."""
    token = new_token()
    print(f"token, for the client:          {token}")
    print(f"hash, for the tenants file:     {hash_token(token)}")
    return 0


def serve(settings: Settings, tenants: TenantBook) -> int:
    """Serves until SIGINT or SIGTERM; SIGHUP reads the tenants again."""
    log.configure(settings.log_level, tenants.knows, as_json=settings.log_format is LogFormat.JSON)
    signal.signal(signal.SIGHUP, partial(soon, partial(reload, tenants, AuditFile(settings.audit_log))))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    zone = settings.timezone or datetime.now().astimezone().tzname()
    log.logger.info(
        "Patchbay %s: application %s on %s, %d tenants from %s, times in %s",
        __version__,
        settings.app,
        settings.ari_url,
        len(tenants.current.all),
        tenants.path,
        zone,
    )
    tell_limits(tenants.current)
    server = Server(config(settings, tenants))
    try:
        server.run()
    except SystemExit as asked:  # our own, or uvicorn could not start and has said why
        return 1 if asked.code else 0
    return 0 if server.started else 1


def tell_limits(tenants: Tenants) -> None:
    """Says who may call any number outside, so that nobody has it so without knowing; and who may call none."""
    if not tenants.outbound.enabled:
        log.logger.warning("calls outside are stopped for all tenants")
    open_to_all = [tenant.domain for tenant in tenants.all if tenant.outbound.allow is None]
    if open_to_all:
        log.logger.warning(
            "any number may be called outside by %s; [tenant.outbound] can limit it", ", ".join(open_to_all)
        )
    for tenant in tenants.all:
        if not tenant.outbound.enabled:
            log.logger.warning("calls outside are stopped", extra={"ids": {"tenant": tenant.domain}})


def end(*_: object) -> None:
    """What is left of a signal to end: uvicorn obeys it in an orderly way and then raises it once more."""
    raise SystemExit(0)


def config(settings: Settings, tenants: TenantBook) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        create_app(settings, tenants),
        host=settings.host,
        port=settings.port,
        http=Connection,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def soon(work: Callable[[], None], *_: object) -> None:
    """Does it after what a signal has interrupted, which can be the same work, and would undo it."""
    try:
        asyncio.get_running_loop().call_soon_threadsafe(work)
    except RuntimeError:  # nothing is served yet, or any more
        work()


def reload(tenants: TenantBook, audit: AuditFile) -> None:
    """Reads the tenants again; a file that is wrong changes nothing. Makes the audit log anew that was renamed."""
    try:
        audit.prove()
    except OSError as error:
        log.logger.error("nobody can supervise until %s can be written: %s", audit.path, error)
    try:
        tenants.reload()
    except TenantsError as error:
        log.logger.error("the tenants stay as they were: %s", error)
    else:
        log.logger.info("tenants read again: %d", len(tenants.current.all))
        tell_limits(tenants.current)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
