"""`make run`: one PBX, the service beside it, and a word on what to do with them."""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import FrameType

from asterisk.pbx import child
from asterisk.pbx.conf import PbxSettings, configured_phones
from asterisk.pbx.errors import PbxError
from asterisk.pbx.installation import Installation, find
from asterisk.pbx.instance import Pbx
from asterisk.pbx.places import PRIVATE, PROJECT
from asterisk.pbx.ports import LOOPBACK, Ports, tcp_free, udp_free
from asterisk.pbx.secrets import Secrets, load_secrets, write_private

NAME = "demo"
RTP = (10000, 10999)
DEMO_HOTLINES = {"acme.test": ("02873001234", "02873001235"), "globex.test": ("02873005678", "02873005679")}
TENANTS = PRIVATE / "tenants.toml"
SERVICE_LOG = PRIVATE / "service.log"
AUDIT_LOG = PRIVATE / "audit.jsonl"
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1


class Stopped(Exception):
    """SIGINT or SIGTERM came: the orderly end."""


@dataclass(frozen=True)
class Service:
    """The API as a child process, and where it answers."""

    process: subprocess.Popen[bytes]
    url: str

    def ready(self) -> bool:
        """Whether it says that its picture of the PBX is complete."""
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=2) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except (urllib.error.URLError, OSError):
            return False


def main() -> int:
    """Runs both until Ctrl-C (0) or until one of them dies (1)."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        _run()
    except Stopped:
        return 0
    except PbxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    for further in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C must not cut the cleaning up short
        signal.signal(further, signal.SIG_IGN)
    raise Stopped


def _run() -> None:
    installation = find()
    PRIVATE.mkdir(mode=0o700, exist_ok=True)
    with (PRIVATE / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PbxError(f"{PROJECT} already runs a PBX: end that one first") from error
        _run_pbx(installation)


def _run_pbx(installation: Installation) -> None:
    secrets = load_secrets(PRIVATE, configured_phones())
    if not TENANTS.exists():
        write_private(TENANTS, demo_tenants(secrets))
    sip = free_port("PATCHBAY_SIP_PORT", 5060, udp_free)
    http = free_port("PATCHBAY_ARI_PORT", 8088, tcp_free)
    ports = Ports(sip=sip, http=http, rtp_start=RTP[0], rtp_end=RTP[1])
    host = os.environ.get("PATCHBAY_SIP_HOST", LOOPBACK)
    pbx = Pbx(installation, PbxSettings(NAME, ports, secrets, sip_host=host))
    try:
        pbx.start()
        _serve(pbx)
    finally:
        pbx.stop()


def _serve(pbx: Pbx) -> None:
    service = start_service(pbx)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not service.ready():
            _check_alive(pbx, service)
            if time.monotonic() > deadline:
                raise PbxError(f"the service is not ready, the end of its log:\n{child.tail(SERVICE_LOG)}")
            time.sleep(POLL_SECONDS)
        print(welcome(pbx, service.url), flush=True)
        while True:
            _check_alive(pbx, service)
            time.sleep(POLL_SECONDS)
    finally:
        child.stop(service.process, STOP_SECONDS)


def _check_alive(pbx: Pbx, service: Service) -> None:
    if not pbx.alive():
        raise PbxError(f"Asterisk ended, the end of its log:\n{child.tail(pbx.log)}")
    if service.process.poll() is not None:
        raise PbxError(f"the service ended, the end of its log:\n{child.tail(SERVICE_LOG)}")


def start_service(pbx: Pbx) -> Service:
    """`python -m service` as a child, told where this PBX is."""
    port = free_port("PATCHBAY_PORT", 8080, tcp_free)
    host = os.environ.get("PATCHBAY_HOST", LOOPBACK)
    env = os.environ | {
        "PATCHBAY_HOST": host,
        "PATCHBAY_PORT": str(port),
        "PATCHBAY_ARI_URL": pbx.ari_url,
        "PATCHBAY_ARI_USER": "patchbay",
        "PATCHBAY_ARI_PASSWORD": pbx.secrets.ari_password,
        "PATCHBAY_TENANTS": str(TENANTS),
        "PATCHBAY_AUDIT_LOG": str(AUDIT_LOG),
    }
    process = child.start([sys.executable, "-m", "service"], SERVICE_LOG, env=env, cwd=PROJECT)
    return Service(process, f"http://{LOOPBACK}:{port}")


def free_port(variable: str, default: int, free: Callable[[int], bool]) -> int:
    """The port the variable names, which must be free, or the first free one from the default on."""
    with suppress(KeyError):
        wanted = int(os.environ[variable])
        if free(wanted):
            return wanted
        raise PbxError(f"{variable}: port {wanted} is in use")
    port = next(port for port in range(default, default + 200, 2) if free(port))
    if port != default:
        print(f"port {default} is in use, taking {port} (or set {variable})", flush=True)
    return port


def demo_tenants(secrets: Secrets) -> str:
    """The tenants file of the two demo tenants; it holds the tokens' hashes only."""
    return "\n".join(_tenant(domain, token) for domain, token in secrets.tokens.items())


def _tenant(domain: str, token: str) -> str:
    digest = hashlib.sha256(token.encode()).hexdigest()
    hotlines = "".join(f'"{number}" = {{ trunk = "carrier" }}\n' for number in DEMO_HOTLINES.get(domain, ()))
    return f'[[tenant]]\ndomain = "{domain}"\nenabled = true\ntokens = ["sha256:{digest}"]\n' + (
        f"[tenant.hotlines]\n{hotlines}"
    )


def welcome(pbx: Pbx, url: str) -> str:
    """What a newcomer needs next: addresses, tokens, a softphone's settings, two commands to type."""
    domain = next(iter(pbx.secrets.tokens))
    token = pbx.secrets.tokens[domain]
    tokens = "\n".join(f"  {name:12} {secret}" for name, secret in pbx.secrets.tokens.items())
    call = f'{{"extension":"101","hotline":"{DEMO_HOTLINES[domain][0]}","phone_number":"0901234567"}}'
    return f"""
The API answers at {url}, with these demo tokens:
{tokens}

Register a softphone:
  user 101, domain {domain}, password {pbx.secrets.phones[f"101@{domain}"]}
  outbound proxy (server) {pbx.settings.sip_host}:{pbx.sip_port}, UDP
  (the others' passwords: {_short(PRIVATE / "secrets.json")})

Then ring it, and a mobile that speaks and echoes:
  curl -H 'Authorization: Bearer {token}' {url}/api/click2call -d '{call}'
and list the calls, plain and pretty:
  curl -H 'Authorization: Bearer {token}' {url}/v1/call
  curl -s -H 'Authorization: Bearer {token}' {url}/v1/call | python3 -m json.tool

Logs: {_short(SERVICE_LOG)} and {_short(pbx.log)}. Ctrl-C ends both."""


def _short(path: Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    sys.exit(main())
