"""JSON and query in: lenient in case, strict in kind."""

import json
from typing import Any

from django.conf import settings
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

SHORT = 65_536  # bytes
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
    Return the body, sent in chunks or of a stated length.

    :raises BodyTooLargeError: beyond 250 MB.
    """
    try:
        if is_chunked(request):
            return _read_chunks(request)
        return request.body
    except RequestDataTooBig as too_big:
        raise BodyTooLargeError from too_big


def _read_chunks(request: HttpRequest) -> bytes:
    """Read a body without a Content-Length, which Django takes for an empty one."""
    if not hasattr(request, "_body"):
        stream = request.META["wsgi.input"]
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise BodyTooLargeError
        request._body = body  # noqa: SLF001 (what `request.body` would have kept)
    return request.body


def is_long(request: HttpRequest) -> bool:
    """Tell whether a body is more than a few values, or of unknown length."""
    return is_chunked(request) or int(request.META.get("CONTENT_LENGTH") or 0) > SHORT


def is_chunked(request: HttpRequest) -> bool:
    """Tell whether a body comes without a Content-Length."""
    return "chunked" in request.headers.get("Transfer-Encoding", "").lower()


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
