"""The two shapes of answers: the envelope of /api, the plain object of /v1; and what each error looks like in them."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

from service import __version__
from service.errors import (
    CallNotAnswered,
    CallNotFound,
    DoNotCall,
    ExtensionOffline,
    ExtensionUnknown,
    HotlineUnknown,
    Refused,
    Unavailable,
)

SUCCESS, FAILURE = 9999, -9999
API_PREFIX = "/api"

PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class ApiError(StrEnum):
    """The error words of /api, with the messages that go with them."""

    DATA_IS_REQUIRED = "data_is_required"
    TENANT_INVALID = "tenant_invalid"
    EXTENSION_INVALID = "extension_invalid"
    NUMBER_CALL_OUT_INVALID = "number_call_out_invalid"
    USER_NOT_REGISTERED = "user_not_registered"
    DO_NOT_CALL = "do_not_call"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    UNKNOWN = "Unknown"


MESSAGES = {
    ApiError.DATA_IS_REQUIRED: "Please check your input param",
    ApiError.TENANT_INVALID: "Your tenant not found",
    ApiError.EXTENSION_INVALID: "Extension not found or disabled",
    ApiError.NUMBER_CALL_OUT_INVALID: "Your hotline invalid",
    ApiError.USER_NOT_REGISTERED: "User not registered extension with Softphone, IP Phone, Web",
    ApiError.DO_NOT_CALL: "Do not call",
    ApiError.UNAUTHORIZED: "Your access token is missing or invalid",
    ApiError.FORBIDDEN: "Your access token does not allow this",
}


class V1Error(StrEnum):
    """The error words of /v1, with the HTTP status that goes with each."""

    DATA_IS_REQUIRED = "DATA_IS_REQUIRED"
    LEGS_INVALID = "LEGS_INVALID"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    CALL_NOT_FOUND = "CALL_NOT_FOUND"
    USER_NOT_REGISTERED = "USER_NOT_REGISTERED"
    CALL_NOT_ANSWERED = "CALL_NOT_ANSWERED"


V1_STATUS = {
    V1Error.DATA_IS_REQUIRED: 400,
    V1Error.LEGS_INVALID: 400,
    V1Error.SERVICE_UNAVAILABLE: 503,
    V1Error.CALL_NOT_FOUND: 404,
    V1Error.USER_NOT_REGISTERED: 400,
    V1Error.CALL_NOT_ANSWERED: 400,
}

# The one place where what is wrong gets its name on the wire, in either style.
WORDS: dict[type[Refused], tuple[ApiError, V1Error]] = {
    Unavailable: (ApiError.UNKNOWN, V1Error.SERVICE_UNAVAILABLE),
    CallNotFound: (ApiError.UNKNOWN, V1Error.CALL_NOT_FOUND),
    CallNotAnswered: (ApiError.UNKNOWN, V1Error.CALL_NOT_ANSWERED),
    ExtensionUnknown: (ApiError.EXTENSION_INVALID, V1Error.USER_NOT_REGISTERED),
    ExtensionOffline: (ApiError.USER_NOT_REGISTERED, V1Error.USER_NOT_REGISTERED),
    HotlineUnknown: (ApiError.NUMBER_CALL_OUT_INVALID, V1Error.USER_NOT_REGISTERED),
    DoNotCall: (ApiError.DO_NOT_CALL, V1Error.SERVICE_UNAVAILABLE),
}

# The words of /api for what is wrong with a request as such; for all else it is `Unknown`.
_HTTP_ERRORS = {401: ApiError.UNAUTHORIZED, 403: ApiError.FORBIDDEN}

Headers = Mapping[str, str]


def envelope(instance_id: str, status_code: int, payload: Mapping[str, str]) -> dict[str, object]:
    """The five keys of every answer under /api."""
    return {
        "status_code": status_code,
        "instance_id": instance_id,
        "instance_version": __version__,
        "payload": dict(payload),
        "key_enabled": False,
    }


def api_problem(instance_id: str, error: ApiError, status: int) -> dict[str, object]:
    """The body of a failure of /api."""
    message = MESSAGES.get(error) or PHRASES[status]
    return envelope(instance_id, FAILURE, {"status": "fail", "error": str(error), "message": message})


def api_failure(instance_id: str, error: ApiError, status: int = 200, headers: Headers | None = None) -> Response:
    """A failure of /api in its envelope."""
    return JSONResponse(api_problem(instance_id, error, status), status, headers)


def v1_problem(error: V1Error, *, bare: bool) -> dict[str, str]:
    """The body of a failure of /v1; `bare`: without the code, as park fails."""
    return {"status": "fail"} if bare else {"status": "fail", "error": str(error)}


def v1_status(error: V1Error, *, always_200: bool) -> int:
    """Its HTTP status; `always_200`: 400 and 404 become 200, for clients that read bodies."""
    status = V1_STATUS[error]
    return HTTPStatus.OK if always_200 and status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND) else status


def v1_failure(error: V1Error, *, bare: bool, always_200: bool) -> Response:
    """A failure of /v1."""
    return JSONResponse(v1_problem(error, bare=bare), v1_status(error, always_200=always_200))


def under_api(path: str) -> bool:
    """Whether a path is answered in the envelope."""
    return path == API_PREFIX or path.startswith(API_PREFIX + "/")


def http_failure(path: str, instance_id: str, status: int, headers: Headers | None = None) -> Response:
    """What is wrong with the request as such, in the style of the path it came to."""
    if under_api(path):
        return api_failure(instance_id, _HTTP_ERRORS.get(status, ApiError.UNKNOWN), status, headers)
    return JSONResponse({"error": PHRASES[status]}, status, headers)
