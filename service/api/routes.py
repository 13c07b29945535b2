"""The route table: every route, its handler, what it takes, all it can answer. The API document is made from it."""

from prometheus_client import generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from service.api import document_page, samples
from service.api.answers import ApiError, V1Error
from service.api.body import Body, ClickToCallBody, ParkBody, SuperviseBody, TransferBody
from service.api.calls import get_calls, post_park, post_transfer
from service.api.click2call import post_click2call
from service.api.context import context
from service.api.health import get_live, get_ready
from service.api.shapes import CallList, Clicked, Done, Health, Parked
from service.api.supervise import supervise
from service.api.table import Answer, Entry, Handler
from service.calls.supervision import Mode
from service.settings import FailureStatus, Settings
from service.tokens import Scope

ETAG = "The same for the same list, from every replica; for `If-None-Match`."
IF_NONE_MATCH = "An earlier answer's `ETag`; while the list is still the same the answer is 304, without a body."
METRICS = "For Prometheus; it tells of no call and, unless so chosen, of no tenant."
METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"
CALL_PATH = "/v1/call/{call_id}"

CLICK_ERRORS = (
    ApiError.DATA_IS_REQUIRED,
    ApiError.TENANT_INVALID,
    ApiError.EXTENSION_INVALID,
    ApiError.NUMBER_CALL_OUT_INVALID,
    ApiError.USER_NOT_REGISTERED,
    ApiError.DO_NOT_CALL,
)
LISTEN = "Rings `ext`; it hears both sides, nobody hears it. One that is on the call already changes mode unrung."
WHISPER = "Rings `ext`; it hears both sides, the call's extension hears it, the other party never."
BARGE = "Rings `ext`; all three hear each other."


def table(settings: Settings) -> list[Entry]:
    """All routes of a service with these settings."""
    return [
        _click2call(settings.instance_id),
        Entry(
            "GET",
            "/v1/call",
            get_calls,
            Scope.READ,
            "The tenant's live calls, oldest first.",
            (
                Answer(200, CallList, {"one call": {"data": [samples.ROW], "total": 1}}, headers={"ETag": ETAG}),
                Answer(304, None, media="", headers={"ETag": ETAG}),
                *samples.http_errors(401, 403, 429, 500, 503),
            ),
            headers={"If-None-Match": IF_NONE_MATCH},
        ),
        _verb(
            settings,
            "transfer",
            post_transfer,
            Scope.MOVE,
            TransferBody,
            samples.TRANSFER,
            "Moves the leg that `legs` names to `ext`; the other leg is hung up.",
        ),
        _verb(settings, "listen", supervise(Mode.LISTEN), Scope.SUPERVISE, SuperviseBody, samples.SUPERVISE, LISTEN),
        _verb(settings, "whisper", supervise(Mode.WHISPER), Scope.SUPERVISE, SuperviseBody, samples.SUPERVISE, WHISPER),
        _verb(settings, "barge", supervise(Mode.BARGE), Scope.SUPERVISE, SuperviseBody, samples.SUPERVISE, BARGE),
        _verb(
            settings,
            "park",
            post_park,
            Scope.MOVE,
            ParkBody,
            samples.PARK,
            "Cuts the leg that `legs` names; the other hears music until a transfer takes it, or its time is up.",
        ),
        *_open_routes(),
    ]


def _click2call(instance_id: str) -> Entry:
    return Entry(
        "POST",
        "/api/click2call",
        post_click2call,
        Scope.CALL,
        "Rings the extension; when it answers, calls the number with the hotline as caller id.",
        (
            Answer(200, Clicked, {"the extension is being rung": samples.clicked(instance_id)}),
            samples.api_failures(instance_id, 200, CLICK_ERRORS),
            samples.api_failures(instance_id, 401, [ApiError.UNAUTHORIZED]),
            samples.api_failures(instance_id, 403, [ApiError.FORBIDDEN]),
            *(samples.api_failures(instance_id, status, [ApiError.UNKNOWN]) for status in (408, 413, 429, 500, 503)),
        ),
        ClickToCallBody,
        samples.CLICK,
    )


def _verb(
    settings: Settings,
    name: str,
    handler: Handler,
    scope: Scope,
    body: type[Body],
    example: dict[str, str],
    summary: str,
) -> Entry:
    bare = name == "park"
    always_200 = settings.failure_status is FailureStatus.OK
    done = {"status": "success", "call_id": samples.CALL_ID} | ({} if bare else {"ext": example["ext"]})
    errors = [error for error in V1Error if _can_happen(error, example)]
    return Entry(
        "POST",
        f"{CALL_PATH}/{name}",
        handler,
        scope,
        summary,
        (
            Answer(200, Parked if bare else Done, {"done": done}),
            *samples.v1_failures(errors, bare=bare, always_200=always_200),
            *samples.http_errors(401, 403, 408, 413, 429, 500),
        ),
        body,
        example,
    )


def _can_happen(error: V1Error, example: dict[str, str]) -> bool:
    needs = {V1Error.LEGS_INVALID: "legs", V1Error.USER_NOT_REGISTERED: "ext"}
    return needs.get(error, next(iter(example))) in example


def _open_routes() -> list[Entry]:
    """What needs no token: it tells nothing of any tenant."""
    return [
        Entry(
            "GET",
            "/live",
            get_live,
            None,
            "The process answers.",
            (Answer(200, Health, {"live": {"status": "live"}}),),
        ),
        Entry(
            "GET",
            "/ready",
            get_ready,
            None,
            "Events flow and the list of calls is complete.",
            (
                Answer(200, Health, {"ready": {"status": "ready"}}),
                Answer(503, Health, {"not ready": {"status": "not ready"}}),
            ),
        ),
        Entry("GET", "/openapi.json", get_openapi, None, "This document.", (Answer(200, dict),)),
        Entry("GET", "/docs", get_docs, None, "This document, to read.", (Answer(200, None, media="text/html"),)),
        Entry("GET", "/metrics", get_metrics, None, METRICS, (Answer(200, None, media=METRICS_TYPE),)),
    ]


async def get_openapi(request: Request) -> Response:
    """The API document."""
    return JSONResponse(request.state.document)


async def get_docs(request: Request) -> Response:
    """The API document as a page."""
    return HTMLResponse(document_page.page(request.state.document))


async def get_metrics(request: Request) -> Response:
    """All meters, as Prometheus scrapes them."""
    content = generate_latest(context(request).metrics.registry)
    return Response(content, media_type=METRICS_TYPE)
