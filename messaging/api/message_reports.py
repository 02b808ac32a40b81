"""What came of messages under /email/v1: status, activity, links, sums; and who gets them."""

from datetime import datetime

from ninja import Query

from accounts.tenancy.counts import bounded
from accounts.wire import Frame, Id, Page, PageQuery, Refused, Resource, WireOut, WireRequest
from contacts import filters
from messaging import reports
from messaging.api.messages import LEVELS, MESSAGE, OURS, found_message
from messaging.api.reporting import (
    REPORTS,
    ActivityOut,
    ActivityQuery,
    ClickerOut,
    DatesQuery,
    LinkOut,
    MessageSummaryOut,
    activity_page,
    clickers_page,
    link_out,
    links_page,
    message_summary,
    one_link,
)
from messaging.sending.broadcasts import count_audience

message_reports = Frame("", integration="email", tag="Message")

LINK = MESSAGE + "/Link/{message_link_id}"


class MessageStatusOut(WireOut):
    """How far a message has come; one that has not begun starts at its time."""

    send_count: int
    start_date: datetime
    end_date: datetime | None
    status: str
    type: str


class ReasonOut(WireOut):
    """How many do not get a message, and why."""

    reason: str
    count: int


class AudienceOut(WireOut):
    """Who gets a message: as counted when it began, or now if it has not."""

    eligible: int
    reasons: list[ReasonOut]


@message_reports.get(MESSAGE + "/Status", answer=Resource[MessageStatusOut], levels=REPORTS)
def message_status(request: WireRequest, list_id: Id, message_id: Id) -> Resource[MessageStatusOut]:
    """
    Return how far a message has come, and to how many it has been sent.

    `status` is ToBeSent, Sending, Sent, NotReady (its segment or field is gone) or Canceled; `type`
    is List, Test or Review.
    """
    row, _, scope = found_message(list_id, message_id)
    return Resource[MessageStatusOut](
        data=MessageStatusOut(
            send_count=reports.count_sent(scope),
            start_date=row.started_at or row.send_at,
            end_date=row.ended_at,
            status=row.status,
            type=row.kind,
        )
    )


@message_reports.get(MESSAGE + "/Activity", answer=Page[ActivityOut], levels=REPORTS)
def message_activity(
    request: WireRequest, list_id: Id, message_id: Id, wanted: Query[ActivityQuery]
) -> Page[ActivityOut]:
    """
    Return who was sent a message, and what each did with it.

    One row a recipient, those of no answer among them. `activityType` (Abuse, Bounce, Click, Open,
    Read, Unsubscribe) shows those alone; `startDate` and `endDate` ask when it was sent, with
    `dateType=Activity` when something came of it. `activityDate` is the first that came,
    `orderTotal` what was ordered by it; `visitDate` is always null.
    """
    _, _, scope = found_message(list_id, message_id)
    return activity_page(scope, wanted, request)


@message_reports.get(MESSAGE + "/Link", answer=Page[LinkOut], levels=REPORTS)
def message_links(
    request: WireRequest, list_id: Id, message_id: Id, wanted: Query[PageQuery]
) -> Page[LinkOut]:
    """
    Return the links of a message.

    Counted are all clicks. The same address twice is one link; all that lead elsewhere for each
    recipient are one, the last, without an address.
    """
    _, message, scope = found_message(list_id, message_id)
    return links_page(scope, message, wanted, request)


@message_reports.get(LINK, answer=Resource[LinkOut], levels=REPORTS)
def message_link(
    request: WireRequest, list_id: Id, message_id: Id, message_link_id: Id
) -> Resource[LinkOut]:
    """Return a link of a message."""
    _, message, scope = found_message(list_id, message_id)
    return Resource[LinkOut](data=link_out(one_link(scope, message, message_link_id)))


@message_reports.get(LINK + "/Clicker", answer=Page[ClickerOut], levels=REPORTS)
def message_clickers(
    request: WireRequest,
    list_id: Id,
    message_id: Id,
    message_link_id: Id,
    wanted: Query[DatesQuery],
) -> Page[ClickerOut]:
    """
    Return who followed a link of a message.

    One row a click: somebody who clicked twice is there twice. Scanners of mail programs are not.
    """
    _, message, scope = found_message(list_id, message_id)
    return clickers_page(scope, message, message_link_id, wanted, request)


@message_reports.get(MESSAGE + "/Summary", answer=Resource[MessageSummaryOut], levels=REPORTS)
def summary_of_message(
    request: WireRequest, list_id: Id, message_id: Id
) -> Resource[MessageSummaryOut]:
    """
    Add up what came of a message.

    Recipients are counted, not how often each did it; `visitCount` alone is all clicks. Opens that
    mail programs make by themselves are not counted. `conversionCount` and `revenue` are of the
    orders ascribed to the message; `passAlongCount` is 0. Of large messages the sums are kept a
    while.
    """
    _, _, scope = found_message(list_id, message_id)
    return message_summary(scope)


@message_reports.get(OURS + "/Audience", answer=Resource[AudienceOut], levels=LEVELS)
def message_audience(request: WireRequest, list_id: Id, message_id: Id) -> Resource[AudienceOut]:
    """
    Count who gets a message, and of the others how many for each reason.

    As sending would decide at this moment; once it has begun, as it was decided then. Large
    audiences are counted at most every so often.
    """
    row, _, _ = found_message(list_id, message_id)
    counts = row.counts
    if not counts:
        try:
            # A list of millions is counted in seconds: not by whoever asks all the time.
            counts = bounded(
                f"audience:{row.pk}", lambda: count_audience(row, now=request.now).as_dict()
            )
        except filters.VanishedError as gone:
            raise Refused(code="ERROR_INVALID_AUDIENCE", message=str(gone)) from gone
    return Resource[AudienceOut](
        data=AudienceOut(
            eligible=counts["eligible"],
            reasons=[
                ReasonOut(reason=reason, count=number)
                for reason, number in counts["reasons"].items()
            ],
        )
    )
