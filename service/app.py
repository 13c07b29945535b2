"""Builds everything once and puts it together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette

from service.addresses import Addresses
from service.api.context import Context
from service.api.faults import HANDLERS
from service.api.middleware import middleware
from service.api.openapi import document
from service.api.refusals import Refusals
from service.api.routes import table
from service.api.rows import Rows
from service.ari.client import AriClient
from service.audit.file import AuditFile
from service.audit.trail import Trail
from service.background import Background
from service.gate import Gate
from service.gauges import LiveNumbers
from service.keeper import Keeper
from service.live import Live
from service.metrics import Metrics
from service.operations.supervise import Supervising
from service.settings import Settings
from service.snooping import Snooping
from service.succession import Succession
from service.switchboard import Switchboard
from service.tenants import TenantBook


def create_app(settings: Settings, tenants: TenantBook) -> Starlette:
    """The application; its lifespan owns the connection to Asterisk and every background task."""
    entries = table(settings)
    about = document(entries)
    metrics = Metrics()
    refusals = Refusals(metrics)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
        password = settings.ari_password.get_secret_value()
        client = AriClient(settings.ari_url, settings.ari_user, password, metrics)
        # Left in this order: what is being done is brought to its end while events still come.
        async with client as ari, Background() as stream, Background() as background:
            live = Live(ari, settings.app)
            metrics.registry.register(LiveNumbers(live, by_tenant=settings.metrics_tenants))
            board = Switchboard(live)
            trail = Trail(AuditFile(settings.audit_log), settings.app, settings.instance_id, metrics)
            await trail.open()
            snooping = Snooping(board, trail)
            addresses = Addresses(live, background)
            rows = Rows(live, addresses, settings.zone)
            addresses.listeners.append(rows.notice_address)
            gate = Gate(board, tenants, background)
            live.preparations += [board.prepare, gate.prepare]
            keeper, succession = Keeper(snooping, tenants, background), Succession(trail, live, background)
            live.listeners += [addresses.notice, rows.notice, gate.notice, keeper.notice, succession.notice]
            loop = asyncio.get_running_loop()
            tenants.listeners.append(partial(loop.call_soon_threadsafe, gate.renew))
            stream.start(live.run(), "the picture")
            supervising = Supervising(snooping)
            held = Context(settings, board, gate, supervising, trail, rows, metrics, refusals)
            yield {"context": held, "document": about}

    app = Starlette(
        routes=[entry.route() for entry in entries],
        middleware=middleware(settings, tenants, entries, metrics, refusals),
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app
