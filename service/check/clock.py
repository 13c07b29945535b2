"""Do the clocks agree, and in which zone will times be given?"""

from datetime import UTC, datetime, timedelta

from service.check.finding import Finding, ok, warn
from service.check.look import Look
from service.settings import Settings

CLOCK_SUBJECT = "clock"
ZONE_SUBJECT = "time zone"
TOLERATED = timedelta(seconds=2)  # created_time has whole seconds


def now() -> datetime:
    """Our clock."""
    return datetime.now(UTC)


async def check(look: Look) -> list[Finding]:
    """Asterisk's clock against ours; calls carry Asterisk's times."""
    before = now()
    theirs = (await look.ari.asterisk_ping()).timestamp
    apart = theirs - (before + (now() - before) / 2)
    seconds = abs(apart.total_seconds())
    if abs(apart) <= TOLERATED:
        return [ok(CLOCK_SUBJECT, f"Asterisk's and ours are {seconds:.1f} s apart")]
    way = "ahead of" if apart > timedelta() else "behind"
    text = f"Asterisk's is {seconds:.0f} s {way} ours, and created_time is Asterisk's"
    return [warn(CLOCK_SUBJECT, text, "on both machines: timedatectl set-ntp true")]


def zone(settings: Settings) -> Finding:
    """The zone of created_time. A system without a zone of its own is most often a container nobody told."""
    here = now().astimezone(settings.zone)
    if settings.timezone:
        return ok(ZONE_SUBJECT, f"created_time is in {settings.timezone}, where it is {here:%F %T}")
    if here.utcoffset():
        return ok(ZONE_SUBJECT, f"created_time is in the system's, {here:%Z}, where it is {here:%F %T}")
    text = f"created_time is in the system's, {here:%Z}, where it is {here:%F %T}"
    return warn(ZONE_SUBJECT, text, "in .env: PATCHBAY_TIMEZONE=Asia/Ho_Chi_Minh, or TZ's name for where you are")
