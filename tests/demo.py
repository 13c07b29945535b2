"""`make demo`: real phones on a PBX of its own; each operation as a request, and who hears whom after it."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asterisk.pbx import PbxError
from tests.instruments.audibility import Table, render
from tests.instruments.stage import HOTLINES, MOBILE, Stage, live_stage

HEARD: dict[str, dict[str, str]] = {
    "talk": {"agent": "mobile", "mobile": "agent"},
    "listen": {"agent": "mobile", "mobile": "agent", "boss": "agent mobile"},
    "whisper": {"agent": "mobile boss", "mobile": "agent", "boss": "agent mobile"},
    "barge": {"agent": "mobile boss", "mobile": "agent boss", "boss": "agent mobile"},
    "transfer": {"colleague": "mobile boss", "mobile": "colleague boss", "boss": "colleague mobile"},
    "park": {"mobile": "music"},
    "back": {"agent": "mobile", "mobile": "agent"},
}
"""Who must hear whom after each step; the demo fails when it is otherwise."""


def main() -> int:
    """The whole demonstration; 1 when Asterisk cannot be had or somebody hears the wrong person."""
    try:
        with tempfile.TemporaryDirectory() as folder, live_stage(Path(folder), "demonstration") as stage:
            _play(stage)
    except (PbxError, AssertionError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _play(stage: Stage) -> None:
    with _cast(stage) as table:
        body = {"extension": "101", "hotline": HOTLINES["acme.test"][0], "phone_number": MOBILE}
        answer = _post(stage, "/api/click2call", body)
        call_id = json.loads(answer)["payload"]["call_uuid"]
        _hear(table, "the agent (101) was rung, then the mobile", "talk")
        call = f"/v1/call/{call_id}"
        _get(stage)
        _post(stage, f"{call}/listen", {"ext": "103"})
        _hear(table, "the boss (103) was rung and listens: nobody hears the boss", "listen")
        _post(stage, f"{call}/whisper", {"ext": "103"})
        _hear(table, "the same boss whispers, unrung: the agent hears it, the mobile does not", "whisper")
        _post(stage, f"{call}/barge", {"ext": "103"})
        _hear(table, "the boss barges in: all three hear each other", "barge")
        _post(stage, f"{call}/transfer", {"ext": "102", "legs": "bleg"})
        _hear(table, "the mobile was moved to a colleague (102), and the boss follows", "transfer")
        _post(stage, f"{call}/park", {"legs": "aleg"})
        _hear(table, "the colleague was cut, the mobile waits with music", "park", boss_gone=True)
        _post(stage, f"{call}/transfer", {"ext": "101", "legs": "bleg"})
        _hear(table, "the agent took the mobile out of the park", "back")
        _get(stage)
    stage.strike()
    print("All have hung up; Asterisk holds no channel and no bridge.")


@contextmanager
def _cast(stage: Stage) -> Iterator[Table]:
    names = {"agent": "101", "colleague": "102", "boss": "103"}
    phones = {name: stage.phone(extension, tone, answer=0.3) for tone, (name, extension) in enumerate(names.items())}
    yield stage.start(**phones, mobile=stage.mobile(3, answer=0.3))


def _hear(table: Table, what: str, step: str, *, boss_gone: bool = False) -> None:
    if boss_gone:
        print("(the boss hangs up)")
        table.party("boss").hangup()
    expected = {listener: voices.split() for listener, voices in HEARD[step].items()}
    heard = table.expect(expected)
    print(f"\n{what}:\n{render(heard)}\n")


def _post(stage: Stage, path: str, body: dict[str, str]) -> str:
    print(f"$ curl -H 'Authorization: Bearer $TOKEN' {stage.service.url}{path} -d '{json.dumps(body)}'")
    answer = stage.acme.http.post(path, json=body).text
    print(answer)
    return answer


def _get(stage: Stage) -> None:
    print(f"$ curl -H 'Authorization: Bearer $TOKEN' {stage.service.url}/v1/call")
    print(stage.acme.http.get("/v1/call").text)


if __name__ == "__main__":
    sys.exit(main())
