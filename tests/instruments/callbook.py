"""What a phone's events say: its calls, who rang it, how calls ended, whether it is registered."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.instruments.control import Event, PhoneError


class State(StrEnum):
    """Where a call of the phone stands."""

    RINGING = "rings here"
    DIALLING = "dialling"
    ALERTING = "rings there"
    TALKING = "talking"


@dataclass(frozen=True)
class Ring:
    """One INVITE that rang the phone: `number` and `display` are what a user would have seen."""

    call_id: str
    number: str
    display: str
    at: float
    """time.monotonic() of its arrival."""


@dataclass(frozen=True)
class Call:
    """A live call; `answers` counts the answers to INVITEs of ours in it: the first, holds, resumes."""

    call_id: str
    state: State
    peer: str
    answers: int = 0


@dataclass(frozen=True)
class Ended:
    """A call that is over; `reason` begins with the SIP status where there was one, as in `486 Busy Here`."""

    call_id: str
    reason: str


STATES = {
    "CALL_INCOMING": State.RINGING,
    "CALL_RINGING": State.ALERTING,
    "CALL_PROGRESS": State.ALERTING,
    "CALL_ESTABLISHED": State.TALKING,
}


class CallBook:
    """Written by the control's reader alone, read by any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: dict[str, Call] = {}
        self._rings: list[Ring] = []
        self._ended: list[Ended] = []
        self._transfer_failure = ""
        self._registration = ""

    @property
    def calls(self) -> list[Call]:
        """The live calls, oldest first."""
        with self._changed:
            return list(self._calls.values())

    @property
    def rings(self) -> list[Ring]:
        """Every INVITE since the start, oldest first."""
        with self._changed:
            return list(self._rings)

    @property
    def ended(self) -> list[Ended]:
        """Every ended call since the start, oldest first."""
        with self._changed:
            return list(self._ended)

    @property
    def registration(self) -> str:
        """`OK`, or what the registrar said, or nothing yet."""
        return self._registration

    @property
    def transfer_failure(self) -> str:
        """Why the last transfer failed; empty when none has."""
        return self._transfer_failure

    def dialled(self, call_id: str, peer: str) -> None:
        """A call was just begun here; its events may have been first."""
        with self._changed:
            if all(ended.call_id != call_id for ended in self._ended):
                self._calls.setdefault(call_id, Call(call_id, State.DIALLING, peer))
            self._changed.notify_all()

    def apply(self, event: Event) -> None:
        """Take one event of baresip in."""
        kind = str(event.get("type", ""))
        with self._changed:
            if kind.startswith("REGISTER_"):
                self._registration = "OK" if kind == "REGISTER_OK" else str(event.get("param", "failed"))
            elif kind == "TRANSFER_FAILED":
                self._transfer_failure = str(event.get("param", "failed"))
            if call_id := str(event.get("id", "")):
                self._apply_to_call(kind, call_id, event)
            self._changed.notify_all()

    def wait(self, check: Callable[[], object], deadline: float) -> bool:
        """Wait until `check` holds; it is asked after every event. False after `deadline` seconds."""
        with self._changed:
            return bool(self._changed.wait_for(check, deadline))

    def call(self, call_id: str | None, *states: State) -> Call:
        """That call, or the newest in one of `states` (none named: in any); PhoneError when there is none."""
        fitting = [
            call for call in self.calls if (call_id in (None, call.call_id)) and (not states or call.state in states)
        ]
        if not fitting:
            which = f"call {call_id}" if call_id else "call"
            raise PhoneError(f"no {which} that is {' or '.join(states) or 'alive'}; {self.told()}")
        return fitting[-1]

    def told(self) -> str:
        """The present state in words, for messages."""
        calls = ", ".join(f"{call.state} ({call.peer})" for call in self.calls) or "none"
        last = f"; last ended: {self._ended[-1].reason}" if self._ended else ""
        return f"calls: {calls}{last}"

    def _apply_to_call(self, kind: str, call_id: str, event: Event) -> None:
        peer = str(event.get("peeruri", ""))
        if kind in ("CALL_CLOSED", "TRANSFER_FAILED"):
            self._calls.pop(call_id, None)
            self._ended.append(Ended(call_id, str(event.get("param", ""))))
            return
        if kind == "CALL_INCOMING":
            display = str(event.get("peerdisplayname", ""))
            self._rings.append(Ring(call_id, number_of(peer), display, time.monotonic()))
        state = STATES.get(kind)
        known = self._calls.get(call_id)
        if known is None and state is not None:
            self._calls[call_id] = Call(call_id, state, peer)
        elif known is not None:
            answers = known.answers + (kind == "CALL_ANSWERED")
            self._calls[call_id] = replace(known, state=state or known.state, answers=answers)


def number_of(uri: str) -> str:
    """The user part of a SIP URI."""
    return uri.removeprefix("sip:").partition("@")[0]
