"""Frames: where routes are declared. How one is answered: `accounts.wire.serving`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from ninja import Router, Status
from ninja.params.functions import Path

from accounts.models import Account, ApiClient
from accounts.wire.access import BASIC, BEARER
from accounts.wire.bodies import WHOLE, Kept
from accounts.wire.envelopes import (
    Collection,
    Created,
    Deleted,
    Failure,
    Page,
    Resource,
    Updated,
)
from accounts.wire.errors import NotFoundError
from accounts.wire.limits import Limit
from accounts.wire.parsing import JSON_TYPES

F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound=Model)

# An id in a path; anything that is none names nothing, and is answered 404.
Id = Annotated[int, Path(ge=0, lt=2**63)]

ENVELOPES = (Resource, Collection, Page, Created, Updated, Deleted)
REFUSALS = frozenset({400, 401, 404, 405, 409, 415, 429, 500})


class WireRequest(HttpRequest):
    """A request inside an account: which integration asks, and the one clock it is answered by."""

    client: ApiClient
    account: Account
    zone: ZoneInfo
    now: datetime
    id: str
    headers_out: dict[str, str]
    reads: str
    kept: Kept
    tries_left: int
    parameters: Sequence[str]
    names: Mapping[str, str]


@dataclass(frozen=True)
class Demands:
    """
    What a route asks of its caller; kept on the function as `demands`.

    `names` are the wire's names for the fields that the verb's refusals name. `scheme` is how
    a caller shows who it is: by a bearer token, or by a write key (HTTP basic). `reads` is how
    the body is read (`accounts.wire.bodies`): whole, as rows, or with its long texts in files.
    `limits` are the account's calls of this route alone.
    """

    integration: str | None
    levels: tuple[str, ...]
    accepts: tuple[str, ...]
    names: Mapping[str, str]
    scheme: str = BEARER
    reads: str = WHOLE
    limits: tuple[Limit, ...] = ()


class Frame:
    """
    Routes below one prefix, for tokens of one type of integration.

    :param integration: the type a token must have; None lets any active integration in.
    """

    def __init__(self, prefix: str, *, integration: str | None, tag: str) -> None:
        self.prefix = prefix
        self.integration = integration
        self.router = Router(tags=[tag], by_alias=True)

    def get(self, path: str, *, answer: Any, **demands: Any) -> Callable[[F], F]:
        """Declare a read; `answer` is the envelope."""
        return self.route("GET", path, answer=answer, **demands)

    def post(self, path: str, *, answer: Any = None, **demands: Any) -> Callable[[F], F]:
        """Declare a creation; `answer` defaults to 201 with a resourceId."""
        return self.route("POST", path, answer=answer or {201: Created}, **demands)

    def put(self, path: str, *, answer: Any, **demands: Any) -> Callable[[F], F]:
        """Declare a change."""
        return self.route("PUT", path, answer=answer, **demands)

    def delete(self, path: str, *, answer: Any = None, **demands: Any) -> Callable[[F], F]:
        """Declare a removal; `answer` defaults to 200 without a body's data."""
        return self.route("DELETE", path, answer=answer or Deleted, **demands)

    def route(
        self,
        method: str,
        path: str,
        *,
        answer: Any,
        levels: Sequence[str] = (),
        integration: str | None = None,
        accepts: Sequence[str] = JSON_TYPES,
        names: Mapping[str, str] | None = None,
        openapi_extra: dict[str, Any] | None = None,
        in_schema: bool = True,
        scheme: str = BEARER,
        reads: str = WHOLE,
        limits: Sequence[Limit] = (),
    ) -> Callable[[F], F]:
        """
        Declare a route; see the package's docstring.

        :param in_schema: whether OpenAPI shows it; not if it is another route's second name.
        """
        answers = dict(answer) if isinstance(answer, Mapping) else {200: answer}

        def declare(view: F) -> F:
            routed = with_status(view)
            routed.demands = Demands(  # type: ignore[attr-defined]
                integration=integration or self.integration,
                levels=tuple(levels),
                accepts=tuple(accepts),
                names=names or {},
                scheme=scheme,
                reads=reads,
                limits=tuple(limits),
            )
            self.router.add_api_operation(
                path,
                [method],
                routed,
                response={**answers, REFUSALS: Failure},
                by_alias=True,
                include_in_schema=in_schema,
                openapi_extra={
                    "security": [{"WriteKey" if scheme == BASIC else "Token": []}],
                    "x-integration-type": integration or self.integration,
                    "x-access-levels": list(levels),
                    "x-reads": reads,
                    **(openapi_extra or {}),
                },
            )
            return view

        return declare


def with_status(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer with the status that stands in the envelope."""

    @wraps(view)
    def routed(*given: Any, **named: Any) -> Any:
        result = view(*given, **named)
        return Status(result.status, result) if isinstance(result, ENVELOPES) else result

    return routed


def found(rows: "QuerySet[M]", **wanted: Any) -> M:
    """
    Return the one row of a QuerySet that is wanted.

    :raises NotFoundError: if there is none in this account.
    """
    row = rows.filter(**wanted).first()
    if row is None:
        raise NotFoundError
    return row
