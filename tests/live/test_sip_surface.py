"""What somebody without a password, or with another's, can do at the SIP port: be refused, and be seen."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.instruments.fail2ban import Fail2ban
from tests.instruments.polling import eventually
from tests.instruments.service import PROJECT
from tests.instruments.stage import ACME, GLOBEX, MOBILE, Stage
from tests.instruments.stranger import Attempt, Login, Stranger

pytestmark = pytest.mark.owns
FILTER = PROJECT / "deploy" / "fail2ban" / "filter.conf"
NUMBERS = [MOBILE, "102", "02873001234", "s", "ring@patchbay-ring", "112"]
REFUSED = (401, 403)
VARYING = re.compile(r'(nonce|opaque)="[^"]*"')


@pytest.fixture
def stranger(stage: Stage) -> Iterator[Stranger]:
    with Stranger(stage.pbx.sip_port, ACME) as one:
        yield one


def right(stage: Stage, extension: str, domain: str = ACME) -> Login:
    return Login(extension, stage.pbx.secrets.phones[f"{extension}@{domain}"])


def seen(attempt: Attempt) -> list[tuple[str, str]]:
    """What the sender learns, but for what is new in every answer."""
    return [(one.first, VARYING.sub("", one.get("www-authenticate"))) for one in attempt.answers]


@pytest.mark.parametrize("number", NUMBERS)
def test_nobody_calls_without_the_password(stage: Stage, stranger: Stranger, number: str) -> None:
    """As an extension, a trunk, an unknown one, anonymously; with no password, a wrong one, another's."""
    mine = right(stage, "101")
    target = number.replace("@", "%40")
    begun = stage.pbx.log.read_text()
    attempts = [
        stranger.invite(target, "101"),
        stranger.invite(target, "101", Login("101", "wrong")),
        stranger.invite(target, "nobody", Login("nobody", "wrong")),
        stranger.invite(target, "anonymous", sender='"Anonymous" <sip:anonymous@anonymous.invalid>'),
        stranger.invite(target, "101", mine, sender=f"<sip:101@{GLOBEX}>"),
        stranger.invite(target, "102", mine),
        stranger.invite(target, "carrier", Login("carrier", "wrong")),
        stranger.invite(target, "demo-carrier"),
        stranger.invite(target, "carrier", mine),
    ]
    assert {attempt.status for attempt in attempts} <= set(REFUSED)
    assert not stage.channels()
    assert "pbx.c" not in stage.pbx.log.read_text().removeprefix(begun)


def test_who_exists_is_not_told(stranger: Stranger) -> None:
    """An extension and none: the same answers, to a registration and to a call, with a wrong password and without."""
    for known, unknown in (("101", "nobody"), ("carrier", "someone")):
        for ask in (stranger.register, lambda user, login=None: stranger.invite(MOBILE, user, login)):
            assert seen(ask(known)) == seen(ask(unknown))
            assert seen(ask(known, Login(known, "wrong"))) == seen(ask(unknown, Login(unknown, "wrong")))


@pytest.mark.parametrize("method", ["OPTIONS", "SUBSCRIBE", "MESSAGE", "REFER", "NOTIFY", "PUBLISH", "INFO", "UPDATE"])
def test_no_other_request_without_the_password(stranger: Stranger, method: str) -> None:
    assert stranger.ask(method, MOBILE, "101").status in REFUSED
    assert stranger.ask(method, MOBILE, "nobody").status in REFUSED


@pytest.mark.parametrize("number", [MOBILE, "+84909123456", "101", "600", "113", "s", "demo-carrier"])
def test_the_trunk_reaches_no_trunk(stage: Stage, stranger: Stranger, number: str) -> None:
    """With the carrier's own password: only the numbers of its context lead anywhere."""
    attempt = stranger.invite(number, "carrier", Login("carrier", stage.pbx.secrets.carrier_password))
    assert attempt.status == 404
    eventually(lambda: not stage.channels())


def test_asterisk_listens_where_only_the_service_reaches_it(stage: Stage) -> None:
    """As the kernel says: its HTTP, and whatever else takes connections, on loopback."""
    owned = _sockets(_asterisk(stage))
    listening = {(host, port) for host, port, inode in _tcp_listeners() if inode in owned}
    assert listening == {("127.0.0.1", stage.pbx.http_port)}


def test_failed_attempts_are_in_the_log_that_fail2ban_reads(stage: Stage, stranger: Stranger) -> None:
    """A REGISTER and an INVITE with a wrong password, each a line the shipped filter finds the address in."""
    log = stage.pbx.folder / "log" / "security"
    attempts = [
        stranger.register("101", Login("101", "wrong")),
        stranger.register("nobody", Login("nobody", "wrong")),
        stranger.invite(MOBILE, "101", Login("101", "wrong")),
    ]
    for attempt in attempts:
        line = eventually(lambda attempt=attempt: _failures(log, attempt.call_id), message="not logged")  # type: ignore[misc]
        assert _banned(line[-1]) == "127.0.0.1", line
    good = stranger.register("101", right(stage, "101"))
    assert good.status == 200
    eventually(lambda: good.call_id in log.read_text())
    assert not [line for line in log.read_text().splitlines() if good.call_id in line and _banned(line)]


FORGED = 'x\\",RemoteAddress=\\"IPV4/UDP/203.0.113.9/5060\\",y=\\"'
"""A proof that reads, where it is logged, as if somebody else had sent it."""


def test_fail2ban_itself_finds_who_guesses_and_no_other(stage: Stage, stranger: Stranger, fail2ban: Fail2ban) -> None:
    """Each wrong proof once, by whoever it was sent; no registration or call of who knows the password."""
    mine, log = right(stage, "101"), stage.pbx.folder / "log" / "security"
    wrong = [
        stranger.register("101", Login("101", "wrong")),
        stranger.register("nobody", Login("nobody", "wrong")),
        stranger.register("101", Login("101", "wrong", FORGED)),
        stranger.invite(MOBILE, "101", Login("101", "wrong")),
        stranger.invite(MOBILE, "nobody", Login("nobody", "wrong")),
        stranger.invite(MOBILE, "101", mine, sender=f"<sip:101@{GLOBEX}>"),
        stranger.invite(MOBILE, "102", mine),
        stranger.invite(MOBILE, "carrier", Login("carrier", "wrong")),
        stranger.invite(MOBILE, "carrier", mine),
    ]
    good = [
        stranger.invite("s", "carrier", Login("carrier", stage.pbx.secrets.carrier_password)),
        stranger.invite("s", "101", mine),
        stranger.register("101", mine),
    ]
    eventually(lambda: good[-1].call_id in log.read_text())
    bans = fail2ban.bans(log)
    assert {ban.address for ban in bans} == {"127.0.0.1"}
    assert [ban.line for ban in bans] == [line for line in log.read_text().splitlines() if _banned(line)]
    for attempt in wrong:
        assert len([ban for ban in bans if attempt.call_id in ban.line]) == 1, attempt
    assert not [ban for ban in bans if any(attempt.call_id in ban.line for attempt in good)]


def test_the_jail_closes_the_sip_ports_of_both_protocols(fail2ban: Fail2ban) -> None:
    """An action each, because no firewall's rule holds the ports of `all`; with the filter, on the log."""
    jail = [line for line in fail2ban.jail().splitlines() if "'patchbay-asterisk'" in line]
    for what in ("addfailregex", "addlogpath"):
        assert [line for line in jail if f"'{what}'" in line], what
    tcp, udp = [line for line in jail if "'actionstart'" in line]
    for action, protocol in ((tcp, "tcp"), (udp, "udp")):
        assert "5060,5061" in action
        assert f"'{protocol}'" in action


def _failures(log: Path, call_id: str) -> list[str]:
    return [line for line in log.read_text().splitlines() if call_id in line and _banned(line)]


def _banned(line: str) -> str | None:
    """The address the shipped filter takes from a line, as fail2ban does: the time cut off, <HOST> an address."""
    pattern = re.search(r"^failregex = (.*)$", FILTER.read_text(), re.MULTILINE)
    assert pattern
    rest = re.sub(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?\]", "", line)
    found = re.search(pattern[1].replace("<HOST>", r"(?P<host>[0-9a-fA-F.:]+)"), rest)
    return found["host"] if found else None


def _asterisk(stage: Stage) -> Path:
    """The process, told by its folder; what started it may be another's."""
    folder = f"/{stage.pbx.name}/etc/asterisk.conf".encode()
    lines = {file.parent: file.read_bytes().split(b"\0") for file in Path("/proc").glob("[0-9]*/cmdline")}
    (process,) = [one for one, words in lines.items() if words[0].endswith(b"asterisk") and folder in b" ".join(words)]
    return process


def _sockets(process: Path) -> set[str]:
    """Inodes of the sockets that the process holds."""
    links = (link.readlink().name for link in (process / "fd").iterdir() if link.is_symlink())
    return {name.removeprefix("socket:[").removesuffix("]") for name in links if name.startswith("socket:[")}


def _tcp_listeners() -> list[tuple[str, int, str]]:
    """Address, port and inode of every listening TCP socket."""
    found = []
    for file, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        for line in Path(file).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A":
                found.append((_host(local.partition(":")[0], family), int(local.partition(":")[2], 16), rest[5]))
    return found


def _host(text: str, family: socket.AddressFamily) -> str:
    """The kernel writes each 32 bits of an address in the machine's order."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    return socket.inet_ntop(family, b"".join(words))
