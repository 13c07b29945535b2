"""What ARI tells of ari.conf and pjsip.conf as they were loaded."""

from service.ari.errors import AriNotFound
from service.calls.reduce import CHANNELVARS
from service.check.finding import Finding, fail, ok, unseen, warn
from service.check.look import Look

CHANNELVARS_SUBJECT = "channelvars"
TRIGGER_SUBJECT = "overload trigger"
TRIGGER = "taskprocessor_overload_trigger = pjsip_only"
SAFE_TRIGGERS = ("pjsip_only", "none")


async def channelvars(look: Look) -> list[Finding]:
    """Every channel tells the service what it has to know."""
    remedy = look.put("ari.conf", "general", f"channelvars = {','.join(CHANNELVARS)}", "module reload res_ari.so")
    try:
        general = await look.ari.asterisk_get_object("res_ari", "general", "general")
    except AriNotFound:
        return [unseen(CHANNELVARS_SUBJECT, "this Asterisk does not show its ari.conf", remedy)]
    told = {name.strip() for name in general.get("channelvars", "").split(",")}
    missing = [name for name in CHANNELVARS if name not in told]
    if missing:
        text = f"{', '.join(missing)} missing, so calls cannot be told apart or keep their ids"
        return [fail(CHANNELVARS_SUBJECT, text, remedy)]
    return [ok(CHANNELVARS_SUBJECT, ", ".join(CHANNELVARS))]


async def overload_trigger(look: Look) -> list[Finding]:
    """A busy part of Asterisk that is not SIP does not make SIP deaf."""
    try:
        section = await look.ari.asterisk_get_object("res_pjsip", "global", "global")
    except AriNotFound:
        text = "no section [global] in pjsip.conf to be seen; if there is none, the value is `global`"
        return [warn(TRIGGER_SUBJECT, text, _trigger(look, f"type = global and {TRIGGER}"))]
    value = section.get("taskprocessor_overload_trigger", "global")
    if value in SAFE_TRIGGERS:
        return [ok(TRIGGER_SUBJECT, f"taskprocessor_overload_trigger = {value}")]
    text = f"taskprocessor_overload_trigger = {value}: a jam anywhere in Asterisk makes it ignore every phone"
    return [warn(TRIGGER_SUBJECT, text, _trigger(look, TRIGGER))]


def _trigger(look: Look, line: str) -> str:
    return look.put("pjsip.conf", "global", line, "module reload res_pjsip.so")
