"""Can Asterisk tell of every channel, or does one hold what is no UTF-8?"""

from service.check.finding import Finding, fail, ok, some
from service.check.look import Look
from service.log import safe
from service.snapshot import take

SUBJECT = "channels"
DIGITS = 'GotoIf($[${REGEX("^[+]?[0-9]+$" ${EXTEN})} = 0]?<where nobody answers>)'


async def check(look: Look) -> list[Finding]:
    """One finding."""
    told = await take(look.ari)
    if not told.hidden:
        return [ok(SUBJECT, f"Asterisk can tell of all {len(told.channels)} that are there now")]
    names = [f"{safe(name)} ({safe(channel)})" for channel, name in sorted(told.hidden.items())]
    return [
        fail(
            SUBJECT,
            f"{some(names)}: the extension, or what the application was given, is no UTF-8, so this call is not listed",
            f"in {look.path('extensions.conf')}, first in every pattern that ends in . or !: {DIGITS}",
        )
    ]
