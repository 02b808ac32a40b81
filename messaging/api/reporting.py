"""What the routes of messages answer about what came of them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import Field

from accounts.actions import InvalidValueError
from accounts.wire import (
    Amount,
    InvalidParameterError,
    NotFoundError,
    Page,
    PageQuery,
    Resource,
    WireOut,
    WireRequest,
)
from accounts.wire.paging import write_cursor
from contacts.api.reading import one_of, read_end, read_time
from contacts.identity import normalise_email
from messaging import reports
from messaging.models import CommittedMessage, ReceiptKind
from messaging.reports import Activity, Link, Scope

R = TypeVar("R")
T = TypeVar("T", bound=WireOut)

REPORTS = ["List", "Message", "Report"]
ACTIVITY_TYPES = {
    "Abuse": ReceiptKind.COMPLAINED,
    "Bounce": ReceiptKind.BOUNCED,
    "Click": ReceiptKind.CLICKED,
    "Open": ReceiptKind.OPENED,
    "Read": ReceiptKind.READ,
    "Unsubscribe": ReceiptKind.UNSUBSCRIBED,
}
SEND, ACTIVITY = "Send", "Activity"


class DatesQuery(PageQuery):
    """A page, by date; both ends are inside."""

    start_date: str = ""
    end_date: str = ""


class ActivityQuery(DatesQuery):
    """Which recipients to show."""

    activity_type: str = ""
    date_type: str = SEND
    email_address: str = ""


class ActivityOut(WireOut):
    """What one recipient did with a message."""

    abuse: bool
    activity_date: datetime | None
    bounce: bool
    bounce_reason: str | None
    click: bool
    click_count: int
    email_address: str
    open: bool
    order_total: Amount
    read: bool
    send_date: datetime
    unsubscribe: bool
    visit_date: datetime | None = None
    external_contact_id: str | None = Field(alias="externalContactID")


class LinkOut(WireOut):
    """A link of a message; the one that differs by recipient has no address."""

    link_id: int
    link_description: str | None
    link_url: str
    click_count: int


class ClickerOut(WireOut):
    """Who followed a link, and when."""

    email_address: str
    click_date: datetime


class MessageSummaryOut(WireOut):
    """A message, added up: recipients, not how often each did it; `visitCount` is all clicks."""

    average_order_value: Amount
    bounce_count: int
    click_count: int
    conversion_count: int
    open_count: int
    pass_along_count: int = 0
    read_count: int
    revenue: Amount
    sent_count: int
    unsubscribe_count: int
    visit_count: int


def message_summary(scope: Scope) -> Resource[MessageSummaryOut]:
    """Answer with the sums of a message."""
    return Resource[MessageSummaryOut](data=MessageSummaryOut(**sums(scope)))


def sums(scope: Scope) -> dict[str, Any]:
    """Return the sums of a scope as the wire names them."""
    whole = reports.summary_of(scope)
    return {
        "average_order_value": round(whole.average_order, 2),
        "bounce_count": whole.of(ReceiptKind.BOUNCED),
        "click_count": whole.of(ReceiptKind.CLICKED),
        "conversion_count": whole.conversions,
        "open_count": whole.of(ReceiptKind.OPENED),
        "read_count": whole.of(ReceiptKind.READ),
        "revenue": whole.revenue,
        "sent_count": whole.of("sent"),
        "unsubscribe_count": whole.of(ReceiptKind.UNSUBSCRIBED),
        "visit_count": whole.visits,
    }


def activity_page(scope: Scope, wanted: ActivityQuery, request: WireRequest) -> Page[ActivityOut]:
    """Answer with a page of recipients."""
    return page_after(
        ActivityOut,
        reports.recipients(
            scope, asked_activity(wanted, request), after=wanted.after, most=wanted.count + 1
        ),
        wanted,
        request,
        id_of=lambda row: row["id"],
        write=lambda row: ActivityOut(**activity_fields(row)),
    )


def asked_activity(wanted: ActivityQuery, request: WireRequest) -> Activity:
    """
    Read which recipients are asked for.

    :raises InvalidParameterError: for an activity or a date type that nobody knows, what is
        no date, and what is no address.
    """
    kind = wanted.activity_type.strip()
    return Activity(
        kind=ACTIVITY_TYPES[one_of("activityType", kind, list(ACTIVITY_TYPES))] if kind else "",
        by_activity=one_of("dateType", wanted.date_type, [SEND, ACTIVITY]) == ACTIVITY,
        start=read_time("startDate", wanted.start_date, request.zone),
        end=read_end("endDate", wanted.end_date, request.zone),
        address=read_address("emailAddress", wanted.email_address),
    )


def read_address(parameter: str, text: str) -> str:
    """
    Return an email address as deliveries have it, "" for none.

    :raises InvalidParameterError: naming `parameter`.
    """
    try:
        return normalise_email(text) if text.strip() else ""
    except InvalidValueError as unreadable:
        raise InvalidParameterError(parameter) from unreadable


def activity_fields(row: dict[str, Any]) -> dict[str, Any]:
    """Return a recipient as the wire names it."""
    kinds = set(row["kinds"])
    bounced = ReceiptKind.BOUNCED.value in kinds
    return {
        "abuse": ReceiptKind.COMPLAINED.value in kinds,
        "activity_date": row["first_at"],
        "bounce": bounced,
        "bounce_reason": (row["bounce"] or "") if bounced else None,
        "click": ReceiptKind.CLICKED.value in kinds,
        "click_count": row["clicks"],
        "email_address": row["email_address"],
        "open": ReceiptKind.OPENED.value in kinds,
        "order_total": row["order_total"],
        "read": ReceiptKind.READ.value in kinds,
        "send_date": row["send_date"],
        "unsubscribe": ReceiptKind.UNSUBSCRIBED.value in kinds,
        "external_contact_id": row["external_contact_id"] or None,
    }


def links_page(
    scope: Scope, message: CommittedMessage, wanted: PageQuery, request: WireRequest
) -> Page[LinkOut]:
    """Answer with a page of a message's links."""
    behind = [link for link in reports.links_of(scope, message) if link.number > wanted.after]
    return page_after(
        LinkOut,
        behind[: wanted.count + 1],
        wanted,
        request,
        id_of=lambda link: link.number,
        write=link_out,
    )


def one_link(scope: Scope, message: CommittedMessage, number: int) -> Link:
    """
    Return a link of a message.

    :raises NotFoundError: if it has none of that number.
    """
    for link in reports.links_of(scope, message):
        if link.number == number:
            return link
    raise NotFoundError


def link_out(link: Link) -> LinkOut:
    """Write a link as the wire has it."""
    return LinkOut(
        link_id=link.number,
        link_description=link.description or None,
        link_url=link.url,
        click_count=link.clicks,
    )


def clickers_page(
    scope: Scope, message: CommittedMessage, number: int, wanted: DatesQuery, request: WireRequest
) -> Page[ClickerOut]:
    """
    Answer with a page of clicks on a link.

    :raises NotFoundError: if the message has no link of that number.
    """
    link = reports.link_named(scope, message, number)
    if link is None:
        raise NotFoundError
    rows = reports.clickers(
        scope,
        link,
        message=message,
        after=wanted.after,
        most=wanted.count + 1,
        start=read_time("startDate", wanted.start_date, request.zone),
        end=read_end("endDate", wanted.end_date, request.zone),
    )
    return page_after(
        ClickerOut,
        rows,
        wanted,
        request,
        id_of=lambda row: row[0],
        write=lambda row: ClickerOut(email_address=row[1], click_date=row[2]),
    )


def page_after(
    kind: type[T],
    rows: Sequence[R],
    wanted: PageQuery,
    request: WireRequest,
    *,
    id_of: Callable[[R], int],
    write: Callable[[R], T],
) -> Page[T]:
    """Answer with the first `count` of rows, of which one more was asked for than are shown."""
    shown: Sequence[R] = rows[: wanted.count]
    cursor = None
    if len(rows) > wanted.count:
        cursor = write_cursor(after=id_of(shown[-1]), query=request.GET)
    envelope: type[Page[T]] = Page.__class_getitem__(kind)  # type: ignore[assignment]
    return envelope(next_page_cursor=cursor, data=[write(row) for row in shown])
