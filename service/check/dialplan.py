"""patchbay.conf is in the dialplan, music is there, and variables raise no events."""

from service.check.events import Hearing
from service.check.finding import Finding, fail, ok, some, unseen, warn
from service.check.look import Look
from service.check.probe import CONTEXT as MUSIC_CONTEXT
from service.check.probe import Probe, probe

CONTEXTS_SUBJECT = "patchbay.conf"
MUSIC_SUBJECT = "music on hold"
DECLINED_SUBJECT = "declined messages"
CONTEXTS = (
    "patchbay-ring",
    "patchbay-forward",
    "patchbay-callee",
    "patchbay-contacts",
    "patchbay-phone",
    "patchbay-sent-on",
    "patchbay-dial",
    "patchbay-tenant",
    "patchbay-gate",
    "patchbay-refuse",
    "patchbay-rules",
    "patchbay-count",
    "patchbay-policy",
    "patchbay-redirect",
    "patchbay-move",
    "patchbay-park",
    MUSIC_CONTEXT,
)
INCLUDE = '#include "patchbay.conf"'


async def contexts(look: Look, seen: Probe) -> list[Finding]:
    """All of patchbay.conf's contexts are in the dialplan."""
    missing = [name for name in CONTEXTS if not await seen.exists(name)]
    if not missing:
        return [ok(CONTEXTS_SUBJECT, f"all {len(CONTEXTS)} contexts are in the dialplan")]
    return [
        fail(
            CONTEXTS_SUBJECT,
            f"not in the dialplan: {some(missing, len(CONTEXTS))}",
            f"in {look.path('extensions.conf')}, first line: {INCLUDE}, with this release's "
            "asterisk/conf/patchbay.conf beside it; then, on Asterisk's console: dialplan reload",
        )
    ]


async def music(look: Look, ear: Hearing) -> list[Finding]:
    """Class `default` has something to play."""
    async with probe(look.ari, ear) as heard:
        if not await heard.exists(MUSIC_CONTEXT):
            return [unseen(MUSIC_SUBJECT, f"only {MUSIC_CONTEXT} in patchbay.conf can tell")]
        if await heard.plays_music():
            return [ok(MUSIC_SUBJECT, "class default plays")]
    lines = "mode = files and directory = <a folder with sound files that Asterisk can read>"
    return [
        fail(
            MUSIC_SUBJECT,
            "class default has nothing to play, so a parked caller hears silence",
            look.put("musiconhold.conf", "default", lines, "moh reload"),
        )
    ]


async def declined(look: Look, ear: Hearing) -> list[Finding]:
    """Asterisk spares itself the event of every variable set, some fifty a call."""
    async with probe(look.ari, ear) as asked:
        told = await asked.tells_variables()
    if not told:
        return [ok(DECLINED_SUBJECT, "setting a variable makes no event")]
    return [
        warn(
            DECLINED_SUBJECT,
            "each variable set makes an event, which costs CPU at every call; right where AMI clients read VarSet",
            look.put(
                "stasis.conf",
                "declined_message_types",
                "decline = ast_channel_varset_type",
                "core restart when convenient",
            ),
        )
    ]
