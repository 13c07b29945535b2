"""`python -m tests.harness`: the phones of both demo tenants and the carrier, until SIGTERM.

Reads STAGE_SECRETS (the secrets file) and STAGE_SIP (host:port of the PBX); writes READY when all have registered.
"""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.harness.phone import Account, Does, Phone, Script

EXTENSIONS: dict[str, dict[str, Does]] = {
    "acme.test": {
        "101": Does.ANSWERS,
        "102": Does.ANSWERS,
        "103": Does.ANSWERS,
        "104": Does.BUSY,
    },
    "globex.test": {
        "101": Does.ANSWERS,
        "102": Does.BUSY,
        "103": Does.DECLINES,
        "104": Does.RINGS_OUT,
    },
}
"""What each extension does; 105 has no phone, so that a client meets that too."""

MOBILES = {"02": Does.BUSY, "03": Does.RINGS_OUT, "04": Does.DECLINES, "05": Does.HANGS_UP}
"""What a number outside does, by its last two digits; every other one answers."""

TRUNK = "carrier"
READY = Path("/run/phones/registered")
CALL_SECONDS = 60.0


def mobile(number: str) -> Does:
    """The script of the carrier."""
    return MOBILES.get(number[-2:], Does.ANSWERS)


def phones() -> Iterator[Phone]:
    """All of them, from the environment."""
    secrets = json.loads(Path(os.environ["STAGE_SECRETS"]).read_text())
    host, _, port = os.environ["STAGE_SIP"].partition(":")
    server = (socket.gethostbyname(host), int(port))
    seconds = float(os.environ.get("PATCHBAY_CALL_SECONDS") or CALL_SECONDS)
    for domain, scripts in EXTENSIONS.items():
        for number, does in scripts.items():
            account = Account(number, domain, number, secrets["phones"][f"{number}@{domain}"], server)
            yield Phone(account, always(does), seconds)
    yield Phone(Account(TRUNK, "carrier.invalid", TRUNK, secrets["carrier_password"], server, 660), mobile, seconds)


def always(does: Does) -> Script:
    """The script of an extension."""
    return lambda number: does


async def main() -> None:
    """Runs them until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    everyone = list(phones())
    tasks = [asyncio.create_task(phone.run()) for phone in everyone]
    watch = asyncio.create_task(tell_ready(everyone))
    await stop.wait()
    announce(False)
    for task in (watch, *tasks):
        task.cancel()
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 1)


async def tell_ready(everyone: list[Phone]) -> None:
    """Says when all have registered, to people and to the health check."""
    for phone in everyone:
        await phone.registered.wait()
        print(f"registered: {phone.account.number}@{phone.account.domain}")
    announce(True)


def announce(ready: bool) -> None:
    """Tells the health check."""
    if ready:
        READY.touch()
    else:
        READY.unlink(missing_ok=True)


if __name__ == "__main__":
    asyncio.run(main())
