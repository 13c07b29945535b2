"""A real SIP phone (baresip) for tests: one process a party, its own voice, and an ear."""

import itertools
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from tests.instruments.callbook import Call, CallBook, Ended, Ring, State
from tests.instruments.control import Control, Event, PhoneError
from tests.instruments.polling import eventually
from tests.instruments.ports import take
from tests.instruments.process import Process, Settings, Where
from tests.instruments.recording import Mark, Recording
from tests.instruments.tones import MUSIC, TONES, gaps, heard_ever, heard_most, sound, write_voice

KNOWN = (*TONES, *MUSIC)
"""Hz of all that is listened for."""

START = 5.0
"""Seconds a start may take: 30 ms when the machine is idle."""

SOON = 5.0
"""Seconds for what a phone and a PBX do on their own."""

_serial = itertools.count(1)


class Phone:
    """A phone of `user` at `domain` that speaks with a tone of `voice` Hz.

    `proxy` is the PBX's `host:port`; without one the phone only calls and is called directly. An unregistered
    phone takes calls to any number, as a carrier does. `answer` is the seconds after which it picks up, None
    for never; `refuse` is 486 (busy, as soon as it rings) or 480 (unavailable, without ringing).
    With `lines` calls it is busy for more (0: never). `host` is its address, any of loopback's. With `trusts`, a
    certificate in PEM, its SIP goes over TLS and only to who shows that one; with `srtp` it talks encrypted only.
    """

    def __init__(
        self,
        where: Where,
        user: str,
        domain: str = "127.0.0.1",
        *,
        voice: int,
        password: str = "",
        auth_user: str = "",
        proxy: str = "",
        register: bool = False,
        port: int | None = None,
        display: str = "",
        answer: float | None = None,
        refuse: int | None = None,
        codec: str = "PCMA",
        lines: int = 0,
        host: str = "127.0.0.1",
        trusts: str = "",
        srtp: bool = False,
    ) -> None:
        if refuse not in (None, 480, 486):
            raise ValueError(f"refuse={refuse}: baresip can only send 486 and 480")
        self._folder = where.folder("phones")
        self._settings = Settings(
            user, domain, display, password, auth_user or user, proxy, register, codec, lines, host, trusts, srtp
        )
        self._process = Process(where, self._folder / f"{user}-{os.getpid()}-{next(_serial)}")
        self._ports = take(port)
        self._book = CallBook()
        self._control = Control(self._on_event)
        self._recording = Recording(self._process.folder)
        self.voice = voice
        self.answer_after = answer
        self.refuse = refuse

    def __repr__(self) -> str:
        return f"<Phone {self.address}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(keep=error is not None)

    @property
    def address(self) -> str:
        """`user@domain`."""
        return f"{self._settings.user}@{self._settings.domain}"

    @property
    def port(self) -> int:
        """The SIP port at its host."""
        return self._ports.sip

    # -- life -----------------------------------------------------------------

    def start(self) -> Self:
        """Start; returns when it takes commands and, if it is to, has registered."""
        self.launch()
        return self.ready()

    def launch(self) -> None:
        """Start without waiting; `ready` must follow."""
        voice = write_voice(self._folder / f"{self.voice}.wav", self.voice)
        self._recording.prepare()
        self._process.start(self._settings, self._ports, voice)

    def ready(self) -> Self:
        """Wait until the launched phone takes commands and, if it is to, has registered."""
        try:
            self._control.connect(self._ports.control, self._process.alive, START)
            if self.refuse == 480:
                self._ask("dnd", "true")
            if self._settings.register:
                self.wait_registered()
        except AssertionError as exc:
            self._process.stop()
            raise PhoneError(f"{self!r} did not start: {exc}\n{self.log_tail()}") from exc
        return self

    def stop(self, *, keep: bool = False) -> None:
        """Hang up, unregister, end, and delete the folder unless it is to `keep`; may be repeated."""
        self._control.close()
        self._process.stop()
        self._ports.release()
        if not keep:
            self._process.remove()

    def kill(self) -> None:
        """Vanish without a word to anybody, as a phone that loses its network."""
        self._process.kill()
        self._control.close()

    def wait_registered(self, deadline: float = SOON) -> None:
        """Wait for the registrar's yes; fails at once at its no."""

        def decided() -> str:
            return self._book.registration or _registration(self._ask("reginfo"))

        if (said := eventually(decided, deadline=deadline, message=f"{self!r} not registered")) != "OK":
            raise PhoneError(f"{self!r} not registered: {said}")

    def log(self) -> str:
        """All that baresip printed, with every SIP message."""
        return self._process.log()

    def log_tail(self, lines: int = 60) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    # -- what a user does -----------------------------------------------------

    def dial(self, target: str) -> str:
        """Call a number or a `sip:` URI; returns the SIP Call-ID without waiting for the other side."""
        uri = self._uri(target)
        said = self._ask("dial", uri)
        call_id = said.rpartition("call id: ")[2].strip()
        self._book.dialled(call_id, uri)
        return call_id

    def answer(self, call_id: str | None = None) -> Call:
        """Pick up the call that rings, and wait until it stands."""
        call = self._book.call(call_id, State.RINGING)
        self._ask("accept", call.call_id)
        return self.wait_established(call_id=call.call_id)

    def reject(self, call_id: str | None = None) -> None:
        """Refuse the call that rings with 486, the only status baresip has for it."""
        self._ask("hangup", self._book.call(call_id, State.RINGING).call_id)

    def hangup(self, call_id: str | None = None) -> None:
        """End that call or the newest."""
        self._ask("hangup", self._book.call(call_id).call_id)

    def hold(self, call_id: str | None = None) -> None:
        """Hold; returns when the other side has agreed."""
        self._modify("hold", call_id)

    def resume(self, call_id: str | None = None) -> None:
        """Resume; returns when the other side has agreed. Another call of this phone is put on hold."""
        self._modify("resume", call_id)

    def transfer(self, target: str, call_id: str | None = None) -> None:
        """Blind transfer (REFER) of that call or the newest, which ends once the PBX reports success."""
        call = self._book.call(call_id, State.TALKING)
        self._ask("callfind", call.call_id)
        self._ask("transfer", self._uri(target))

    def press(self, keys: str) -> None:
        """Send DTMF digits in the current call."""
        self._ask("sndcode", keys)

    # -- what a user sees -----------------------------------------------------

    @property
    def calls(self) -> list[Call]:
        """The live calls, oldest first."""
        return self._book.calls

    @property
    def rings(self) -> list[Ring]:
        """Every INVITE that rang since the start, oldest first."""
        return self._book.rings

    @property
    def ended(self) -> list[Ended]:
        """Every call that ended since the start, oldest first."""
        return self._book.ended

    @property
    def transfer_failure(self) -> str:
        """Why the last transfer failed; empty when none has."""
        return self._book.transfer_failure

    def invite(self, ring: Ring) -> str:
        """The text of the INVITE that rang; its first line holds the number that was called."""
        for message in self.log().replace("\r", "").split("#\n")[1:]:
            head = message.partition("\n\n")[0].partition("\n")[2]
            if head.startswith("INVITE ") and f"\nCall-ID: {ring.call_id}\n" in f"{head}\n":
                return head
        raise PhoneError(f"{self!r}: no INVITE of call {ring.call_id} in the log")

    def wait_ringing(self, deadline: float = SOON) -> Ring:
        """Wait until a call rings here, and say whose."""
        self._wait(lambda: self._in(State.RINGING), deadline, "does not ring")
        call = self._book.call(None, State.RINGING)
        return next(ring for ring in reversed(self.rings) if ring.call_id == call.call_id)

    def wait_rings(self, count: int, deadline: float = SOON) -> list[Ring]:
        """Wait until the phone has been rung `count` times since its start, answered or not."""
        self._wait(lambda: len(self.rings) >= count, deadline, f"was not rung {count} times")
        return self.rings

    def wait_alerting(self, deadline: float = SOON) -> Call:
        """Wait until the other side of a call dialled here rings (180 or early media)."""
        self._wait(lambda: self._in(State.ALERTING), deadline, "hears no ringing")
        return self._book.call(None, State.ALERTING)

    def wait_established(self, deadline: float = SOON, call_id: str | None = None) -> Call:
        """Wait until that call, or any, is answered; fails at once when that call ends instead."""

        def decided() -> bool:
            return bool(self._in(State.TALKING, call_id)) or any(e.call_id == call_id for e in self.ended)

        self._wait(decided, deadline, "is not in a call")
        return self._book.call(call_id, State.TALKING)

    def wait_idle(self, deadline: float = SOON) -> None:
        """Wait until the phone has no call at all."""
        self._wait(lambda: not self.calls, deadline, "is not idle")

    # -- what a user hears ----------------------------------------------------

    def heard(self, seconds: float = 1.0) -> set[int]:
        """Hz of the voices and notes heard for at least half of a fresh window that begins now."""
        return heard_most(self._recording.window(seconds), KNOWN, seconds)

    def mark(self) -> Mark:
        """Now, for `heard_since`, `gaps_since` and `missing_since`."""
        return self._recording.mark()

    def heard_since(self, mark: Mark, among: Iterable[int] = KNOWN) -> set[int]:
        """Hz of all that was heard since, if only for 150 ms."""
        return heard_ever(self._recording.since(mark), among)

    def sound_since(self, mark: Mark) -> float:
        """Seconds of anything audible since, speech as well as tones."""
        return sound(self._recording.since(mark))

    def missing_since(self, mark: Mark) -> int:
        """Milliseconds since for which no packets came at all, to some 40 ms."""
        return self._recording.missing(mark)

    def gaps_since(self, mark: Mark, voice: int) -> list[int]:
        """Lengths in ms of the silences of one voice since, to 10 ms; packets that never came are no part."""
        return gaps(self._recording.since(mark), voice)

    # -- inside ---------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        self._book.apply(event)
        if event.get("type") != "CALL_INCOMING":
            return
        call_id = str(event.get("id"))
        if self.refuse == 486:
            self._control.tell("hangup", call_id)
        elif self.answer_after == 0:
            self._control.tell("accept", call_id)
        elif self.answer_after is not None:
            timer = threading.Timer(self.answer_after, partial(self._answer_late, call_id))
            timer.daemon = True
            timer.start()

    def _answer_late(self, call_id: str) -> None:
        with suppress(PhoneError):
            self._control.tell("accept", call_id)

    def _modify(self, command: str, call_id: str | None) -> None:
        call = self._book.call(call_id, State.TALKING)
        # Not asked: 1.1.0 says "Invalid argument" to a resume that it carries out.
        self._control.tell(command, call.call_id)
        self._wait(
            lambda: any(c.call_id == call.call_id and c.answers > call.answers for c in self.calls),
            SOON,
            f"got no answer to its {command}",
        )

    def _uri(self, target: str) -> str:
        host = self._settings.domain if self._settings.register else self._settings.proxy
        return target if target.startswith("sip:") else f"sip:{target}@{host}"

    def _in(self, state: State, call_id: str | None = None) -> list[Call]:
        return [call for call in self.calls if call.state == state and call_id in (None, call.call_id)]

    def _wait(self, check: Callable[[], object], deadline: float, complaint: str) -> None:
        if not self._book.wait(check, deadline):
            told = f"{self._book.told()}\n{self.log_tail()}"
            raise PhoneError(f"{self!r} {complaint} within {deadline} s; {told}")

    def _ask(self, command: str, params: str = "") -> str:
        try:
            return self._control.ask(command, params)
        except PhoneError as exc:
            raise PhoneError(f"{self!r}: {exc}; {self._book.told()}\n{self.log_tail()}") from exc


def start_all(phones: Iterable[Phone]) -> Sequence[Phone]:
    """Start phones at the same time; when one fails, all are stopped."""
    started = list(phones)
    try:
        for phone in started:
            phone.launch()
        for phone in started:
            phone.ready()
    except BaseException:
        stop_all(started, keep=True)
        raise
    return started


def stop_all(phones: Iterable[Phone], *, keep: bool = False) -> None:
    """Stop phones at the same time."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda phone: phone.stop(keep=keep), phones))


def _registration(reginfo: str) -> str:
    """What was decided before the control was connected, when no event told us: OK, ERR, or nothing yet."""
    found = re.search(r"\x1b\[\d+m(OK|ERR)", reginfo)
    return found[1] if found else ""
