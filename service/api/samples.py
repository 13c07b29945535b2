"""Examples for the API document: the pages' own, and every error in its style."""

from collections.abc import Iterable

from service.api.answers import (
    PHRASES,
    SUCCESS,
    ApiError,
    V1Error,
    api_problem,
    envelope,
    v1_problem,
    v1_status,
)
from service.api.shapes import ApiFailure, BareFailure, Failure, HttpError
from service.api.table import Answer

CALL_ID = "01b7d166-b564-42ec-80a1-4ad343225934"
CLICK = {"extension": "101", "hotline": "02873001234", "phone_number": "0899123456"}
TRANSFER = {"ext": "102", "legs": "bleg"}
SUPERVISE = {"ext": "103"}
PARK = {"legs": "aleg"}
ROW = {
    "call_id": CALL_ID,
    "context": "acme.test",
    "created_time": "2021-06-08 17:37:37",
    "destination": "0899123456",
    "direction": "outbound",
    "ip": "1.2.3.4",
    "source": "101",
    "state": "CS_EXECUTE",
}


def clicked(instance_id: str) -> dict[str, object]:
    """Click-to-call's success."""
    return envelope(instance_id, SUCCESS, {"call_uuid": CALL_ID})


def api_failures(instance_id: str, status: int, errors: Iterable[ApiError]) -> Answer:
    """These errors of /api, all with one HTTP status."""
    return Answer(status, ApiFailure, {str(error): api_problem(instance_id, error, status) for error in errors})


def v1_failures(errors: Iterable[V1Error], *, bare: bool, always_200: bool) -> list[Answer]:
    """These errors of /v1, each with the HTTP status it is answered with; `bare` ones look all the same."""
    return [
        Answer(
            v1_status(error, always_200=always_200),
            BareFailure if bare else Failure,
            {str(error): v1_problem(error, bare=bare)},
        )
        for error in errors
    ]


def http_errors(*statuses: int) -> list[Answer]:
    """What can be wrong with a request as such, outside /api."""
    return [Answer(status, HttpError, {PHRASES[status]: {"error": PHRASES[status]}}) for status in statuses]
