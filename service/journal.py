"""The log's story of each call: one line for each thing a caller would notice, also when it was not seen happen."""

from collections.abc import Iterable, Mapping, Sequence

from service.ari.models import Event
from service.calls.model import Call
from service.calls.picture import Change, Picture
from service.log import logger, safe


def complete(before: Picture, after: Picture) -> None:
    """What the outage changed: calls adopted, calls that ended unseen."""
    adopted, ended = _apart(before, after)
    logger.info(
        "picture complete: %d channels, %d calls, %d of them new, %d ended unseen, %d supervisions",
        len(after),
        sum(1 for _ in after.all_calls()),
        len(adopted),
        len(ended),
        len(after.supervisions()),
    )
    _unseen(adopted, ended)


def renewed(before: Picture, after: Picture) -> None:
    """The same of what no event has told."""
    _unseen(*_apart(before, after))


def hidden(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Which channels Asterisk has no words for (their names by id), once each, and the end of that."""
    for channel in after.keys() - before.keys():
        logger.warning(
            "Asterisk cannot tell of channel %s (%s): its extension, or what its application was given, is no UTF-8. "
            "Its call is not listed; see the README on patterns that end in . or !",
            safe(channel),
            safe(after[channel]),
        )
    if before and not after:
        logger.info("Asterisk can tell of every channel again")


def _apart(before: Picture, after: Picture) -> tuple[list[Call], list[Call]]:
    """The calls that only one of two pictures has: the later, the earlier."""
    old, new = ({call.id: call for call in picture.all_calls()} for picture in (before, after))
    return [call for call in new.values() if call.id not in old], [call for call in old.values() if call.id not in new]


def _unseen(adopted: Iterable[Call], ended: Iterable[Call]) -> None:
    for call in adopted:
        _tell(call, f"adopted: {_parties(call)}")
    for call in ended:
        _tell(call, "ended unseen")


def turning_points(_: Sequence[Event], changes: Sequence[Change]) -> None:
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
