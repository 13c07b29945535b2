"""The shapes of all answers, as the handlers give them and as the API document shows them."""

from typing import Literal

from typing_extensions import TypedDict  # pydantic needs it below Python 3.12


class CallRow(TypedDict):
    """One live call. `created_time` is `YYYY-MM-DD HH:MM:SS` in the configured zone, `ip` "" while unknown."""

    call_id: str
    context: str
    created_time: str
    destination: str
    direction: Literal["outbound", "inbound", "local"]
    ip: str
    source: str
    state: Literal["CS_INIT", "CS_CONSUME_MEDIA", "CS_EXECUTE", "CS_PARK"]


class CallList(TypedDict):
    """The tenant's live calls, oldest first; `total` is the number of rows."""

    data: list[CallRow]
    total: int


class Done(TypedDict):
    """Asterisk has taken the work over."""

    status: Literal["success"]
    call_id: str
    ext: str


class Parked(TypedDict):
    """Asterisk has taken the work over."""

    status: Literal["success"]
    call_id: str


class Failure(TypedDict):
    """The call is as it was."""

    status: Literal["fail"]
    error: Literal[
        "DATA_IS_REQUIRED",
        "LEGS_INVALID",
        "SERVICE_UNAVAILABLE",
        "CALL_NOT_FOUND",
        "USER_NOT_REGISTERED",
        "CALL_NOT_ANSWERED",
    ]


class BareFailure(TypedDict):
    """The call is as it was."""

    status: Literal["fail"]


class HttpError(TypedDict):
    """What is wrong with the request as such."""

    error: str


class Health(TypedDict):
    """How the service is."""

    status: Literal["live", "ready", "not ready"]


class CallUuid(TypedDict):
    """The call's id: a uuid4."""

    call_uuid: str


class ApiProblem(TypedDict):
    """What is wrong, as a word and as a sentence."""

    status: Literal["fail"]
    error: Literal[
        "data_is_required",
        "tenant_invalid",
        "extension_invalid",
        "number_call_out_invalid",
        "user_not_registered",
        "unauthorized",
        "forbidden",
        "Unknown",
    ]
    message: str


class Clicked(TypedDict):
    """The extension is being rung; `call_uuid` is the `call_id` of every route under /v1/call."""

    status_code: Literal[9999]
    instance_id: str
    instance_version: str
    payload: CallUuid
    key_enabled: Literal[False]


class ApiFailure(TypedDict):
    """Nothing was rung."""

    status_code: Literal[-9999]
    instance_id: str
    instance_version: str
    payload: ApiProblem
    key_enabled: Literal[False]
