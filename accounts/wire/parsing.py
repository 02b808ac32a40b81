"""JSON and query in: lenient in case, strict in kind."""

from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from accounts.wire import bodies
from accounts.wire.errors import InvalidParameterError, UnsupportedContentTypeError

JSON_TYPES = ("application/json", "text/json")


class WireParser(Parser):
    """Reads bodies and queries for ninja."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return what the body says, as its route reads it."""
        return bodies.read(bodies.receive(request), getattr(request, "reads", bodies.WHOLE))

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
    Return the whole body, sent in chunks or of a stated length.

    :raises BodyTooLargeError: beyond 16 MB.
    """
    return bodies.receive(request).whole()


def check_content_type(request: HttpRequest, accepts: tuple[str, ...]) -> None:
    """
    Refuse a body that the route does not read; an empty body may be of any type or none.

    Nothing is read of what comes with a GET.

    :raises UnsupportedContentTypeError: for another content type, or none.
    """
    kind = (request.content_type or "").lower()
    if kind in accepts or ("application/json" in accepts and kind.endswith("+json")):
        return
    if request.method != "GET" and bodies.receive(request).size:
        raise UnsupportedContentTypeError
