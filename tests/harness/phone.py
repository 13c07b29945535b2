"""A scripted phone: registers, and does with every call what its script says for the number that was called."""

import asyncio
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from tests.harness.message import BRANCH, Headers, Message, answer, build, digest, parse, uri_of
from tests.harness.voice import Voice

EXPIRES = 60
RENEW_SECONDS = 45
RETRY_SECONDS = 1.0
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY"


class Does(StrEnum):
    """What a phone does when it is called."""

    ANSWERS = "answers"
    HANGS_UP = "answers, hangs up after a second"
    BUSY = "busy"
    DECLINES = "declines"
    RINGS_OUT = "rings out"


REFUSALS = {Does.BUSY: "486 Busy Here", Does.DECLINES: "603 Decline"}
HANG_UP_SECONDS = 1.0

Script = Callable[[str], Does]


@dataclass(frozen=True)
class Account:
    """Who registers where; `number` is the user part of its address, `user` the name the password belongs to."""

    number: str
    domain: str
    user: str
    password: str
    server: tuple[str, int]
    hertz: int = 440


@dataclass
class Dialog:
    """A call here: the INVITE, our tag, our audio, and the timer that ends it."""

    invite: Message
    tag: str
    voice: Voice
    answered: bool = False
    ending: asyncio.TimerHandle | None = None


class Phone(asyncio.DatagramProtocol):
    """`script` decides by the called number; an answered call is hung up here after `seconds` at the latest."""

    def __init__(self, account: Account, script: Script, seconds: float) -> None:
        self.account = account
        self.registered = asyncio.Event()
        self._script = script
        self._seconds = seconds
        self._transport: asyncio.DatagramTransport | None = None
        self._dialogs: dict[str, Dialog] = {}
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._sent: dict[tuple[str, str], bytes] = {}
        self._register_id = secrets.token_hex(8)
        self._sequence = 0

    async def run(self) -> None:
        """Stays registered until it is cancelled; then it hangs up and unregisters."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, remote_addr=self.account.server)
        try:
            while True:
                good = await self._register(EXPIRES)
                (self.registered.set if good else self.registered.clear)()
                await asyncio.sleep(RENEW_SECONDS if good else RETRY_SECONDS)
        finally:
            for call_id in list(self._dialogs):
                self._hang_up(call_id)
            await self._register(0)

    # -- from the network

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # before 3.12 asyncio's own is not one by type

    def error_received(self, exc: Exception) -> None:
        """The PBX is away; the next registration tells."""

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        message = parse(data)
        if message is None:
            return
        if message.status:
            waiting = self._answers.get(message.get("via").partition("branch=")[2].partition(";")[0])
            if waiting and not waiting.done() and message.status >= 200:
                waiting.set_result(message)
        elif message.method == "ACK":
            return
        elif sent := self._sent.get((message.get("call-id"), message.get("cseq"))):
            self._send(sent)
        else:
            self._take(message)

    def _take(self, request: Message) -> None:
        call_id, dialog = request.get("call-id"), self._dialogs.get(request.get("call-id"))
        if request.method == "INVITE" and dialog is None:
            self._invited(request)
        elif request.method == "CANCEL" and dialog is not None and not dialog.answered:
            self._reply(request, "200 OK", dialog.tag)
            self._reply(dialog.invite, "487 Request Terminated", dialog.tag)
            self._forget(call_id)
        elif dialog is None and request.method in ("BYE", "CANCEL", "UPDATE"):
            self._reply(request, "481 Call/Transaction Does Not Exist", secrets.token_hex(4))
        elif request.method in ("INVITE", "UPDATE") and dialog is not None:
            dialog.voice.speak_to(request.body)
            self._reply(
                request, "200 OK", dialog.tag, dialog.voice.sdp() if request.body or request.method == "INVITE" else ""
            )
        else:
            self._reply(request, "200 OK", dialog.tag if dialog else secrets.token_hex(4))
            if request.method == "BYE":
                self._forget(call_id)

    def _invited(self, invite: Message) -> None:
        does = self._script(invite.target)
        tag, call_id = secrets.token_hex(4), invite.get("call-id")
        if refusal := REFUSALS.get(does):
            self._reply(invite, refusal, tag)
            return
        dialog = self._dialogs[call_id] = Dialog(invite, tag, Voice(self._host, self.account.hertz))
        self._reply(invite, "180 Ringing", tag)
        if does is not Does.RINGS_OUT:
            dialog.answered = True
            dialog.voice.speak_to(invite.body)
            self._reply(invite, "200 OK", tag, dialog.voice.sdp())
            seconds = HANG_UP_SECONDS if does is Does.HANGS_UP else self._seconds
            dialog.ending = asyncio.get_running_loop().call_later(seconds, self._hang_up, call_id)

    # -- to the network

    def _hang_up(self, call_id: str) -> None:
        dialog = self._dialogs[call_id]
        if dialog.answered:
            to = uri_of(dialog.invite.get("contact"))
            self._request("BYE", to, dialog.invite.get("from"), f"{dialog.invite.get('to')};tag={dialog.tag}", call_id)
        else:
            self._reply(dialog.invite, "480 Temporarily Unavailable", dialog.tag)
        self._forget(call_id)

    def _forget(self, call_id: str) -> None:
        dialog = self._dialogs.pop(call_id)
        dialog.voice.close()
        if dialog.ending:
            dialog.ending.cancel()

    async def _register(self, expires: int) -> bool:
        account, uri = self.account, f"sip:{self.account.domain}"
        me = f"<sip:{account.number}@{account.domain}>"
        contact = [("Contact", f"{self._contact};expires={expires}")]
        sender = f"{me};tag={secrets.token_hex(4)}"
        said = await self._ask("REGISTER", uri, me, sender, contact)
        if said and said.status == 401:
            proof = digest(said.get("www-authenticate"), "REGISTER", uri, account.user, account.password)
            said = await self._ask("REGISTER", uri, me, sender, [*contact, ("Authorization", proof)])
        return said is not None and said.status == 200

    async def _ask(self, method: str, uri: str, to: str, sender: str, more: Headers) -> Message | None:
        branch = BRANCH + secrets.token_hex(8)
        waiting = self._answers[branch] = asyncio.get_running_loop().create_future()
        try:
            self._request(method, uri, to, sender, self._register_id, more, branch)
            return await asyncio.wait_for(waiting, RETRY_SECONDS)
        except TimeoutError:
            return None
        finally:
            del self._answers[branch]

    def _request(
        self, method: str, uri: str, to: str, sender: str, call_id: str, more: Headers | None = None, branch: str = ""
    ) -> None:
        self._sequence += 1
        via = f"SIP/2.0/UDP {self._address};branch={branch or BRANCH + secrets.token_hex(8)};rport"
        headers = [("Via", via), ("Max-Forwards", "70"), ("From", sender), ("To", to), ("Call-ID", call_id)]
        self._send(build(f"{method} {uri} SIP/2.0", [*headers, ("CSeq", f"{self._sequence} {method}"), *(more or [])]))

    def _reply(self, request: Message, status: str, tag: str, body: str = "") -> None:
        data = answer(request, status, tag, [("Contact", self._contact), ("Allow", ALLOW)], body)
        if not status.startswith("1"):
            self._sent[request.get("call-id"), request.get("cseq")] = data
            while len(self._sent) > 100:
                del self._sent[next(iter(self._sent))]
        self._send(data)

    def _send(self, data: bytes) -> None:
        if self._transport:
            self._transport.sendto(data)

    @property
    def _host(self) -> str:
        return self._address.partition(":")[0]

    @property
    def _address(self) -> str:
        assert self._transport is not None
        name: socket._RetAddress = self._transport.get_extra_info("sockname")
        return f"{name[0]}:{name[1]}"

    @property
    def _contact(self) -> str:
        return f"<sip:{self.account.number}@{self._address}>"
