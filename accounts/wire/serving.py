"""How a request becomes an answer: route, caller, transaction, refusals."""

import logging
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from django.core.exceptions import TooManyFieldsSent
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation
from pydantic.alias_generators import to_camel

from accounts.actions import FaultyContentError, InvalidValueError
from accounts.models import ApiClient
from accounts.tenancy import in_account
from accounts.wire import access, idempotency
from accounts.wire.bodies import hear_out, is_long, receive
from accounts.wire.envelopes import storable
from accounts.wire.errors import (
    CrashError,
    InvalidParameterError,
    MalformedBodyError,
    NotFoundError,
    Refused,
    UnknownRouteError,
    UnsafeRouteError,
    UnsupportedMethodError,
    WireError,
    not_located,
)
from accounts.wire.frame import Demands, Frame, WireRequest
from accounts.wire.limits import count_call
from accounts.wire.metering import METER
from accounts.wire.paging import with_query_of_cursor
from accounts.wire.parsing import WireParser, check_content_type
from accounts.wire.rendering import WireRenderer, answer, finished

log = logging.getLogger(__name__)

TRIES = 3
# A name that somebody else took, a row that somebody else removed, a deadlock.
AT_ONCE = frozenset({"23505", "23503", "40P01", "40001"})


class Template(NamedTuple):
    """A route's path, cut at the slashes; parameters are {in_braces}."""

    segments: tuple[str, ...]
    operations: dict[str, Operation]

    def match(self, path: list[str]) -> dict[str, str] | None:
        """Return the parameters if a path of as many segments fits, literals in any case."""
        parameters: dict[str, str] = {}
        for wanted, given in zip(self.segments, path, strict=True):
            if wanted[0] == "{":
                if not given:
                    return None
                parameters[wanted[1:-1]] = given
            elif wanted != given.lower():
                return None
        return parameters


class RollBackError(Exception):
    """Carries an answer of 400 or above out of the transaction."""

    def __init__(self, response: HttpResponseBase) -> None:
        super().__init__(response.status_code)
        self.response = response


class AgainError(Exception):
    """Two calls wrote the same at one moment; what this one wrote is to be undone, and tried again."""


class WireAPI(NinjaAPI):
    """All the frames, with their table of routes."""

    def __init__(self, frames: list[Frame], **settings: Any) -> None:
        super().__init__(
            parser=WireParser(),
            renderer=WireRenderer(),
            docs_url=None,
            openapi_url=None,
            **settings,
        )
        for number, frame in enumerate(frames):
            self.add_router(frame.prefix, frame.router, url_name_prefix=str(number))
        handlers: list[tuple[type[Exception], Callable[[HttpRequest, Any], HttpResponse]]] = [
            (WireError, on_wire_error),
            (ValidationError, on_invalid),
            (HttpError, on_unreadable),
            (InvalidValueError, on_invalid_value),
            (DatabaseError, on_database_error),
            (RecursionError, on_too_deep),
            (Exception, on_crash),
        ]
        for kind, handler in handlers:
            self.add_exception_handler(kind, handler)
        self._templates: dict[int, list[Template]] = {}

    def templates(self, length: int) -> list[Template]:
        """Return the routes of as many segments, those with the most literals first."""
        if not self._templates:
            self._read_templates()
        return self._templates.get(length, [])

    def _read_templates(self) -> None:
        table: dict[tuple[str, ...], Template] = {}
        for bound in self._get_bound_routers():
            for path, view in bound.path_operations.items():
                segments = tuple(
                    segment if segment[0] == "{" else segment.lower()
                    for segment in f"{bound.prefix}{path}".strip("/").split("/")
                )
                template = table.setdefault(segments, Template(segments, {}))
                for operation in view.operations:
                    operation.api = self
                    template.operations.update(dict.fromkeys(operation.methods, operation))
        templates: dict[int, list[Template]] = {}
        for template in sorted(table.values(), key=_parameters_from_the_left):
            templates.setdefault(len(template.segments), []).append(template)
        # Set at once: another thread must not see half of the routes.
        self._templates = templates


def _parameters_from_the_left(template: Template) -> tuple[bool, ...]:
    return tuple(segment[0] == "{" for segment in template.segments)


def serve(api: WireAPI, request: HttpRequest, *, now: datetime) -> HttpResponseBase:
    """Answer a request below one of the prefixes; whatever happens, it is an envelope."""
    inside = cast(WireRequest, request)
    inside.now = now
    inside.parameters = ()
    inside.names = {}
    inside.headers_out = {}
    try:
        response = _answer(api, inside)
        hear_out(inside)
    finally:
        if hasattr(inside, "kept"):
            inside.kept.close()
    for name, value in inside.headers_out.items():
        response.headers.setdefault(name, value)
    return response


def _answer(api: WireAPI, request: WireRequest) -> HttpResponseBase:
    try:
        operation, parameters = find_route(api, request)
        request.parameters = list(parameters)
        return _run(operation, parameters, request)
    except RollBackError as rolled_back:
        return finished(cast(HttpResponse, rolled_back.response))
    except WireError as refusal:
        return on_wire_error(request, refusal)
    except TooManyFieldsSent:
        crowd = Refused(code=InvalidParameterError.error, message="Too many parameters were sent.")
        return on_wire_error(request, crowd)
    except Exception as crash:  # the last net: a broken database, a commit that fails
        return on_crash(request, crash)


def find_route(api: WireAPI, request: HttpRequest) -> tuple[Operation, dict[str, str]]:
    """
    Return the operation that a path and method name, with the path's parameters as text.

    :raises UnsafeRouteError, UnknownRouteError, UnsupportedMethodError: if there is none.
    """
    if any(letter in request.path_info for letter in "&<>"):
        raise UnsafeRouteError
    path = request.path_info.removeprefix("/").removesuffix("/").split("/")
    known = False
    for template in api.templates(len(path)):
        parameters = template.match(path)
        if parameters is None:
            continue
        known = True
        operation = template.operations.get(str(request.method))
        if operation is not None:
            return operation, parameters
    raise UnsupportedMethodError if known else UnknownRouteError


def _run(
    operation: Operation, parameters: dict[str, str], request: WireRequest
) -> HttpResponseBase:
    """Open the caller's account, and let ninja parse, call and render inside of it."""
    demands: Demands = operation.view_func.demands  # type: ignore[attr-defined]
    account_id, token_id = access.account_and_token(request, scheme=demands.scheme)
    request.names, request.reads = demands.names, demands.reads
    # The body is read outside of the transaction, which a slow sender would hold open; a
    # long one only from a caller who is let in. So are calls counted that have a limit.
    if is_long(request) or demands.limits:
        with in_account(account_id):
            _admit(request, demands, token_id)
    for calls, window in demands.limits:
        key = f"{operation.view_func.__name__} of {account_id} in {window.total_seconds():.0f}"
        count_call(key, limit=calls, window=window, now=request.now)
    # ninja asks only whether there is one; it is read by the parser.
    request._body = b"kept" if receive(request).size else b""  # noqa: SLF001
    try:
        response = _until_done(operation, parameters, request, account_id, token_id)
    except Exception:
        _note_refused(request)
        raise
    METER.tell(request.client, now=request.now)
    return finished(response)


def _note_refused(request: WireRequest) -> None:
    """Let a call count, and be its integration's last one, though its transaction is rolled back."""
    client = getattr(request, "client", None)
    if client is None:  # not let in
        return
    METER.tell(client, now=request.now)
    try:
        if access.is_use_to_note(client, now=request.now):
            with in_account(client.account.pk):
                access.note_use(client, now=request.now)
    except DatabaseError:
        # The call is answered; that it is not noted is no reason to answer otherwise.
        log.exception("The last use could not be noted.")


def _until_done(
    operation: Operation,
    parameters: dict[str, str],
    request: WireRequest,
    account_id: int,
    token_id: int,
) -> HttpResponse:
    request.tries_left = TRIES - 1
    while True:
        try:
            return _try(operation, parameters, request, account_id, token_id)
        except AgainError:
            request.tries_left -= 1
        except DatabaseError as late:
            # References are checked at the end of the transaction.
            if not (_is_at_once(late) and request.tries_left):
                raise
            request.tries_left -= 1


def _try(
    operation: Operation,
    parameters: dict[str, str],
    request: WireRequest,
    account_id: int,
    token_id: int,
) -> HttpResponse:
    """Answer in one transaction."""
    demands: Demands = operation.view_func.demands  # type: ignore[attr-defined]
    with in_account(account_id):
        client = _admit(request, demands, token_id)
        if request.tries_left == TRIES - 1:
            request.headers_out.update(METER.admit(client, now=request.now).headers)
        check_content_type(request, demands.accepts)
        if not all(storable(given) for given in parameters.values()):
            raise NotFoundError
        response = _once(operation, parameters, request)
        access.note_use(client, now=request.now)
    return response


def _once(operation: Operation, parameters: dict[str, str], request: WireRequest) -> HttpResponse:
    """Run the route, unless this very call was answered before."""
    key = idempotency.key_of(request)
    if key:
        before = idempotency.answered_before(
            request, key=key, client=request.client, now=request.now
        )
        if before is not None:
            return before
    request.GET = with_query_of_cursor(request.GET)  # type: ignore[assignment]
    response = cast(HttpResponse, operation.run(request, **parameters))
    if response.status_code >= 400:
        raise RollBackError(response)
    if key:
        idempotency.keep(response, key=key, client=request.client)
    return response


def _admit(request: WireRequest, demands: Demands, token_id: int) -> ApiClient:
    """Put the caller on the request, or refuse."""
    client = access.client_of_token(token_id, now=request.now)
    access.check_access(
        client,
        integration=demands.integration,
        levels=demands.levels,
        address=access.address_of(request),
    )
    request.client, request.account = client, client.account
    request.zone = client.account.zone
    return client


def on_wire_error(request: HttpRequest, refusal: WireError) -> HttpResponse:
    """Answer a refusal."""
    message = refusal.message
    if isinstance(refusal, NotFoundError) and not message:
        message = not_located(getattr(request, "parameters", ()))
    body = {"status": refusal.status, "error": refusal.error, "message": message}
    return answer(body, status=refusal.status, headers=refusal.headers)


def on_invalid_value(request: HttpRequest, invalid: InvalidValueError) -> HttpResponse:
    """Answer a verb's refusal of a value."""
    names: Mapping[str, str] = getattr(request, "names", {})
    code = getattr(invalid, "code", "")
    if code.startswith("ERROR_") and code != InvalidParameterError.error:
        return on_wire_error(request, Refused(code=code, message=invalid.message))
    detail = invalid.message if isinstance(invalid, FaultyContentError) else ""
    parameter = names.get(invalid.field, invalid.field)
    return on_wire_error(request, InvalidParameterError(parameter, detail))


def on_unreadable(request: HttpRequest, unreadable: HttpError) -> HttpResponse:
    """Answer a body that ninja could not parse; what our parser said stands behind it."""
    cause = unreadable.__cause__
    return on_wire_error(request, cause if isinstance(cause, WireError) else MalformedBodyError())


def on_invalid(request: HttpRequest, invalid: ValidationError) -> HttpResponse:
    """Answer a parameter that could not be read: the path's first, then the first of the rest."""
    return on_wire_error(request, _refusal(invalid.errors))


def _refusal(faults: list[dict[str, Any]]) -> WireError:
    if any(fault["loc"][0] == "path" for fault in faults):
        return NotFoundError()
    fault = faults[0]
    names = [part for part in fault["loc"][1:] if isinstance(part, str)]
    if "parameter" in fault.get("ctx", {}):  # one of ours, which names it
        return InvalidParameterError(to_camel(fault["ctx"]["parameter"]))
    if fault["loc"][0] == "body":
        # The first name is our function's own for the whole body.
        names = names[1:]
    return InvalidParameterError(names[-1]) if names else MalformedBodyError()


def on_database_error(request: HttpRequest, problem: DatabaseError) -> HttpResponse:
    """
    Try again what came at the same moment as a call that wrote the same.

    The second time the other's row is there to be seen, and the refusal is the usual one.

    :raises AgainError: while there are tries left.
    """
    if _is_at_once(problem) and getattr(request, "tries_left", 0) > 0:
        raise AgainError from problem
    return on_crash(request, problem)


def _is_at_once(problem: DatabaseError) -> bool:
    return getattr(problem.__cause__, "sqlstate", "") in AT_ONCE


def on_too_deep(request: HttpRequest, too_deep: RecursionError) -> HttpResponse:
    """
    Answer a body that was just shallow enough to be read, and is too deep to be written.

    Logged as a crash is: it may be one.
    """
    on_crash(request, too_deep)
    return on_wire_error(request, MalformedBodyError())


def on_crash(request: HttpRequest, crash: Exception) -> HttpResponse:
    """Answer 500; log where it happened, not what was in it: that may be personal data."""
    frames = "".join(traceback.format_list(traceback.extract_tb(crash.__traceback__)))
    number = getattr(request, "id", "")
    log.error(
        "%s while answering the %s request %s\n%s",
        type(crash).__name__,
        request.method,
        number,
        frames,
    )
    return on_wire_error(request, CrashError())
