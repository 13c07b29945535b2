"""The log's story of each call: one line for each thing a caller would notice, also when it was not seen happen."""

from collections.abc import Sequence

from service.calls.model import Call
from service.calls.picture import Change, Picture
from service.log import logger, safe


def snapshot(before: Picture, after: Picture) -> None:
    """What the outage changed: calls adopted, calls that ended unseen."""
    old, new = ({call.id: call for call in picture.all_calls()} for picture in (before, after))
    adopted = [call for call in new.values() if call.id not in old]
    ended = [call for call in old.values() if call.id not in new]
    logger.info(
        "picture complete: %d channels, %d calls, %d of them new, %d ended unseen, %d supervisions",
        len(after),
        len(new),
        len(adopted),
        len(ended),
        len(after.supervisions()),
    )
    for call in adopted:
        _tell(call, f"adopted: {_parties(call)}")
    for call in ended:
        _tell(call, "ended unseen")


def turning_points(_: object, changes: Sequence[Change]) -> None:
    """One line for each thing a caller would notice."""
    for change in changes:
        if text := _turning_point(change.before, change.after):
            call = change.after or change.before
            assert call is not None
            _tell(call, text)


def _tell(call: Call, text: str) -> None:
    logger.info("call %s", text, extra={"ids": {"call": call.id, "tenant": call.domain}})


def _turning_point(before: Call | None, after: Call | None) -> str:
    if after is None:
        return "ended"
    if before is None:
        return f"began: {_parties(after)}"
    if after.parked != before.parked:
        return "parked" if after.parked else "left the park"
    legs = {leg.id for leg in after.legs}
    if after.answered and not (before.answered and legs == {leg.id for leg in before.legs}):
        return f"answered: {_parties(after)}"
    return ""


def _parties(call: Call) -> str:
    return f"{call.direction} {safe(call.source)} to {safe(call.destination)}"
