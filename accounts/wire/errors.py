"""What a route may refuse with; each is an Error envelope."""

from collections.abc import Sequence

from pydantic.alias_generators import to_camel

# Names that are not plain camelCase on the wire.
SPELLINGS = {"external_contact_id": "externalContactID", "event_uid": "eventUID"}


def wire_name(name: str) -> str:
    """Return a parameter's name as the wire spells it: event_name -> eventName."""
    return SPELLINGS.get(name) or (to_camel(name) if "_" in name else name)


class WireError(Exception):
    """A refusal with its status, code and sentence; `headers` go with the answer."""

    status = 400
    error = "ERROR_INVALID_PARAMETER"
    message = ""

    def __init__(self, message: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        self.headers = headers or {}


class Refused(WireError):  # noqa: N818 (reads as a sentence where it is raised)
    """A refusal with a code of its own."""

    def __init__(self, *, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error = code
        self.status = status


class InvalidParameterError(WireError):
    """A bad, missing or duplicate value of a parameter, which is named."""

    def __init__(self, parameter: str, detail: str = "") -> None:
        said = f"An invalid value was supplied for {wire_name(parameter)}."
        super().__init__(f"{said} {detail}".strip())


class MalformedBodyError(WireError):
    """The body is no JSON, or not of the right kind (an object for an array)."""

    error = "ERROR_MALFORMED_REQUEST_BODY"
    message = "The request body could not be parsed."


class UnauthorizedError(WireError):
    """No token, a stale one, the wrong type, level or address: one answer for all."""

    status = 401
    error = "ERROR_UNAUTHORIZED"
    message = "Authorization was denied for this request."


class NotFoundError(WireError):
    """
    An id of the path names nothing in this account.

    Raised bare; the frame puts the names of the path's parameters into the sentence.
    """

    status = 404
    error = "ERROR_UNABLE_TO_LOCATE_RESOURCE"


class UnknownRouteError(WireError):
    """No route has this path."""

    status = 404
    error = "ERROR_UNKNOWN_ROUTE"
    message = "The requested route does not exist."


class BodyTooLargeError(WireError):
    """More than 250 MB, or than the route reads at once; the vendor says 404."""

    status = 404
    error = "ERROR_UNABLE_TO_LOCATE_RESOURCE"

    def __init__(self, most: int) -> None:
        super().__init__(f"The request body is larger than {most} bytes.")


class UnsafeRouteError(WireError):
    """The path holds one of & < >."""

    error = "ERROR_UNSAFE_ROUTE"
    message = "The requested route contains unsafe characters."


class UnsupportedMethodError(WireError):
    """The path has routes, but none for this method."""

    status = 405
    error = "ERROR_UNSUPPORTED_METHOD"
    message = "The requested method is not supported by this route."


class UnsupportedContentTypeError(WireError):
    """A body of a content type that the route does not read."""

    status = 415
    error = "ERROR_UNSUPPORTED_CONTENT_TYPE"
    message = "The content type of the request is not supported."


class TooManyRequestsError(WireError):
    """Beyond the limit; `Retry-After` says when to come back."""

    status = 429
    error = "ERROR_TOO_MANY_REQUESTS"

    def __init__(self, *, seconds: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(
            f"Too many requests; try again in {seconds} seconds.",
            headers={"Retry-After": str(seconds), **(headers or {})},
        )


class IdempotencyKeyReusedError(WireError):
    """The key belongs to another call of the last 24 hours."""

    status = 409
    error = "ERROR_IDEMPOTENCY_KEY_REUSED"
    message = "The Idempotency-Key was used for a different request."


class AnswerForgottenError(IdempotencyKeyReusedError):
    """The call was done; what it was answered held what is kept no longer."""

    message = "The call with this Idempotency-Key was made; its answer is no longer kept."


class CrashError(WireError):
    """A bug of ours; the log has its place, the answer nothing of it."""

    status = 500
    error = "ERROR_UNHANDLED_EXCEPTION"
    message = "An unhandled exception occurred."


def not_located(parameters: Sequence[str]) -> str:
    """Return the exact sentence for ids that name nothing: one, two, or three and more."""
    names = [wire_name(name) for name in parameters]
    if len(names) > 2:
        listed = f"{', '.join(names[:-1])}, and {names[-1]}"
    else:
        listed = " and ".join(names)
    return f"Unable to locate a resource associated with the {listed} supplied."
