"""SplitTest: messages to shares of one audience; read as the vendor has it, made beyond the wire."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from ninja import Query
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from accounts.api import found_list
from accounts.wire import (
    Collection,
    Created,
    Frame,
    Id,
    Page,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
    page_of,
)
from contacts.api.reading import one_of, read_end, read_time
from messaging.actions.broadcasts import campaign_fields
from messaging.actions.split_tests import METRICS, OPEN, Group, plan_split_test, results
from messaging.api.campaigns import found_campaign
from messaging.api.filters import refuse_unknown
from messaging.api.messages import (
    AudienceIn,
    MessageIn,
    committed,
    named_audience,
    shown_options,
)
from messaging.api.reporting import DatesQuery
from messaging.models import Broadcast, BroadcastStatus, SplitTest

split_tests = Frame("", integration="email", tag="SplitTest")

TESTS = "/email/v1/List/{list_id}/SplitTest"
LEVELS = ["List", "Message"]
SENDING, SENT = BroadcastStatus.SENDING.value, BroadcastStatus.SENT.value
GROUP, REMAINDER, NO_REMAINDER = "Split Test Group", "Remainder", "No Remainder"
MOST_HOURS = 30 * 24
NOT_SENT = {
    BroadcastStatus.NOT_READY.value: "NotReady",
    BroadcastStatus.CANCELED.value: "Canceled",
}


class SplitTestGroupIn(MessageIn):
    """
    A message and its share of the audience, in percent.

    The audience is the test's: a group that names one of its own is refused.
    """

    group_name: str
    percent: int = Field(ge=1, le=100)

    @model_validator(mode="after")
    def refuse_audience(self) -> "SplitTestGroupIn":
        """Name what would be the audience of one group."""
        for name in AudienceIn.model_fields:
            if getattr(self, name):
                raise PydanticCustomError("audience", "own audience", {"parameter": name})
        return self


class SharedAudienceIn(AudienceIn):
    """Whom all groups are for; a key that no message has is refused: it was to narrow it."""

    @model_validator(mode="before")
    @classmethod
    def refuse_other_keys(cls, data: Any) -> Any:
        """Name a key that says nothing to us, such as a misspelt one."""
        return refuse_unknown(MessageIn, data)


class SplitTestIn(WireIn):
    """
    A split test to be: two to ten groups whose shares come to at most 100.

    `audience` is that of all groups. `winnerMetric` is Opens, Clicks, Revenue
    or Conversions, each by message sent. With `winnerAfterHours` the message that did best in
    so many hours (1 to 720) goes to everybody who was in no group; 0: nobody else gets any.
    """

    split_test_name: str
    winner_metric: str = "Opens"
    winner_after_hours: int = Field(default=0, ge=0, le=MOST_HOURS)
    send_date: str = ""
    groups: list[SplitTestGroupIn] = Field(min_length=2, max_length=10)
    audience: SharedAudienceIn = SharedAudienceIn()


class SplitTestOut(WireOut):
    """
    A split test; it ends when its last message has been sent.

    `testCriteria` is what the messages differ by, Subject or Content; `testType` is whether the
    winner goes to a remainder: Remainder, No Remainder.
    """

    split_test_id: int
    split_test_name: str
    start_date: datetime | None
    end_date: datetime | None
    status: str
    test_criteria: str
    test_type: str
    winner_metric: str


class SplitTestMessageOut(WireOut):
    """
    A message of a split test, of a group or of the remainder.

    `segmentSize` is the percentage of recipients that are the group's; the remainder has neither
    name nor percentage, and says what the first group says until the winner is known.
    """

    message_id: int
    message_status: str
    message_type: str
    group_name: str
    segment_size: int | None


class GroupResultOut(WireOut):
    """What came of a group's message so far; `score` is by the test's metric and message sent."""

    message_id: int
    group_name: str
    sent: int
    opens: int
    clicks: int
    conversions: int
    revenue: float
    score: float


class SplitTestResultOut(WireOut):
    """What came of a split test; `winnerMessageId` is 0, `decidedDate` null until it is decided."""

    split_test_id: int
    winner_metric: str
    winner_message_id: int
    decided_date: datetime | None
    groups: list[GroupResultOut]


def tests_of(list_id: int) -> "QuerySet[SplitTest]":
    """Return the split tests of a list, with when they begin and end."""
    unsent = ~Q(broadcasts__status=SENT)
    return SplitTest.objects.filter(list=found_list(list_id)).annotate(
        begins=Min("broadcasts__send_at"),
        ends=Max("broadcasts__ended_at"),
        begun=Min("broadcasts__started_at"),
        unsent=Max("broadcasts__status", filter=unsent),
        under_way=Count("broadcasts", filter=Q(broadcasts__status__in=OPEN)),
        remainders=Count("broadcasts", filter=Q(broadcasts__group_name="")),
    )


def test_out(row: Any) -> SplitTestOut:
    """Write a split test as the wire has it."""
    if row.unsent is None:
        status = SENT
    elif row.begun is None:
        status = NOT_SENT.get(row.unsent, "Scheduled")
    else:
        status = SENDING if row.under_way else SENT
    return SplitTestOut(
        split_test_id=row.pk,
        split_test_name=row.name,
        start_date=row.begun or row.begins,
        end_date=row.ends if status == SENT else None,
        status=status,
        test_criteria=row.kind,
        test_type=REMAINDER if row.remainders else NO_REMAINDER,
        winner_metric=row.metric,
    )


@split_tests.get(TESTS, answer=Page[SplitTestOut], levels=LEVELS)
def all_tests(request: WireRequest, list_id: Id, wanted: Query[DatesQuery]) -> Page[SplitTestOut]:
    """
    Return the split tests of a list, by when they begin if asked.

    They are made by `POST /conductor/v1/List/{listId}/SplitTest`; the vendor's API only reads them.
    """
    rows: Any = tests_of(list_id)
    start = read_time("startDate", wanted.start_date, request.zone)
    end = read_end("endDate", wanted.end_date, request.zone)
    rows = rows.filter(begins__gte=start) if start else rows
    rows = rows.filter(begins__lte=end) if end else rows
    page = page_of(rows, wanted, request)
    return page.answer(SplitTestOut, (test_out(row) for row in page))


@split_tests.get(TESTS + "/{split_test_id}", answer=Resource[SplitTestOut], levels=LEVELS)
def one_test(request: WireRequest, list_id: Id, split_test_id: Id) -> Resource[SplitTestOut]:
    """Return a split test."""
    return Resource[SplitTestOut](data=test_out(found(tests_of(list_id), pk=split_test_id)))


@split_tests.get(
    TESTS + "/{split_test_id}/Message", answer=Collection[SplitTestMessageOut], levels=LEVELS
)
def messages_of_test(
    request: WireRequest, list_id: Id, split_test_id: Id
) -> Collection[SplitTestMessageOut]:
    """Return the messages of a split test; what came of each is told under Message."""
    test = found(SplitTest.objects.filter(list=found_list(list_id)), pk=split_test_id)
    return Collection[SplitTestMessageOut](
        data=[
            SplitTestMessageOut(
                message_id=row.pk,
                message_status=row.status,
                message_type=REMAINDER if row.is_remainder else GROUP,
                group_name=row.group_name,
                segment_size=None if row.is_remainder else row.share_to - row.share_from,
            )
            for row in Broadcast.objects.filter(split_test=test).order_by("share_from", "pk")
        ]
    )


@split_tests.get(
    "/conductor/v1/List/{list_id}/SplitTest/{split_test_id}/Result",
    answer=Resource[SplitTestResultOut],
    levels=LEVELS,
)
def result_of_test(
    request: WireRequest, list_id: Id, split_test_id: Id
) -> Resource[SplitTestResultOut]:
    """Return what came of each group of a split test, and which has won."""
    test = found(SplitTest.objects.filter(list=found_list(list_id)), pk=split_test_id)
    return Resource[SplitTestResultOut](
        data=SplitTestResultOut(
            split_test_id=test.pk,
            winner_metric=test.metric,
            winner_message_id=test.winner_id or 0,
            decided_date=test.decided_at,
            groups=[
                GroupResultOut(
                    message_id=one.group.pk,
                    group_name=one.group.group_name,
                    sent=one.summary.of("sent"),
                    opens=one.summary.of("opened"),
                    clicks=one.summary.of("clicked"),
                    conversions=one.summary.conversions,
                    revenue=float(one.summary.revenue),
                    score=float(one.score(test.metric)),
                )
                for one in results(test)
            ],
        )
    )


@split_tests.post(
    "/conductor/v1/List/{list_id}/SplitTest",
    levels=LEVELS,
    names={"name": "splitTestName", "percent": "percent"},
)
def create_test(request: WireRequest, list_id: Id, body: SplitTestIn) -> Created:
    """
    Send several messages to shares of one audience, at once or at `sendDate`.

    With `winnerAfterHours` the one that did best goes to the rest when that time is over. It is
    a message of the test like the others: `DELETE .../Message/{id}` calls it back before.
    """
    in_list = found_list(list_id)
    groups = [
        Group(
            one.group_name,
            one.percent,
            committed(in_list, one, request),
            {
                "options": shown_options(one),
                **campaign_fields(
                    found_campaign(list_id, one.campaign_id), one.external_campaign_id
                ),
            },
        )
        for one in body.groups
    ]
    made = plan_split_test(
        list=in_list,
        name=body.split_test_name,
        metric=one_of("winnerMetric", body.winner_metric, tuple(METRICS)),
        winner_after=timedelta(hours=body.winner_after_hours) if body.winner_after_hours else None,
        groups=groups,
        audience=named_audience(in_list, body.audience),
        send_at=read_time("sendDate", body.send_date, request.zone) or request.now,
        now=request.now,
        by=request.client,
    )
    return created(made.pk)
