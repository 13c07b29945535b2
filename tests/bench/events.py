"""Recorded events, replayed flat out to the service: what one costs."""

import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.bench.figures import Figure
from tests.bench.process import cpu_seconds
from tests.bench.table import Row
from tests.fast.fake_ari import FakeAri, channel
from tests.fast.replay import NAMES, RECORDINGS
from tests.instruments.polling import eventually
from tests.instruments.recorder import read
from tests.instruments.service import Service
from tests.instruments.stage import ACME, tenants_file

PASSES = 15
"""Of every recording: some 18,000 events."""

SUPERVISED = "-phone"
"""In an id: a supervisor of ours. Recordings with one are left out, for the service would act on it."""

TOKEN = "bench"
SOON = 60.0

OWN = re.compile(r"\brecord-(?=\d)|(?<=patchbay-)[0-9a-f]{8}|\b[0-9a-f]{8}(?=-[0-9a-f]{4}-4)")
"""What tells ids of one run from those of another: Asterisk's prefix, the first digits of ours and of UUIDs."""


async def measure() -> AsyncIterator[Row]:
    """A service as it is shipped, before a fake Asterisk that only sends events."""
    with TemporaryDirectory() as folder, FakeAri(judged=False) as fake:
        fake.endpoints = dict.fromkeys((f"{number}@{ACME}" for number in range(101, 106)), "online")
        service = Service(Path(folder), **_settings(Path(folder), fake)).start()
        try:
            for row in cost_rows(Replay(fake, service)):
                yield row
        finally:
            service.stop()


class Replay:
    """Sends frames to one service and waits until it has applied them all."""

    def __init__(self, fake: FakeAri, service: Service) -> None:
        assert service.process is not None
        self.pid = service.process.pid
        self._fake = fake
        self._http = httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {TOKEN}"})
        self._marks = itertools.count()

    def send(self, frames: Sequence[str]) -> None:
        """Returns when a call that begins after the last frame is listed; ends it."""
        mark = channel(f"mark-{next(self._marks)}", f"PJSIP/105@{ACME}-{0:08x}", dnid="101")
        self._fake.send_all([*frames, json.dumps({"type": "ChannelCreated", "channel": mark})])
        eventually(lambda: self._listed() == 1, deadline=SOON, message="the events are not applied")
        self._fake.send("ChannelDestroyed", channel=mark)
        eventually(lambda: self._listed() == 0, deadline=SOON, message="calls are left")

    def _listed(self) -> int:
        total: int = self._http.get("/v1/call").json()["total"]
        return total


def cost_rows(replay: Replay) -> Iterator[Row]:
    """CPU an event and events a second, against a loop that only parses the JSON."""
    everything = [name for name in NAMES if SUPERVISED not in (RECORDINGS / f"{name}.jsonl").read_text()]
    sent = [frame for serial in range(PASSES) for frame in frames(everything, serial)]
    replay.send(sent[: len(sent) // PASSES])
    cpu, started = cpu_seconds(replay.pid), time.monotonic()
    replay.send(sent)
    seconds, cpu = time.monotonic() - started, cpu_seconds(replay.pid) - cpu
    parsing = _parse(sent)
    what = f"of {len(sent):,} recorded, replayed flat out"
    yield Row(
        f"the service's CPU an event, {what}",
        "us",
        Figure(cpu / len(sent) * 1e6),
        Figure(parsing / len(sent) * 1e6),
        "json.loads alone",
    )
    yield Row(
        f"events a second, {what}",
        "/s",
        Figure(len(sent) / seconds),
        Figure(len(sent) / parsing),
        "json.loads alone",
    )


def frames(names: Sequence[str], serial: int) -> Iterator[str]:
    """The events of these recordings as Asterisk sends them, with ids no other serial has."""
    for name in names:
        for line in read(RECORDINGS / f"{name}.jsonl"):
            if "event" in line:
                text = json.dumps(_whole(line["event"]), separators=(",", ":"))
                yield OWN.sub(lambda found: _id(found[0], serial), text)


def _id(known: str, serial: int) -> str:
    return f"bench{serial}-" if known == "record-" else f"{serial:08x}"


def _whole(event: dict[str, Any]) -> dict[str, Any]:
    """With the parts that recordings leave out because nobody reads them: they have to be parsed all the same."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    parts = {key: _whole_channel(event[key]) for key in ("channel", "peer", "caller") if key in event}
    return event | parts | {"timestamp": now, "asterisk_id": "02:42:ac:11:00:02", "application": "patchbay-bench"}


def _whole_channel(told: dict[str, Any]) -> dict[str, Any]:
    return {
        **told,
        "protocol_id": "6f1c6be2-2d0c-4b6e-9a3b-0d9be2a5f3a1",
        "connected": {"name": "", "number": ""},
        "accountcode": "",
        "language": "en",
        "dialplan": {**told["dialplan"], "priority": 1, "app_data": "PJSIP/0901000001@carrier,120"},
    }


def _parse(sent: Sequence[str]) -> float:
    """Seconds of CPU that parsing takes."""
    started = time.process_time()
    for frame in sent:
        json.loads(frame)
    return time.process_time() - started


def _settings(folder: Path, fake: FakeAri) -> dict[str, str]:
    tenants = folder / "tenants.toml"
    tenants.write_text(tenants_file({ACME: TOKEN}))
    return {
        "ari_url": fake.url,
        "ari_password": token_hex(),
        "app": "bench",
        "tenants": str(tenants),
        "timezone": "UTC",
        "audit_log": str(folder / "audit.jsonl"),
    }
