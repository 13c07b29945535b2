"""A TCP proxy that changes what the server says: a broken reverse proxy, or a server of another make."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

Change = Callable[[bytes], bytes]
CHUNK = 65536
UPGRADED = b"HTTP/1.1 101"


@contextmanager
def tampered(port: int, change: Callable[[], Change]) -> Iterator[int]:
    """The port of a proxy to `port`; `change` gives each connection its own function of the server's bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        threading.Thread(target=_accept, args=(listener, port, change, stack), daemon=True).start()
        yield listener.getsockname()[1]


def replacing(old: bytes, new: bytes) -> Callable[[], Change]:
    """Puts one text in the place of another that is as long."""
    assert len(old) == len(new)
    return lambda: lambda data: data.replace(old, new)


def mute_websockets() -> Change:
    """Lets a WebSocket open, and then lets nothing through."""
    opened = False

    def change(data: bytes) -> bytes:
        nonlocal opened
        if opened:
            return b""
        opened = data.startswith(UPGRADED)
        return data

    return change


def _accept(listener: socket.socket, port: int, change: Callable[[], Change], stack: ExitStack) -> None:
    with suppress(OSError):  # closed: the end
        while True:
            client = stack.enter_context(listener.accept()[0])
            server = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            for source, target, how in ((client, server, bytes), (server, client, change())):
                threading.Thread(target=_pump, args=(source, target, how), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, change: Change) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(change(data))
        target.shutdown(socket.SHUT_WR)
