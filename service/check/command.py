"""The command: what it prints and with what it exits."""

import asyncio

from service.check import render
from service.check.run import findings
from service.settings import Settings
from service.tenants import Tenants

JSON = "--json"


def main(settings: Settings, tenants: Tenants, *, as_json: bool) -> int:
    """Prints every finding; 0 when nothing failed, else 1."""
    found = asyncio.run(findings(settings, tenants))
    print(render.as_json(found) if as_json else "\n".join(render.line(one) for one in found))
    return render.exit_status(found)
