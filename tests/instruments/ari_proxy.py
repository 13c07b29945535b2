"""Stands between the service and Asterisk's HTTP: counts the requests, and does to them whatever a bad day does.

Requests are counted from 1 on since `watch`, in the order in which they came, and a fault is for the one of its number,
or for each that has its text in its first line.
None may be made that tests/instruments/allowed.py does not know.
The event stream passes through as it is, but for what is done to all of it.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.instruments.allowed import ByShape, Judge
from tests.instruments.loop_thread import LoopThread

LOOPBACK = "127.0.0.1"
EVENTS = "GET /ari/events?"
UNCOUNTED = ("/events/user/", "/variable?", "/endpoints/PJSIP HTTP")
"""The proof that events flow, the legs' addresses, the look at the phones' channels: they come when they please and
change nothing."""


@dataclass
class Fault:
    """What befalls one request.

    `kept`: it goes to Asterisk only after `release`. `lost`: its answer never comes back. `seconds`: the answer comes
    so late. `answer`: comes in its place; `asked` tells whether Asterisk was asked at all. `then` is called once
    Asterisk has answered and before the service knows.
    """

    kept: bool = False
    lost: bool = False
    seconds: float = 0.0
    answer: bytes = b""
    asked: bool = True
    then: Callable[[], object] | None = None


@dataclass(frozen=True)
class Link:
    """A connection of the service's and the one it is passed on to; while `flow` is set, what comes goes through."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    their_reader: asyncio.StreamReader
    their_writer: asyncio.StreamWriter
    flow: asyncio.Event


@dataclass(frozen=True)
class Message:
    """A request or an answer, whole, as it came."""

    head: bytes
    body: bytes

    @property
    def first(self) -> str:
        return self.head.partition(b"\r\n")[0].decode()

    @property
    def bytes(self) -> bytes:
        return self.head + self.body

    def judged(self, judge: Judge) -> None:
        """Tells the judge of a request."""
        method, target, _ = self.first.split(" ")
        judge.hear(method, target, json.loads(self.body) if self.body else None)


def answer(status: str, body: bytes = b'{"message":"trouble"}', kind: str = "application/json") -> bytes:
    """An answer that Asterisk did not give."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class AriProxy:
    """A context manager; `url` is what PATCHBAY_ARI_URL is to be. All methods may be called from the test's thread."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.opened = 0
        """How many event streams there have been."""
        self.judge = Judge(ByShape())
        self._asterisk = port
        self._open = 0
        self._faults: dict[int | str, Fault] = {}
        self._released = asyncio.Event()
        self._events_flow = asyncio.Event()
        self._all_flows = asyncio.Event()
        self._inactive = False
        self._connections: set[asyncio.StreamWriter] = set()
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = LoopThread()

    # -- life -------------------------------------------------------------------

    def __enter__(self) -> "AriProxy":
        self._thread.start()
        self._events_flow.set()
        self._all_flows.set()
        self._thread.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.run(self._stop())
        self._thread.stop()
        self.judge.content()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/ari"

    # -- requests ---------------------------------------------------------------

    @contextmanager
    def watch(self, faults: Mapping[int, Fault] | Mapping[str, Fault] | None = None) -> Iterator[list[str]]:
        """Counts the requests from now on, and does this to those of these numbers or texts; what was asked."""
        asked: list[str] = []
        self.asked, self._released = asked, asyncio.Event()
        self._faults = {which: fault for which, fault in (faults or {}).items()}
        try:
            yield asked
        finally:
            self._faults = {}
            self.release()
        self.judge.content()

    def release(self) -> None:
        """Lets Asterisk have what was kept from it."""
        self._thread.loop.call_soon_threadsafe(self._released.set)

    def quiet(self) -> bool:
        """Whether Asterisk has answered all that was asked."""
        return self._open == 0

    # -- connections and the event stream ------------------------------------------

    def cut(self) -> None:
        """Every connection breaks, without a word; new ones are welcome."""
        self._thread.run(self._cut(self._connections))

    def cut_events(self) -> None:
        """The event stream breaks."""
        self._thread.run(self._cut(self._streams))

    @contextmanager
    def no_events(self) -> Iterator[None]:
        """Inside, the event stream is open and nothing comes or goes through it."""
        with self._shut(self._events_flow):
            yield

    @contextmanager
    def no_packets(self) -> Iterator[None]:
        """Inside, nothing comes or goes at all, on old connections and new ones, and none is closed."""
        with self._shut(self._all_flows):
            yield

    def half_open(self) -> None:
        """Nothing comes or goes any more on the connections there are, and none is closed; new ones are welcome."""
        self._thread.run(self._half_open())

    @contextmanager
    def inactive(self) -> Iterator[None]:
        """Inside, the event stream is open and answers pings, and no event comes: Asterisk forgot the application."""
        self._inactive = True
        try:
            yield
        finally:
            self._inactive = False

    def tell(self, *frames: str | bytes) -> None:
        """Puts frames of our own into the event stream, between those of Asterisk: text, or bytes as binary ones."""
        self._thread.run(self._tell(b"".join(map(_data_frame, frames))))

    # -- inside -------------------------------------------------------------------

    @contextmanager
    def _shut(self, flow: asyncio.Event) -> Iterator[None]:
        self._thread.loop.call_soon_threadsafe(flow.clear)
        try:
            yield
        finally:
            self._thread.loop.call_soon_threadsafe(flow.set)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._cut(self._connections)

    async def _cut(self, connections: set[asyncio.StreamWriter]) -> None:
        for writer in list(connections):
            writer.transport.abort()

    async def _half_open(self) -> None:
        self._all_flows.clear()
        self._all_flows = asyncio.Event()
        self._all_flows.set()

    async def _tell(self, frames: bytes) -> None:
        for stream in list(self._streams):
            with suppress(OSError):  # the service may hang up on what it is told
                stream.write(frames)
                await stream.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections.add(writer)
        their_reader, their_writer = await asyncio.open_connection(LOOPBACK, self._asterisk)
        self._connections.add(their_writer)
        link = Link(reader, writer, their_reader, their_writer, self._all_flows)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._requests(link)
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            for each in (writer, their_writer):
                self._connections.discard(each)
                self._streams.discard(each)
                each.transport.abort()

    async def _requests(self, link: Link) -> None:
        while True:
            request = await _message(link.reader)
            request.judged(self.judge)
            await link.flow.wait()
            if request.first.startswith(EVENTS):
                return await self._stream(request, link)
            fault = self._count(request.first)
            self._open += 1
            try:
                said = await self._passed(request, fault, link)
            finally:
                self._open -= 1
            if fault.then:
                await asyncio.to_thread(fault.then)
            if fault.lost:
                await self._released.wait()
                return
            await asyncio.sleep(fault.seconds)
            await link.flow.wait()
            link.writer.write(said)

    async def _passed(self, request: Message, fault: Fault, link: Link) -> bytes:
        """The answer that the service is to get, once Asterisk has had what it is to get."""
        if fault.kept:
            await self._released.wait()
        if not fault.asked:
            return fault.answer
        link.their_writer.write(request.bytes)
        said = await _message(link.their_reader)
        return fault.answer or said.bytes

    def _count(self, first: str) -> Fault:
        if any(part in first for part in UNCOUNTED):
            return Fault()
        self.asked.append(first.rpartition(" ")[0].replace("/ari", "", 1))
        of_its_text = (fault for text, fault in self._faults.items() if isinstance(text, str) and text in first)
        return self._faults.get(len(self.asked)) or next(of_its_text, Fault())

    async def _stream(self, request: Message, link: Link) -> None:
        link.their_writer.write(request.bytes)
        link.writer.write((await _message(link.their_reader)).bytes)
        self.opened += 1
        self._streams.add(link.writer)
        back = asyncio.create_task(self._pass_on(link))
        try:
            while frame := await _frame(link.their_reader):
                await self._gates(link)
                if self._inactive and _is_data(frame):
                    continue
                link.writer.write(frame)
                await link.writer.drain()
        finally:
            back.cancel()

    async def _pass_on(self, link: Link) -> None:
        with suppress(OSError):
            while some := await link.reader.read(65536):
                await self._gates(link)
                link.their_writer.write(some)
        link.their_writer.transport.abort()

    async def _gates(self, link: Link) -> None:
        await self._events_flow.wait()
        await link.flow.wait()


async def _message(reader: asyncio.StreamReader) -> Message:
    """The next HTTP message; Asterisk and our client both say how long a body is."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)
    return Message(head, await reader.readexactly(length))


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """The next WebSocket frame of Asterisk's, which are not masked (RFC 6455, 5.2)."""
    head = await reader.readexactly(2)
    more = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
    extended = await reader.readexactly(more)
    length = int.from_bytes(extended) if more else head[1] & 0x7F
    return head + extended + await reader.readexactly(length)


def _is_data(frame: bytes) -> bool:
    """Whether it is no ping, pong or close (RFC 6455, 5.5)."""
    return not frame[0] & 0x08


def _data_frame(content: str | bytes) -> bytes:
    payload, opcode = (content.encode(), 0x81) if isinstance(content, str) else (content, 0x82)
    if len(payload) < 126:
        return bytes((opcode, len(payload))) + payload
    return bytes((opcode, 127)) + len(payload).to_bytes(8) + payload
