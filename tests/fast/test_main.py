"""`python -m service` as an operator meets it: what it prints, how it ends, what SIGHUP does."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from service import tenants
from service.__main__ import KEEP_ALIVE_SECONDS, config, main, reload, soon
from service.audit.file import AuditFile
from service.settings import Settings
from service.tenants import TenantBook, load
from service.tokens import hash_token
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually
from tests.instruments.service import Service

NOBODY = "http://127.0.0.1:1/ari"  # where no Asterisk is


def tenants_file(folder: Path, token: str) -> Path:
    path = folder / "tenants.toml"
    path.write_text(f'[[tenant]]\ndomain = "acme.test"\ntokens = ["{hash_token(token)}"]\n')
    return path


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to start in, and no setting but those the test makes."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PATCHBAY_{name.upper()}", raising=False)
    return tmp_path


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Service]:
    """The service in a process of its own, answering, with an Asterisk out of reach."""
    service = Service(folder, ari_url=NOBODY, ari_password="s3cret-ari", log_level="debug", **settings)
    service.launch()
    try:
        eventually(lambda: status(service, "/live") == 200, deadline=20)
        yield service
    finally:
        service.stop()


def status(service: Service, path: str, token: str = "none") -> int:
    """HTTP status of a GET; 0 while nobody listens."""
    try:
        return httpx.get(service.url + path, headers={"Authorization": f"Bearer {token}"}, verify=NO_TLS).status_code
    except httpx.TransportError:
        return 0


def test_token(capsys: pytest.CaptureFixture[str], alone: Path) -> None:
    """A token for the client and the hash that fits it; neither settings nor tenants are needed."""
    assert main(["token"]) == 0
    found = re.fullmatch(
        r"token, for the client: +(\S{43})\nhash, for the tenants file: +(sha256:[0-9a-f]{64})\n",
        capsys.readouterr().out,
    )
    assert found
    assert hash_token(found[1]) == found[2]
    file = alone / "tenants.toml"
    file.write_text(f'[[tenant]]\ndomain = "acme.test"\ntokens = ["{found[2]}"]\n')
    assert load(file).by_token(found[1]) is not None


@pytest.mark.parametrize("arguments", [["tokens"], ["token", "2"], ["--help"], ["serve"], [""]])
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """What it does not know it does not do."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"usage: python -m service \[token.*\]\n", captured.err)


def test_a_wrong_setting_stops_the_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, alone: Path
) -> None:
    """With one line."""
    monkeypatch.setenv("PATCHBAY_PARK_LEGS", "both")
    assert main([]) == 1
    assert capsys.readouterr().err == (
        "PATCHBAY_PARK_LEGS: Input should be 'cut' or 'keep'; mend it in the environment or in .env\n"
    )


def test_missing_tenants_stop_the_start(capsys: pytest.CaptureFixture[str], alone: Path) -> None:
    """With one line."""
    assert main([]) == 1
    assert capsys.readouterr().err == (
        "tenants.toml: no such file; write one, or set PATCHBAY_TENANTS to where it is\n"
    )


def test_the_process_itself_ends_with_one_line(alone: Path) -> None:
    """On standard error, without a traceback, with status 1."""
    service = Service(alone, tenants=str(alone / "no.toml"))
    service.launch()
    assert service.process is not None
    assert service.process.wait(20) == 1
    assert service.log == f"{alone}/no.toml: no such file; write one, or set PATCHBAY_TENANTS to where it is\n"


def test_a_port_in_use_stops_the_start(alone: Path) -> None:
    """It says so, without a traceback, and ends with status 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "service"],
            cwd=Path(__file__).parents[2],
            env={
                "PATCHBAY_PORT": str(port),
                "PATCHBAY_ARI_URL": NOBODY,
                "PATCHBAY_ARI_PASSWORD": "s3cret-ari",
                "PATCHBAY_TENANTS": str(tenants_file(alone, "first-token")),
            },
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert ended.returncode == 1
    assert "address already in use" in ended.stderr
    assert str(port) in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_without_asterisk_it_lives_and_takes_new_tenants_on_sighup(alone: Path, end: signal.Signals) -> None:
    """A wrong file changes nothing, a good one is in force at once; it ends with status 0; no secret is logged."""
    file = tenants_file(alone, "old-token")
    with running(alone, tenants=str(file)) as service:
        assert status(service, "/ready") == 503
        assert (status(service, "/v1/call", "old-token"), status(service, "/v1/call", "new-token")) == (503, 401)

        file.write_text("[[tenant]\n")
        service.signal(signal.SIGHUP)
        eventually(lambda: "the tenants stay as they were" in service.log)
        assert status(service, "/v1/call", "old-token") == 503

        tenants_file(alone, "new-token")
        service.signal(signal.SIGHUP)
        eventually(lambda: "tenants read again: 1" in service.log)
        assert (status(service, "/v1/call", "old-token"), status(service, "/v1/call", "new-token")) == (401, 503)

        service.signal(end)
        assert service.process is not None
        assert service.process.wait(10) == 0
        told = service.log
    assert "Asterisk is out of reach" in told
    assert "times in" in told.splitlines()[0]
    assert "Traceback" not in told
    for secret in ("s3cret-ari", "old-token", "new-token", hash_token("new-token")[7:], "Authorization"):
        assert secret not in told


def test_a_sighup_in_the_middle_of_the_one_before(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file as it was last is in force: a token that was just revoked does not come back."""
    book = TenantBook(tenants_file(alone, "first-token"))
    sighup = partial(soon, partial(reload, book, AuditFile(alone / "audit.jsonl")))

    def interrupted(path: Path) -> tenants.Tenants:
        read = load(path)
        monkeypatch.setattr(tenants, "load", load)
        tenants_file(alone, "second-token")
        sighup(signal.SIGHUP, None)
        return read

    async def serve() -> None:
        monkeypatch.setattr(tenants, "load", interrupted)
        sighup(signal.SIGHUP, None)
        for _ in range(4):  # more turns of the loop than there are signals
            await asyncio.sleep(0)

    asyncio.run(serve())
    assert (book.knows("first-token"), book.knows("second-token")) == (False, True)


def test_what_uvicorn_is_told(alone: Path) -> None:
    """Keep-alive outlasts clients' pools; forwarded headers count from configured proxies only."""
    book = TenantBook(tenants_file(alone, "first-token"))
    plain = config(Settings(), book)
    assert plain.timeout_keep_alive == KEEP_ALIVE_SECONDS > 75
    assert not plain.proxy_headers
    proxied = config(Settings(proxies=("10.0.0.1",)), book)
    assert proxied.proxy_headers
    assert proxied.forwarded_allow_ips == ["10.0.0.1"]
