"""JSON and query in: lenient in case, strict in kind."""

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from accounts.wire.errors import (
    BodyTooLargeError,
    InvalidParameterError,
    MalformedBodyError,
    UnsupportedContentTypeError,
)

JSON_TYPES = ("application/json", "text/json")


class WireParser(Parser):
    """Reads bodies and queries for ninja."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body's JSON."""
        return read_json(request)

    def parse_querydict(
        self,
        data: "MultiValueDict[str, Any]",
        list_fields: list[str],
        request: HttpRequest,
    ) -> dict[str, Any]:
        """Return the query by lower-case name; an empty value is a value not given."""
        given = AnyCase()
        for key in data:
            value = data[key]
            if value == "":
                continue
            if "\x00" in value:
                raise InvalidParameterError(key)
            given[key.lower()] = value
        return given


class AnyCase(dict[str, Any]):
    """Parameters by lower-case name, asked for in any case."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a parameter."""
        return super().get(key.lower(), default)


def read_body(request: HttpRequest) -> bytes:
    """
    Return the body.

    :raises BodyTooLargeError: beyond 250 MB.
    """
    try:
        return request.body
    except RequestDataTooBig as too_big:
        raise BodyTooLargeError from too_big


def read_json(request: HttpRequest) -> Any:
    """
    Return the body's JSON; a byte order mark is passed over.

    :raises MalformedBodyError: for anything else, NaN and Infinity included.
    """
    try:
        return json.loads(read_body(request).decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError) as malformed:
        raise MalformedBodyError from malformed


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def check_content_type(request: HttpRequest, accepts: tuple[str, ...]) -> None:
    """
    Refuse a body that the route does not read; an empty body may be of any type or none.

    :raises UnsupportedContentTypeError: for another content type, or none.
    """
    kind = (request.content_type or "").lower()
    if kind in accepts or ("application/json" in accepts and kind.endswith("+json")):
        return
    if read_body(request):
        raise UnsupportedContentTypeError
