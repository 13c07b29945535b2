"""Stands between the service and Asterisk's HTTP: counts the requests, and does to them whatever a bad day does.

Requests are counted from 1 on since `watch`, in the order in which they came, and a fault is for the one of its number.
The event stream passes through as it is, but for what is done to all of it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.instruments.loop_thread import LoopThread

LOOPBACK = "127.0.0.1"
EVENTS = "GET /ari/events?"
UNCOUNTED = ("/events/user/", "/variable?")
"""The proof that events flow and the legs' addresses: they come when they please and change nothing."""


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


def answer(status: str, body: bytes = b'{"message":"trouble"}') -> bytes:
    """An answer that Asterisk did not give."""
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status.encode(),
        len(body),
        body,
    )


class AriProxy:
    """A context manager; `url` is what PATCHBAY_ARI_URL is to be. All methods may be called from the test's thread."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.asked: list[str] = []
        self._asterisk = port
        self._open = 0
        self._faults: dict[int, Fault] = {}
        self._released = asyncio.Event()
        self._events_flow = asyncio.Event()
        self._all_flows = asyncio.Event()
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

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/ari"

    # -- requests ---------------------------------------------------------------

    @contextmanager
    def watch(self, faults: dict[int, Fault] | None = None) -> Iterator[list[str]]:
        """Counts the requests from now on, and does this to those of these numbers; what was asked."""
        asked: list[str] = []
        self.asked, self._faults, self._released = asked, faults or {}, asyncio.Event()
        try:
            yield asked
        finally:
            self._faults = {}
            self.release()

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

    def tell(self, *texts: str) -> None:
        """Puts text frames of our own into the event stream, between those of Asterisk."""
        self._thread.run(self._tell(b"".join(map(_text_frame, texts))))

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

    async def _tell(self, frames: bytes) -> None:
        for stream in self._streams:
            stream.write(frames)
            await stream.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections.add(writer)
        their_reader, their_writer = await asyncio.open_connection(LOOPBACK, self._asterisk)
        self._connections.add(their_writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._requests(reader, writer, their_reader, their_writer)
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            for each in (writer, their_writer):
                self._connections.discard(each)
                self._streams.discard(each)
                each.transport.abort()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        their_reader: asyncio.StreamReader,
        their_writer: asyncio.StreamWriter,
    ) -> None:
        while True:
            request = await _message(reader)
            await self._all_flows.wait()
            if request.first.startswith(EVENTS):
                return await self._stream(request, reader, writer, their_reader, their_writer)
            fault = self._count(request.first)
            self._open += 1
            try:
                said = await self._passed(request, fault, their_reader, their_writer)
            finally:
                self._open -= 1
            if fault.then:
                await asyncio.to_thread(fault.then)
            if fault.lost:
                await self._released.wait()
                return
            await asyncio.sleep(fault.seconds)
            await self._all_flows.wait()
            writer.write(said)

    async def _passed(
        self, request: Message, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """The answer that the service is to get, once Asterisk has had what it is to get."""
        if fault.kept:
            await self._released.wait()
        if not fault.asked:
            return fault.answer
        writer.write(request.bytes)
        said = await _message(reader)
        return fault.answer or said.bytes

    def _count(self, first: str) -> Fault:
        if any(part in first for part in UNCOUNTED):
            return Fault()
        self.asked.append(first.rpartition(" ")[0].replace("/ari", "", 1))
        return self._faults.get(len(self.asked), Fault())

    async def _stream(
        self,
        request: Message,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        their_reader: asyncio.StreamReader,
        their_writer: asyncio.StreamWriter,
    ) -> None:
        their_writer.write(request.bytes)
        writer.write((await _message(their_reader)).bytes)
        self._streams.add(writer)
        back = asyncio.create_task(self._pass_on(reader, their_writer))
        try:
            while frame := await _frame(their_reader):
                await self._gates()
                writer.write(frame)
                await writer.drain()
        finally:
            back.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await reader.read(65536):
                await self._gates()
                writer.write(some)
        writer.transport.abort()

    async def _gates(self) -> None:
        await self._events_flow.wait()
        await self._all_flows.wait()


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


def _text_frame(text: str) -> bytes:
    payload = text.encode()
    if len(payload) < 126:
        return bytes((0x81, len(payload))) + payload
    return bytes((0x81, 127)) + len(payload).to_bytes(8) + payload
