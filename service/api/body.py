"""Reads a request's body into the fields of an operation, whatever its Content-Type claims."""

import asyncio
import json
from typing import Annotated, NoReturn, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from starlette.requests import Request

from service.api.context import context

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 1000
MAX_BYTES = 64 * 1024


class NotTaken(Exception):
    """The body is not waited for to its end. `status`: how that is answered."""

    status = 413


class TooLarge(NotTaken):
    """The body is over 64 KiB."""


class TooSlow(NotTaken):
    """The body has not come within `request_seconds`."""

    status = 408


class BodyError(Exception):
    """The body is no object, or a field is missing or blank."""


def _text(value: object) -> str:
    """A string without the spaces at its ends; `_digits` has made strings of integers."""
    if not isinstance(value, str) or not (text := value.strip(" ")):
        raise ValueError("neither text nor a non-negative integer, or blank")
    return text


TEXT_SCHEMA = {"anyOf": [{"type": "string", "pattern": "[^ ]"}, {"type": "integer", "minimum": 0}]}

Text = Annotated[str, BeforeValidator(_text), WithJsonSchema(TEXT_SCHEMA)]


class Body(BaseModel):
    """Fields that the contract does not name are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ClickToCallBody(Body):
    """Who is rung, what the number sees, and which number is called."""

    extension: Text
    hotline: Text
    phone_number: Text


class SuperviseBody(Body):
    """`ext`: the supervisor."""

    ext: Text


class ParkBody(Body):
    """`legs`: `aleg` or `bleg`."""

    legs: Text


class TransferBody(Body):
    """`ext`: where to; `legs`: `aleg` or `bleg`."""

    ext: Text
    legs: Text


B = TypeVar("B", bound=Body)


async def read(request: Request, model: type[B], **defaults: str) -> B:
    """The fields of the request's body, `defaults` standing in for absent ones. Raises BodyError, NotTaken."""
    try:
        async with asyncio.timeout(context(request).settings.request_seconds):
            content = await _content(request)
    except TimeoutError as error:
        raise TooSlow from error
    fields = defaults | _object(content, request.headers.get("content-type", ""))
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise BodyError(f"{error.error_count()} fields") from error


async def _content(request: Request) -> bytes:
    """The body, given up as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > MAX_BYTES:
        raise TooLarge
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise TooLarge
    return bytes(content)


def _object(content: bytes, content_type: str) -> dict[str, object]:
    """The JSON object, or the form's fields under a form's Content-Type; the last of a repeated key wins."""
    value = _json(content)
    if isinstance(value, dict):
        return value
    if content_type.partition(";")[0].strip().lower() == FORM:
        return _form(content)
    raise BodyError("not an object")


def _json(content: bytes) -> object:
    """The JSON value, None for what is none (and for null, which is no object either)."""
    try:
        text = content.decode()
        value: object = json.loads(text, parse_constant=_refuse, parse_int=_digits)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
    except (ValueError, RecursionError):
        return None
    return value


def _digits(integer: str) -> str | None:
    """An integer as it is written, however long; no field takes a negative one."""
    return None if integer.startswith("-") else integer


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _form(content: bytes) -> dict[str, object]:
    try:
        pairs = parse_qsl(
            content.decode(), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise BodyError("not a form") from error
    return dict(pairs)
