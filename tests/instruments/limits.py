"""Outbound limits as an operator sets them: the tenants file, SIGHUP, and Asterisk's own database as the witness."""

import signal
import time
from functools import partial
from pathlib import Path

from service.gate import rendered
from service.tenants import load
from tests.instruments.failures import click_failure
from tests.instruments.phone import Phone
from tests.instruments.polling import eventually
from tests.instruments.stage import ACME, MOBILE, Stage, tenants_file
from tests.instruments.witness import Witness

HOTLINE = "02873001234"
REFUSED = "403"
"""The SIP status of a call that the gate refuses to a phone."""


class Limits:
    """Those of one stage's acme, and those for everybody."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.path = Path(stage.service.settings["tenants"])

    def set(self, acme: str = "", everybody: str = "") -> None:
        """Lines of [tenant.outbound] and of [outbound]; returns when Asterisk has them."""
        limits = {"*": everybody} if everybody else {}
        self.path.write_text(tenants_file(self.stage.pbx.secrets.tokens, limits | {ACME: acme}))
        self.stage.service.signal(signal.SIGHUP)
        wanted = rendered(load(self.path))
        for whose, policy in wanted.items():
            eventually(partial(self._has, whose, policy), message=whose)

    def clear(self) -> None:
        """No limits, and no call counted."""
        self.set()
        self.stage.pbx.cli("database deltree patchbay-calls")

    def stored(self, family: str, key: str) -> str | None:
        """What Asterisk's database has."""
        value = self.stage.pbx.cli(f"database get patchbay-{family} {key}").strip()
        return value.removeprefix("Value:").strip() if value.startswith("Value:") else None

    def _has(self, whose: str, policy: str) -> bool:
        return self.stored("outbound", whose) == policy

    def made(self, ago: int) -> None:
        """As if acme's only call had been made so many seconds ago."""
        now = int(time.time())
        self.stage.pbx.cli(f"database deltree patchbay-calls {ACME}")
        self.stage.pbx.cli(f"database put patchbay-calls {ACME}/0 {now - ago}")
        self.stage.pbx.cli(f"database put patchbay-calls {ACME} 1")

    def refused(self, reason: str) -> float:
        """How many calls the service has counted as refused for it."""
        begins = f'patchbay_outbound_refused_total{{reason="{reason}"}} '
        lines = self.stage.acme.http.get("/metrics").text.splitlines()
        return float(next(line.removeprefix(begins) for line in lines if line.startswith(begins)))

    def click(self, extension: str, number: str = MOBILE) -> bytes:
        """The answer to a click-to-call."""
        body = {"extension": extension, "hotline": HOTLINE, "phone_number": number}
        return self.stage.acme.http.post("/api/click2call", json=body).content

    def refuse_click(self, reason: str, extension: str = "101", number: str = MOBILE) -> None:
        """A click is refused, to the byte; Asterisk is as it was, and it is counted."""
        before, counted = Witness(self.stage).still(), self.refused(reason)
        assert self.click(extension, number) == click_failure("do_not_call")[1]
        eventually(lambda: Witness(self.stage).still() == before, message=f"not {before}")
        assert self.refused(reason) == counted + 1

    def refuse_phone(self, reason: str, phone: Phone, number: str = MOBILE) -> None:
        """A phone's own call is refused before it reaches the carrier, and counted."""
        before, counted, ended = Witness(self.stage).still(), self.refused(reason), len(phone.ended)
        phone.dial(number)
        eventually(lambda: len(phone.ended) > ended, message="not refused")
        assert phone.ended[-1].reason.startswith(REFUSED)
        eventually(lambda: Witness(self.stage).still() == before, message=f"not {before}")
        eventually(lambda: self.refused(reason) == counted + 1, message="not counted")
