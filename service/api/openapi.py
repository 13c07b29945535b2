"""The API document, OpenAPI 3.1, made from the route table and from the types that the handlers use."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from service import __version__
from service.api.answers import PHRASES
from service.api.table import Answer, Entry

JsonObject = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
ABOUT = (
    "Click-to-call, the list of live calls, transfer, listen, whisper, barge and park, answered from Asterisk. "
    "The token alone decides the tenant; what belongs to another tenant does not exist for you. Two error styles: "
    "under `/api` an envelope with `status_code` -9999, elsewhere a plain object."
)
CALL_ID = "The call's id, or the Asterisk unique id of one of its legs."
TEXT = {"type": "string"}
TOKEN = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The tenant's token; one may have only some of the scopes `read`, `call`, `move`, `supervise`.",
    }
}


def document(table: Sequence[Entry]) -> JsonObject:
    """The whole document."""
    schemas = _schemas(table)
    paths: dict[str, JsonObject] = {}
    for entry in table:
        paths.setdefault(entry.path, {})[entry.method.lower()] = _operation(entry)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Patchbay", "version": __version__, "description": ABOUT, "license": {"name": "MIT"}},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": TOKEN},
    }


def _schemas(table: Sequence[Entry]) -> JsonObject:
    """Every type the table names, once, and what these are made of."""
    types: dict[str, type] = {}
    for entry in table:
        for shape in (entry.body, *(answer.shape for answer in entry.answers)):
            if shape:
                types[shape.__name__] = shape
    schemas: JsonObject = {}
    for name, shape in sorted(types.items()):
        schema = TypeAdapter(shape).json_schema(ref_template=REFERENCE)
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    return schemas


def _operation(entry: Entry) -> JsonObject:
    operation: JsonObject = {
        "operationId": _operation_id(entry),
        "summary": entry.summary,
        "security": [{"token": [str(entry.scope)]}] if entry.scope else [],
        "responses": _responses(entry.answers),
    }
    parameters = [_parameter("path", name, CALL_ID, required=True) for name in re.findall(r"{(\w+)}", entry.path)]
    parameters += [_parameter("header", name, about) for name, about in entry.headers.items()]
    if parameters:
        operation["parameters"] = parameters
    if entry.body:
        content = {"schema": _reference(entry.body), "example": dict(entry.example)}
        media = ("application/json", "application/x-www-form-urlencoded")
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(media, content)}
    return operation


def _operation_id(entry: Entry) -> str:
    words = re.findall(r"\w+", entry.path.replace("{call_id}", ""))
    return "_".join((entry.method.lower(), *words))


def _parameter(place: str, name: str, about: str, *, required: bool = False) -> JsonObject:
    return {"name": name, "in": place, "required": required, "description": about, "schema": TEXT}


def _responses(answers: Iterable[Answer]) -> JsonObject:
    by_status: dict[int, list[Answer]] = {}
    for answer in answers:
        by_status.setdefault(answer.status, []).append(answer)
    return {str(status): _response(status, same) for status, same in sorted(by_status.items())}


def _response(status: int, answers: Sequence[Answer]) -> JsonObject:
    described: JsonObject = {"description": PHRASES.get(status) or HTTPStatus(status).phrase}
    if headers := {name: about for answer in answers for name, about in answer.headers.items()}:
        described["headers"] = {name: {"description": about, "schema": TEXT} for name, about in headers.items()}
    if answers[0].media:
        described["content"] = {answers[0].media: _content(answers)}
    return described


def _content(answers: Sequence[Answer]) -> JsonObject:
    shapes = list(dict.fromkeys(answer.shape for answer in answers if answer.shape))
    examples: dict[str, Mapping[str, object]] = {
        name: {"value": value} for answer in answers for name, value in answer.examples.items()
    }
    content: JsonObject = {"schema": _either([_reference(shape) for shape in shapes]) if shapes else TEXT}
    if examples:
        content["examples"] = examples
    return content


def _either(schemas: list[JsonObject]) -> JsonObject:
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _reference(shape: type) -> JsonObject:
    return {"$ref": REFERENCE.format(model=shape.__name__)}
