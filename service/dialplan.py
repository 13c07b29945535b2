"""The names that the service shares with `asterisk/conf/patchbay.conf`, and the variables each context reads."""

from collections.abc import Mapping

from service.calls.model import PARK_BRIDGE
from service.calls.record import CallRecord, LegRecord, Side

RING = "Local/ring@patchbay-ring"
REDIRECT = "Local/redirect@patchbay-redirect/n"
DIAL_CONTEXT = "patchbay-dial"
PARK_CONTEXT = "patchbay-park"
PARK_BRIDGE_PREFIX = PARK_BRIDGE
POLICY = "Local/write@patchbay-policy/n"
RECEIPT = "PatchbayRedirect"
MOVED = "SHARED(PATCHBAY_MOVED)"  # on a moved leg: the id of the redirect that moved it
GATE_RECEIPT = "PatchbayGate"
POLICY_RECEIPT = "PatchbayPolicy"
EVERYBODY = "*"  # in place of a domain: what holds for all tenants

# Unasked, a Local channel takes 192 kHz. The phone behind it would have that rate one way and its own the other, and
# a leg that mixes rates loses what is whispered to it when one Snoop on it takes the place of another. Signed linear
# would mend that and silence the music of a park. Both seen on Asterisk 22.10.1.
FORMATS = "alaw,ulaw"
RING_SECONDS = 65  # a little more than the Dial() in patchbay-ring, which is to end first

Variables = Mapping[str, str]


def due(seconds: float) -> Variables:
    """For patchbay-ring and patchbay-redirect: from when on (Asterisk's seconds of the epoch) they refuse to begin."""
    return {"PATCHBAY_DUE": str(int(seconds))}


def ring(extension: str, domain: str, show: str, side: Side | None) -> Variables:
    """For patchbay-ring: whose phones ring, which number they show, the side their leg has in the call."""
    return {
        "PATCHBAY_ENDPOINT": f"{extension}@{domain}",
        "PATCHBAY_SHOW": show,
        "PATCHBAY_SIDE": side or "",
    }


def dial_inside(record: CallRecord) -> Variables:
    """For patchbay-dial: an extension is called; every leg carries the record."""
    return {
        "PATCHBAY_DOMAIN": record.domain,
        "PATCHBAY_CALLERID": record.source,
        "PATCHBAY_TRUNK": "",
        **carried(record),
    }


def dial_outside(record: CallRecord, hotline: str, trunk: str) -> Variables:
    """For patchbay-ring and patchbay-dial: a number is called; the legs carry the record once the gate is passed."""
    return {
        "PATCHBAY_DOMAIN": record.domain,
        "PATCHBAY_CALLERID": hotline,
        "PATCHBAY_TRUNK": trunk,
        "PATCHBAY_NUMBER": record.destination,
        "PATCHBAY_RECORD": record.render(),
    }


def carried(record: CallRecord) -> Variables:
    """What makes every channel one of the tenant's call from the start."""
    return {"__PATCHBAY_CALL": record.render()}


def policy(receipt: str, whose: str, limits: str) -> Variables:
    """For patchbay-policy: the limits as the gate reads them, and whose they are."""
    return {"PATCHBAY_ID": receipt, "PATCHBAY_TENANT": whose, "PATCHBAY_POLICY": limits}


def redirect(
    receipt: str,
    channel: str,
    record: CallRecord,
    leg: LegRecord,
    *,
    release: str,
    pause: float,
    park_seconds: int,
    context: str,
    exten: str,
    most_calls: int,
) -> Variables:
    """For patchbay-redirect: which channel goes where, what it carries from then on, which channel is let go.

    `most_calls`: how many calls Asterisk holds at most, 0 when that does not matter.
    """
    return {
        "PATCHBAY_ID": receipt,
        "PATCHBAY_CHANNEL": channel,
        "PATCHBAY_RECORD": record.render(),
        "PATCHBAY_LEG": leg.render(),
        "PATCHBAY_RELEASE": release,
        "PATCHBAY_PAUSE": str(pause),
        "PATCHBAY_SECONDS": str(park_seconds),
        "PATCHBAY_DOMAIN": record.domain,
        "PATCHBAY_CONTEXT": context,
        "PATCHBAY_EXTEN": exten,
        "PATCHBAY_MOST_CALLS": str(most_calls),
    }
