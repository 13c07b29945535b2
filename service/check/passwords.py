"""Passwords that everybody tries first: the service's own, and those of phones and trunks."""

import asyncio

from service.ari.errors import AriNotFound
from service.check.finding import Finding, fail, ok, some
from service.check.look import Look
from service.wellknown import is_well_known

SUBJECT = "passwords"
TECHNOLOGY = "PJSIP"


async def check(look: Look) -> list[Finding]:
    """All that ARI shows; no password is ever printed."""
    return [*_own(look), *await _sip(look)] or [ok(SUBJECT, "none that everybody knows, of phones, trunks or ARI")]


def _own(look: Look) -> list[Finding]:
    settings = look.settings
    if not is_well_known(settings.ari_password.get_secret_value(), settings.ari_user):
        return []
    text = "PATCHBAY_ARI_PASSWORD is one that everybody knows, so the service will not start"
    return [fail(SUBJECT, text, look.put("ari.conf", settings.ari_user, "password = <a long random one>"))]


async def _sip(look: Look) -> list[Finding]:
    names = sorted(endpoint.resource for endpoint in await look.ari.endpoints_list(TECHNOLOGY))
    weak = await asyncio.gather(*(_is_weak(look, name) for name in names))
    guessed = [name for name, is_weak in zip(names, weak, strict=True) if is_weak]
    if not guessed:
        return []
    text = f"{some(guessed)} can be guessed: whoever registers as one of them calls at your cost"
    return [fail(SUBJECT, text, look.put("pjsip.conf", f"the auth of {guessed[0]}", "password = <a long random one>"))]


async def _is_weak(look: Look, endpoint: str) -> bool:
    """Whether one of the endpoint's passwords is well known; those that are kept as a hash cannot be told."""
    try:
        auths = (await look.ari.asterisk_get_object("res_pjsip", "endpoint", endpoint)).get("auth", "")
        found = [await look.ari.asterisk_get_object("res_pjsip", "auth", name) for name in auths.split(",") if name]
    except AriNotFound:
        return False
    return any(
        is_well_known(one["password"], one.get("username", ""), endpoint) for one in found if one.get("password")
    )
