"""CouponPool: pools of coupon codes, with what is left of them (beyond the wire)."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated

from ninja import Query
from pydantic import Field

from accounts.wire import (
    Created,
    Frame,
    Id,
    InvalidParameterError,
    Page,
    PageQuery,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
    page_of,
    updated,
)
from contacts.imports.faults import RowFaultError
from messaging.actions.coupon_codes import add_codes
from messaging.actions.coupons import PoolCounts, count_codes, create_pool, update_pool
from messaging.models import CouponPool

coupons = Frame("/conductor/v1", integration="email", tag="CouponPool")

POOLS = "/CouponPool"
POOL = POOLS + "/{coupon_pool_id}"
LEVELS = ["Message"]
MOST_CODES = 10_000
# The columns of a list of codes that comes with the request.
HEADER = ("code", "expires", "starts", "ends")
NAMES: Mapping[str, str] = {
    "cutoff_days": "cutoffDays",
    "fallback_code": "fallbackCode",
    "low_at": "lowAt",
    "alert_emails": "alertEmails",
}


class PoolIn(WireIn):
    """A pool to be; its kind is `unique` or `static`."""

    name: str
    kind: str = "unique"
    merchant: str = ""
    cutoff_days: int = 0
    fallback_code: str = ""
    low_at: int = 0
    alert_emails: list[str] = []
    is_active: bool = True


class PoolChangeIn(WireIn):
    """What changes of a pool; what is not given stays."""

    name: str | None = None
    merchant: str | None = None
    cutoff_days: int | None = None
    fallback_code: str | None = None
    low_at: int | None = None
    alert_emails: list[str] | None = None
    is_active: bool | None = None


class PoolOut(WireOut):
    """A pool; `available` may be handed out, `expired` not any more."""

    coupon_pool_id: int
    name: str
    kind: str
    merchant: str
    cutoff_days: int
    fallback_code: str
    low_at: int
    alert_emails: list[str]
    is_active: bool
    available: int
    handed_out: int
    expired: int
    create_date: datetime
    last_modified_date: datetime


class CodeIn(WireIn):
    """A code; of a unique pool perhaps with its last day, of a static one with both."""

    code: str
    expires: str = ""
    starts: str = ""
    ends: str = ""


class CodesIn(WireIn):
    """Codes to add, at most 10,000 in a request."""

    codes: Annotated[list[CodeIn], Field(max_length=MOST_CODES)]


class CodeProblemOut(WireOut):
    """A code that was not taken; `index` counts from 0."""

    index: int
    code: str
    reason: str


class AddedOut(WireOut):
    """How many codes were added, and which were not."""

    added: int
    problems: list[CodeProblemOut]


def pool_out(pool: CouponPool, counts: PoolCounts) -> PoolOut:
    """Write a pool."""
    return PoolOut(
        coupon_pool_id=pool.pk,
        name=pool.name,
        kind=pool.kind,
        merchant=pool.merchant,
        cutoff_days=pool.cutoff_days,
        fallback_code=pool.fallback_code,
        low_at=pool.low_at,
        alert_emails=pool.alert_emails,
        is_active=pool.is_active,
        available=counts.available,
        handed_out=counts.handed,
        expired=counts.expired,
        create_date=pool.created_at,
        last_modified_date=pool.modified_at,
    )


@coupons.get(POOLS, answer=Page[PoolOut], levels=LEVELS)
def all_pools(request: WireRequest, paging: Query[PageQuery]) -> Page[PoolOut]:
    """Return the account's coupon pools, each with its counts."""
    page = page_of(CouponPool.objects.all(), paging, request)
    rows = list(page)
    counts = count_codes(rows, now=request.now)
    return page.answer(PoolOut, (pool_out(pool, counts[pool.pk]) for pool in rows))


@coupons.post(POOLS, levels=LEVELS, names=NAMES)
def new_pool(request: WireRequest, body: PoolIn) -> Created:
    """
    Create a coupon pool.

    Of a `unique` pool each contact gets a code of its own, of a `static` one all get the code
    that holds today. Codes go out while they expire in `cutoffDays` days or later; when none is left,
    `fallbackCode` goes out, if there is one. `alertEmails` hear when `lowAt` or fewer are left.
    """
    return created(create_pool(now=request.now, by=request.client, **body.model_dump()).pk)


@coupons.get(POOL, answer=Resource[PoolOut], levels=LEVELS)
def one_pool(request: WireRequest, coupon_pool_id: Id) -> Resource[PoolOut]:
    """Return a coupon pool with its counts."""
    pool = found(CouponPool.objects.all(), pk=coupon_pool_id)
    return Resource[PoolOut](data=pool_out(pool, count_codes([pool], now=request.now)[pool.pk]))


@coupons.put(POOL, answer=Updated, levels=LEVELS, names=NAMES)
def change_pool(request: WireRequest, coupon_pool_id: Id, body: PoolChangeIn) -> Updated:
    """Change a coupon pool; what is not given stays."""
    pool = found(CouponPool.objects.all(), pk=coupon_pool_id)
    to = {name: value for name, value in body.model_dump().items() if value is not None}
    update_pool(pool=pool, now=request.now, by=request.client, **to)
    return updated(pool.pk)


@coupons.post(POOL + "/Code", answer={201: Resource[AddedOut]}, levels=LEVELS)
def add_pool_codes(request: WireRequest, coupon_pool_id: Id, body: CodesIn) -> Resource[AddedOut]:
    """
    Add codes; one that cannot be taken is a problem of its own, the others are taken.

    At most 10,000 in a call. A code that the pool has is a problem; `expires` is its last day.
    """
    pool = found(CouponPool.objects.all(), pk=coupon_pool_id)
    if not body.codes:
        raise InvalidParameterError("codes")
    problems: list[CodeProblemOut] = []

    def reject(line: int, fault: RowFaultError, cells: object) -> None:
        code = body.codes[line - 1].code
        problems.append(CodeProblemOut(index=line - 1, code=code, reason=fault.message))

    added = add_codes(
        pool=pool, records=_records(body), header=HEADER, reject=reject, now=request.now
    )
    problems.sort(key=lambda problem: problem.index)
    return Resource[AddedOut](status=201, data=AddedOut(added=added, problems=problems))


def _records(body: CodesIn) -> Iterator[tuple[int, list[str]]]:
    for line, given in enumerate(body.codes, start=1):
        yield line, [given.code, given.expires, given.starts, given.ends]
