"""The API document against the live service: it never answers what the document does not allow."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.api.routes import table
from service.settings import Settings
from tests.instruments.scene import CLICK, call_up
from tests.instruments.stage import Stage

# schemathesis draws from `random` in its strategies now and then, which hypothesis deplores.
# And whatever it sends, Asterisk is asked for nothing but what the recipes ask: the proxy judges each request.
pytestmark = [pytest.mark.filterwarnings("ignore:Do not use the `random` module"), pytest.mark.usefixtures("watched")]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [(entry.path, entry.method) for entry in table(Settings())]
EXAMPLES = 40


def _try(stage: Stage, path: str, method: str, mode: GenerationMode) -> None:
    token = stage.acme.http.headers["Authorization"]
    operation = schemathesis.openapi.from_url(f"{stage.service.url}/openapi.json")[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": token}, checks=CHECKS)

    ask()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_documented(theatre: Stage, path: str, method: str) -> None:
    """Well-formed requests get no 5xx, and only documented statuses, types and shapes."""
    _try(theatre, path, method, GenerationMode.POSITIVE)


@pytest.mark.parametrize(("path", "method"), [(path, method) for path, method in OPERATIONS if method == "POST"])
def test_so_is_every_answer_to_a_malformed_request(theatre: Stage, path: str, method: str) -> None:
    """So do requests that break the document's rules."""
    _try(theatre, path, method, GenerationMode.NEGATIVE)


def test_a_live_call_is_listed_as_documented(stage: Stage) -> None:
    """The list with a call in it has the document's shape."""
    call_up(stage, CLICK)
    _try(stage, "/v1/call", "GET", GenerationMode.POSITIVE)
