"""Each tenant: its context, its extensions, its hotlines' trunks."""

import asyncio
from collections.abc import Mapping

from service.ari.errors import AriNotFound
from service.ari.models import Endpoint
from service.check.finding import Finding, fail, ok, some, warn
from service.check.look import Look
from service.check.probe import Probe
from service.tenants import Tenant

TECHNOLOGY = "PJSIP"
RELOAD = "module reload res_pjsip.so"
Endpoints = Mapping[str, Endpoint]


async def check(look: Look, seen: Probe) -> list[Finding]:
    """Every tenant of the tenants file."""
    if not look.tenants.all:
        remedy = f'in {look.settings.tenants}: [[tenant]] and domain = "<its domain>", as the README shows'
        return [warn("tenants", f"{look.settings.tenants} has none, so nobody can use the API", remedy)]
    endpoints = {one.resource: one for one in await look.ari.endpoints_list(TECHNOLOGY)}
    return [one for tenant in look.tenants.all for one in await _tenant(look, seen, tenant, endpoints)]


async def _tenant(look: Look, seen: Probe, tenant: Tenant, endpoints: Endpoints) -> list[Finding]:
    if not tenant.enabled:
        return [ok(f"tenant {tenant.domain}", "disabled, so not looked at")]
    return [
        *_tokens(look, tenant),
        await _context(look, seen, tenant),
        *await _extensions(look, seen, tenant, endpoints),
        *_trunks(look, tenant, endpoints),
    ]


def _tokens(look: Look, tenant: Tenant) -> list[Finding]:
    if tenant.tokens:
        return []
    remedy = f'in {look.settings.tenants}, [[tenant]] {tenant.domain}: tokens = ["sha256:…"]'
    text = "no token, so nobody can use the API for it"
    return [warn(f"tenant {tenant.domain}", text, f"{remedy}, as `python -m service token` prints it")]


async def _context(look: Look, seen: Probe, tenant: Tenant) -> Finding:
    subject = f"context {tenant.domain}"
    if await seen.exists(tenant.domain):
        return ok(subject, "is in the dialplan")
    line = f"exten => _1XX,1,Dial(PJSIP/${{EXTEN}}@{tenant.domain},60), or whatever places its calls"
    remedy = look.put("extensions.conf", tenant.domain, line, "dialplan reload")
    return fail(subject, "is not in the dialplan, so no call of the tenant can be made or transferred", remedy)


async def _extensions(look: Look, seen: Probe, tenant: Tenant, endpoints: Endpoints) -> list[Finding]:
    subject = f"extensions of {tenant.domain}"
    names = sorted(name for name in endpoints if name.partition("@")[2] == tenant.domain)
    if not names:
        line = f"type = endpoint and context = {tenant.domain}, and so on for each phone"
        remedy = look.put("pjsip.conf", f"101@{tenant.domain}", line, RELOAD)
        return [fail(subject, f"no PJSIP endpoint is named <extension>@{tenant.domain}", remedy)]
    problems = [*await _undialled(look, seen, tenant, names), *await _strayed(look, tenant, names)]
    return problems or [ok(subject, f"{len(names)}: {some([name.partition('@')[0] for name in names])}")]


async def _undialled(look: Look, seen: Probe, tenant: Tenant, names: list[str]) -> list[Finding]:
    """The extensions a transfer could not reach."""
    numbers = [name.partition("@")[0] for name in names]
    there = await asyncio.gather(*(seen.exists(tenant.domain, number) for number in numbers))
    missing = [number for number, exists in zip(numbers, there, strict=True) if not exists]
    if not missing:
        return []
    lines = " and ".join(f"exten => {number},1,Dial(PJSIP/{number}@{tenant.domain},60)" for number in missing[:1])
    return [
        fail(
            f"extensions of {tenant.domain}",
            f"{some(missing)} cannot be dialled in context {tenant.domain}, so no call can be transferred there",
            look.put("extensions.conf", tenant.domain, lines, "dialplan reload"),
        )
    ]


async def _strayed(look: Look, tenant: Tenant, names: list[str]) -> list[Finding]:
    """The extensions whose own calls begin in a context that is not the tenant's."""
    contexts = await asyncio.gather(*(_context_of(look, name) for name in names))
    strayed = [name for name, context in zip(names, contexts, strict=True) if context not in (None, tenant.domain)]
    if not strayed:
        return []
    text = f"the calls of {some(strayed)} begin in another context than {tenant.domain}"
    remedy = look.put("pjsip.conf", strayed[0], f"context = {tenant.domain}", RELOAD)
    return [warn(f"extensions of {tenant.domain}", text, remedy)]


async def _context_of(look: Look, endpoint: str) -> str | None:
    """The context the endpoint's calls begin in; None when Asterisk does not show it."""
    try:
        return (await look.ari.asterisk_get_object("res_pjsip", "endpoint", endpoint)).get("context")
    except AriNotFound:
        return None


def _trunks(look: Look, tenant: Tenant, endpoints: Endpoints) -> list[Finding]:
    by_trunk: dict[str, list[str]] = {}
    for number, hotline in tenant.hotlines.items():
        by_trunk.setdefault(hotline.trunk, []).append(number)
    return [_trunk(look, tenant, trunk, numbers, endpoints) for trunk, numbers in by_trunk.items()]


def _trunk(look: Look, tenant: Tenant, trunk: str, numbers: list[str], endpoints: Endpoints) -> Finding:
    subject = f"trunk {trunk} of {tenant.domain}"
    if trunk not in endpoints:
        known = [name for name in sorted(endpoints) if "@" not in name]
        line = f'"{numbers[0]}" = {{ trunk = "{known[0] if known else "<endpoint>"}" }}'
        remedy = f"in {look.settings.tenants}, [tenant.hotlines] of {tenant.domain}: {line}"
        text = f"no PJSIP endpoint has this name, so {some(numbers)} cannot call out"
        return fail(subject, text, f"{remedy}; or {look.put('pjsip.conf', trunk, 'type = endpoint and so on', RELOAD)}")
    if endpoints[trunk].state == "offline":
        remedy = look.put("pjsip.conf", trunk, "aors = <an aor with a contact that answers>", RELOAD)
        return warn(subject, f"no contact of it can be reached, so {some(numbers)} cannot call out now", remedy)
    return ok(subject, f"is an endpoint; hotlines {some(numbers)}")
