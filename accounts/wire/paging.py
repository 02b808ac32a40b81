"""
Cursors: opaque tokens of [A-Za-z0-9_-] that mark the last row seen.

Pages follow the row id, so that rows added meanwhile neither repeat nor hide others. The
cursor carries the first request's query: the wrapper sends only the cursor on, the tap all
of it again.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from pydantic import field_validator

from accounts.wire.envelopes import Page, WireIn
from accounts.wire.errors import InvalidParameterError

START = "start"
MOST = 5000

M = TypeVar("M", bound=Model)
T = TypeVar("T")


class PageQuery(WireIn):
    """Where to go on, and how many to show."""

    cursor: str = "Start"
    count: int = 1000

    @field_validator("count")
    @classmethod
    def clamp(cls, count: int) -> int:
        """Bring a count into 1..5000: nobody is helped by an error."""
        return min(max(count, 1), MOST)

    @property
    def after(self) -> int:
        """Return the id of the last row seen, 0 at the start."""
        return 0 if self.cursor.lower() == START else int(read_cursor(self.cursor)["after"])


@dataclass(frozen=True)
class Rows(Generic[M]):
    """The rows of one page, and the token of the next."""

    rows: list[M]
    next_cursor: str | None

    def __iter__(self) -> Iterator[M]:
        return iter(self.rows)

    def answer(self, kind: type[T], data: Iterable[T]) -> Page[T]:
        """Return the envelope of a page of `kind`."""
        envelope: type[Page[T]] = Page.__class_getitem__(kind)  # type: ignore[assignment]
        return envelope(next_page_cursor=self.next_cursor, data=list(data))


def page_of(rows: "QuerySet[M]", paging: PageQuery, request: HttpRequest) -> Rows[M]:
    """Return one page of a QuerySet, in the order of the ids."""
    some = list(rows.filter(pk__gt=paging.after).order_by("pk")[: paging.count + 1])
    if len(some) <= paging.count:
        return Rows(some, None)
    some.pop()
    return Rows(some, write_cursor(after=some[-1].pk, query=request.GET))


def write_cursor(*, after: int, query: QueryDict) -> str:
    """Return the token for the rows behind `after`."""
    kept = {key: query[key] for key in query if key.lower() != "cursor"}
    packed = json.dumps({"after": after, "query": kept}, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(cursor: str) -> dict[str, Any]:
    """
    Return what a token holds: `after` and `query`.

    :raises InvalidParameterError: for a token that is none of ours.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        held = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(held["query"], dict) or not 0 <= int(held["after"]) < 2**63:
            raise InvalidParameterError("cursor")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as foreign:
        raise InvalidParameterError("cursor") from foreign
    return dict(held)


def with_query_of_cursor(query: QueryDict) -> QueryDict:
    """Return the query, completed by what the cursor remembers of the first request."""
    cursor = next((str(query[key]) for key in query if key.lower() == "cursor"), "")
    if not cursor or cursor.lower() == START:
        return query
    completed = query.copy()
    given = {key.lower() for key in query}
    for key, value in read_cursor(cursor)["query"].items():
        if key.lower() not in given:
            completed[key] = str(value)
    return completed
