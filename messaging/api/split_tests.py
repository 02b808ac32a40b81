"""SplitTest: messages to shares of one audience; read as the vendor has it, made beyond the wire."""

from datetime import datetime
from typing import Any

from django.db.models import Max, Min, Q, QuerySet
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
from contacts.api.reading import one_of, read_time
from messaging.actions.broadcasts import campaign_fields
from messaging.actions.split_tests import METRICS, Group, plan_split_test
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
WAITING, SENDING, SENT = (
    BroadcastStatus.WAITING.value,
    BroadcastStatus.SENDING.value,
    BroadcastStatus.SENT.value,
)
NOT_SENT = {
    BroadcastStatus.NOT_READY.value: "NotReady",
    BroadcastStatus.CANCELED.value: "Canceled",
}


class GroupIn(MessageIn):
    """
    A message and its share of the audience, in percent.

    The audience is the test's: a group that names one of its own is refused.
    """

    group_name: str
    percent: int = Field(ge=1, le=100)

    @model_validator(mode="after")
    def refuse_audience(self) -> "GroupIn":
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
    or Conversions.
    """

    split_test_name: str
    winner_metric: str = "Opens"
    send_date: str = ""
    groups: list[GroupIn] = Field(min_length=2, max_length=10)
    audience: SharedAudienceIn = SharedAudienceIn()


class SplitTestOut(WireOut):
    """A split test; it ends when its last group has been sent."""

    split_test_id: int
    split_test_name: str
    start_date: datetime | None
    end_date: datetime | None
    status: str
    test_criteria: str
    test_type: str
    winner_metric: str


class SplitTestMessageOut(WireOut):
    """A group of a split test; its size is how many of it were eligible when it began."""

    message_id: int
    message_status: str
    message_type: str
    group_name: str
    segment_size: int


def tests_of(list_id: int) -> "QuerySet[SplitTest]":
    """Return the split tests of a list, with when they begin and end."""
    unsent = ~Q(broadcasts__status=SENT)
    return SplitTest.objects.filter(list=found_list(list_id)).annotate(
        begins=Min("broadcasts__send_at"),
        ends=Max("broadcasts__ended_at"),
        begun=Min("broadcasts__started_at"),
        unsent=Max("broadcasts__status", filter=unsent),
    )


def test_out(row: Any) -> SplitTestOut:
    """Write a split test as the wire has it."""
    if row.unsent is None:
        status = SENT
    elif row.begun is None:
        status = NOT_SENT.get(row.unsent, "Scheduled")
    else:
        status = SENDING
    return SplitTestOut(
        split_test_id=row.pk,
        split_test_name=row.name,
        start_date=row.begun or row.begins,
        end_date=row.ends if status == SENT else None,
        status=status,
        test_criteria=row.criteria,
        test_type=row.kind,
        winner_metric=row.metric,
    )


@split_tests.get(TESTS, answer=Page[SplitTestOut], levels=LEVELS)
def all_tests(request: WireRequest, list_id: Id, wanted: Query[DatesQuery]) -> Page[SplitTestOut]:
    """Return the split tests of a list, by when they begin if asked."""
    rows: Any = tests_of(list_id)
    start = read_time("startDate", wanted.start_date, request.zone)
    end = read_time("endDate", wanted.end_date, request.zone)
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
                message_type=row.kind,
                group_name=row.group_name,
                segment_size=row.counts.get("eligible", 0),
            )
            for row in Broadcast.objects.filter(split_test=test).order_by("share_from", "pk")
        ]
    )


@split_tests.post(
    "/conductor/v1/List/{list_id}/SplitTest",
    levels=LEVELS,
    names={"name": "splitTestName", "percent": "percent"},
)
def create_test(request: WireRequest, list_id: Id, body: SplitTestIn) -> Created:
    """Send several messages to shares of one audience, at once or at `sendDate`."""
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
        metric=one_of("winnerMetric", body.winner_metric, METRICS),
        groups=groups,
        audience=named_audience(in_list, body.audience),
        send_at=read_time("sendDate", body.send_date, request.zone) or request.now,
        now=request.now,
        by=request.client,
    )
    return created(made.pk)
