"""The audit log of a live service, read as an auditor would."""

import json
from pathlib import Path

from tests.instruments.polling import eventually
from tests.instruments.stage import Stage

Line = dict[str, str]


def log_of(stage: Stage) -> Path:
    """Where the service of this stage writes."""
    return Path(stage.service.settings["audit_log"])


def lines_of(stage: Stage) -> list[Line]:
    """All lines, of the renamed files too, oldest first."""
    files = sorted(log_of(stage).parent.glob(f"{log_of(stage).name}*"), key=lambda file: file.stat().st_mtime)
    return [json.loads(line) for file in files for line in file.read_text().splitlines() if line]


def trail(stage: Stage, call_id: str) -> list[Line]:
    """All lines about a call, oldest first."""
    return [line for line in lines_of(stage) if line["call"] == call_id]


def story(stage: Stage, call_id: str) -> list[str]:
    """Event, mode and reason of each."""
    return [" ".join(filter(None, (line["event"], line["mode"], line["reason"]))) for line in trail(stage, call_id)]


def wait_story(stage: Stage, call_id: str, *expected: str, deadline: float = 5.0) -> list[Line]:
    """Waits until these are the lines about a call, and returns them."""
    wanted = list(expected)

    def told() -> bool:
        return story(stage, call_id) == wanted

    try:
        eventually(told, deadline=deadline)
    except AssertionError as error:
        raise AssertionError(f"the audit log says {story(stage, call_id)}, not {wanted}") from error
    return trail(stage, call_id)
