"""What the audit log says of a call and its supervisor, in the order in which it happens."""

from dataclasses import replace

from service.audit.entry import By, Entry, Event
from service.calls.model import Call, Leg
from service.calls.supervision import Mode, Supervision

CALL_ENDED = "the call ended"
HUNG_UP = "the supervisor hung up"
NEVER_HEARD = "the supervisor never heard the call"
NOT_AUDITED = "the audit log cannot be written"
NO_TONE = "the tone cannot be played"
UNSEEN = "ended unseen"


def rung(key: str, call: Call, leg: Leg, extension: str, mode: Mode, by: By) -> Entry:
    """A supervisor is about to be rung."""
    return Entry(
        Event.RUNG,
        tenant=call.domain,
        supervisor=extension,
        mode=mode,
        call=call.id,
        leg=leg.id,
        source=call.source,
        destination=call.destination,
        key=key,
        token=by.token,
        request=by.request,
    )


def mode_changed(supervision: Supervision, call: Call, leg: str, mode: Mode, by: By) -> Entry:
    """A supervisor who is there, or rings, is about to get another mode, or to hear another leg."""
    return replace(_now(Event.MODE, supervision, call, leg, mode), token=by.token, request=by.request)


def goes_on(
    event: Event, supervision: Supervision, call: Call | None, leg: str, mode: Mode, last: Entry | None
) -> Entry:
    """What happens without a request, under the name of the last request about it that is known."""
    asked = last or Entry(event)
    return replace(_now(event, supervision, call, leg, mode), token=asked.token, request=asked.request)


def _now(event: Event, supervision: Supervision, call: Call | None, leg: str, mode: Mode) -> Entry:
    target = supervision.target
    return Entry(
        event,
        tenant=target.domain,
        supervisor=target.extension,
        mode=mode,
        call=call.id if call else target.call_id,
        leg=leg,
        source=call.source if call else "",
        destination=call.destination if call else "",
        key=supervision.key,
    )
