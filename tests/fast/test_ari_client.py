"""How requests to Asterisk share the kept connections, against a server that does nothing but answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.ari import client
from service.ari.client import CONNECTIONS, AriClient
from service.ari.errors import AriUnreachable

ASKERS = 3 * CONNECTIONS
BODY = b'{"timestamp": "2026-01-02T03:04:05.678+0000"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Server:
    """Answers every request alike; `silent`: none."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.answered = 0
        self.connections = 0

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AriClient]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, AriClient(f"http://127.0.0.1:{port}/ari", "patchbay", "secret") as ari:
            yield ari

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while await reader.readline():
            while await reader.readline() != b"\r\n":
                pass
            if not self.silent:
                self.answered += 1
                writer.write(ANSWER)
        writer.close()


def test_requests_are_served_in_their_turn() -> None:
    """Whoever asks again and again does not keep others waiting; and no more connections are opened than agreed."""
    server = Server()

    async def scene() -> int:
        async with server.client() as ari:
            others = [asyncio.create_task(_ask_again_and_again(ari, server)) for _ in range(ASKERS)]
            await asyncio.sleep(0)  # all of them have asked
            await ari.asterisk_ping()
            before_ours = server.answered
            await asyncio.gather(*others)
            return before_ours

    assert asyncio.run(scene()) <= ASKERS + CONNECTIONS
    assert server.connections == CONNECTIONS


async def _ask_again_and_again(ari: AriClient, server: Server) -> None:
    while server.answered < 20 * ASKERS:
        await ari.asterisk_ping()


def test_waiting_for_a_turn_is_waiting_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody is answered, those in line are told so with the others, and do not ask first."""
    server = Server(silent=True)

    async def scene() -> list[object]:
        async with server.client() as ari:
            return await asyncio.gather(*(ari.asterisk_ping() for _ in range(ASKERS)), return_exceptions=True)

    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
    assert {type(outcome) for outcome in asyncio.run(scene())} == {AriUnreachable}
    assert server.connections < ASKERS
