"""Steps and checks around calls that are moved: rows field by field, each phone at an address of its own."""

from typing import Any

import httpx

from tests.instruments.client import Client, Row
from tests.instruments.phone import Phone
from tests.instruments.refuser import Refuser
from tests.instruments.scene import AGENT, LOCAL, OTHER, Scene, call_up
from tests.instruments.stage import ACME, Stage

TARGET = "104"
"""The extension most calls are transferred to."""

SIDES = ("aleg", "bleg")

NOT_ANSWERED = (400, {"status": "fail", "error": "CALL_NOT_ANSWERED"})
PARK_FAILED = (400, {"status": "fail"})


def address(number: str) -> str:
    """Where the phone of this number is: 127.0.0.104 for extension 104, the carrier's for all that are outside."""
    return f"127.0.0.{number}" if len(number) == 3 else "127.0.0.1"


def extension(stage: Stage, number: str, tone: int, **how: Any) -> Phone:
    """An extension's phone at its own address."""
    return stage.phone(number, tone, **{"host": address(number), **how})


def call_apart(stage: Stage, kind: str, **more: Phone) -> Scene:
    """`call_up`, with phones whose addresses differ, so that the list's `ip` tells them apart."""
    parties = {"agent": extension(stage, AGENT, 1, answer=0.0)}
    if kind == LOCAL:
        parties["far"] = extension(stage, OTHER, 2, answer=0.0)
    return call_up(stage, kind, **{**parties, **more})


def other_side(side: str) -> str:
    return "bleg" if side == "aleg" else "aleg"


def party_on(scene: Scene, side: str) -> Phone:
    """The scene's phone that stands on this side."""
    return scene.parties[name_on(scene, side)]


def name_on(scene: Scene, side: str) -> str:
    """`agent` or `far`."""
    return "agent" if side == scene.agent_side else "far"


def number_on(scene: Scene, side: str) -> str:
    return AGENT if side == scene.agent_side else scene.far_number


def wait_row(client: Client, wanted: Row) -> Row:
    """Waits until the call's row is this one, in every field."""
    return client.wait_row(wanted["call_id"], lambda row: dict(row) == dict(wanted))


def wait_fields(client: Client, **wanted: str) -> Row:
    """Waits until the row of `call_id` is so in every field but `created_time`."""
    return client.wait_row(
        wanted["call_id"], lambda row: {name: row[name] for name in row if name != "created_time"} == wanted
    )


def full_row(scene: Scene) -> Row:
    """Waits until the row of a call that is up says what this kind's must in every field; the row."""
    return wait_fields(
        scene.acme,
        call_id=scene.call_id,
        context="acme.test",
        source=number_on(scene, "aleg"),
        destination=number_on(scene, "bleg"),
        direction=scene.direction,
        ip=address(number_on(scene, "aleg")),
        state="CS_EXECUTE",
    )


def moved(row: Row, kept: str, target: str) -> Row:
    """The row once the leg on side `kept` has been sent to `target`, which takes the other side."""
    if kept == "aleg":
        return {**row, "destination": target}
    return {**row, "source": target, "ip": address(target)}


def parked(row: Row, cut: str) -> Row:
    """The row while the call is parked."""
    waiting = row["source"] if cut == "bleg" else row["destination"]
    return {**row, "ip": address(waiting), "state": "CS_PARK"}


def refuser(stage: Stage, number: str, status: str, contact: str = "", known: str = "") -> Refuser:
    """A phone of this extension that answers every call with one status; a context manager."""
    return Refuser(
        number,
        ACME,
        password=stage.pbx.secrets.phones[f"{number}@{ACME}"],
        proxy=f"127.0.0.1:{stage.pbx.sip_port}",
        status=status,
        contact=contact,
        known=known,
    )


def answer_of(response: httpx.Response) -> tuple[int, object]:
    """HTTP status and body."""
    return response.status_code, response.json()
