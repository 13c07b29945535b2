"""Examples for the API document: the pages' own, and every error in its style."""

from collections.abc import Iterable

from service.api.answers import (
    FAILURE,
    MESSAGES,
    PHRASES,
    SUCCESS,
    V1_STATUS,
    ApiError,
    V1Error,
    envelope,
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
    return Answer(status, ApiFailure, {str(error): _api(instance_id, status, error) for error in errors})


def _api(instance_id: str, status: int, error: ApiError) -> dict[str, object]:
    message = MESSAGES.get(error) or PHRASES[status]
    return envelope(instance_id, FAILURE, {"status": "fail", "error": str(error), "message": message})


def v1_failures(errors: Iterable[V1Error], *, bare: bool, always_200: bool) -> list[Answer]:
    """These errors of /v1, each with the HTTP status it is answered with; `bare` ones look all the same."""
    return [
        Answer(
            200 if always_200 and V1_STATUS[error] in (400, 404) else V1_STATUS[error],
            BareFailure if bare else Failure,
            {str(error): {"status": "fail"} if bare else {"status": "fail", "error": str(error)}},
        )
        for error in errors
    ]


def http_errors(*statuses: int) -> list[Answer]:
    """What can be wrong with a request as such, outside /api."""
    return [Answer(status, HttpError, {PHRASES[status]: {"error": PHRASES[status]}}) for status in statuses]
