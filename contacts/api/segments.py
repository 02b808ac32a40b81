"""Segment (beyond the wire): saved rules of a list, sets kept by hand, and who is in them."""

from datetime import datetime
from typing import Any

from ninja import Query
from pydantic import ConfigDict

from accounts.api import found_list
from accounts.wire import (
    Collection,
    Created,
    Deleted,
    Frame,
    Id,
    Page,
    PageQuery,
    Refused,
    Resource,
    Updated,
    WireIn,
    WireOut,
    WireRequest,
    created,
    deleted,
    found,
    updated,
)
from accounts.wire.paging import write_cursor
from contacts import filters
from contacts.actions import segments as actions
from contacts.models import Segment
from contacts.segments.listing import page_of_members

segments = Frame("/conductor/v1", integration="email", tag="Segment")

SEGMENTS = "/List/{list_id}/Segment"
ONE = SEGMENTS + "/{segment_id}"
NAMES = {"name": "segmentName", "emailAddresses": "emailAddresses"}


class SegmentIn(WireIn):
    """A segment to be: of kind `rule`, with the rule as conversation files write it, or `manual`."""

    segment_name: str
    kind: str = "rule"
    rule: dict[str, Any] | None = None


class SegmentChangeIn(WireIn):
    """What to change of a segment: what is not given stays."""

    segment_name: str | None = None
    rule: dict[str, Any] | None = None


class AddressesIn(WireIn):
    """Contacts of the list by their addresses."""

    email_addresses: list[str]


class RuleOut(WireOut):
    """A rule; its keys are those of conversation files."""

    model_config = ConfigDict(extra="allow")


class SegmentOut(WireOut):
    """A segment; one kept by hand has no rule, one never counted no count."""

    segment_id: int
    segment_name: str
    kind: str
    rule: RuleOut | None
    member_count: int | None
    counted_date: datetime | None
    create_date: datetime
    modified_date: datetime


class CountOut(WireOut):
    """How many are in a segment, and when they were counted."""

    count: int
    counted_date: datetime


class MemberOut(WireOut):
    """Who is in a segment."""

    subscription_id: int
    email_address: str | None
    subscription_state: str


class MovedOut(WireOut):
    """How many moved, how many stood so before, and the addresses that the list does not have."""

    count: int
    unchanged: int
    unknown: list[str]


def segment_out(segment: Segment) -> SegmentOut:
    """Write a segment."""
    return SegmentOut(
        segment_id=segment.pk,
        segment_name=segment.name,
        kind=segment.kind,
        rule=RuleOut(**segment.rule) if segment.rule else None,
        member_count=segment.member_count,
        counted_date=segment.counted_at,
        create_date=segment.created_at,
        modified_date=segment.modified_at,
    )


def found_segment(list_id: int, segment_id: int) -> Segment:
    """
    Return a segment of a list.

    :raises NotFoundError: if the list has none of that id.
    """
    rows = Segment.objects.filter(list=found_list(list_id)).select_related("list", "account")
    return found(rows, pk=segment_id)


@segments.get(SEGMENTS, answer=Collection[SegmentOut], levels=["List"])
def all_segments(request: WireRequest, list_id: Id) -> Collection[SegmentOut]:
    """
    Return the segments of a list.

    `memberCount` is as it was counted last, at `countedDate`; `.../Count` counts now.
    """
    rows = Segment.objects.filter(list=found_list(list_id)).order_by("pk")
    return Collection[SegmentOut](data=[segment_out(row) for row in rows])


@segments.post(SEGMENTS, levels=["List"], names=NAMES)
def create_segment(request: WireRequest, list_id: Id, body: SegmentIn) -> Created:
    """
    Save a rule under a name, or begin a segment that is kept by hand.

    `rule` is written as in conversation files: `{"all": [...]}`, `{"any": [...]}`, `{"not": ...}`
    around tests such as `{"field": "Profile.City", "is": "Lititz"}`. One that names what the list
    has not is refused. Listrak's API only reads segments, as SavedAudience.
    """
    made = actions.create_segment(
        list=found_list(list_id),
        name=body.segment_name,
        kind=body.kind.strip().lower(),
        rule=body.rule,
        now=request.now,
        by=request.client,
    )
    return created(made.pk)


@segments.get(ONE, answer=Resource[SegmentOut], levels=["List"])
def one_segment(request: WireRequest, list_id: Id, segment_id: Id) -> Resource[SegmentOut]:
    """Return a segment with its rule."""
    return Resource[SegmentOut](data=segment_out(found_segment(list_id, segment_id)))


@segments.put(ONE, answer=Updated, levels=["List"], names=NAMES)
def update_segment(
    request: WireRequest, list_id: Id, segment_id: Id, body: SegmentChangeIn
) -> Updated:
    """
    Rename a segment, or change its rule for all who ask for it.

    What is not given stays. Conversations, messages and segments that name it ask the new rule
    from then on.
    """
    changed = actions.update_segment(
        segment=found_segment(list_id, segment_id),
        name=body.segment_name,
        rule=body.rule,
        now=request.now,
        by=request.client,
    )
    return updated(changed.pk)


@segments.delete(ONE, levels=["List"])
def delete_segment(request: WireRequest, list_id: Id, segment_id: Id) -> Deleted:
    """
    Delete a segment that no running conversation and no other segment asks for.

    One in use is refused with `ERROR_SEGMENT_IN_USE`. A message that is scheduled to it
    becomes NotReady.
    """
    actions.delete_segment(
        segment=found_segment(list_id, segment_id), now=request.now, by=request.client
    )
    return deleted()


@segments.get(ONE + "/Count", answer=Resource[CountOut], levels=["List"])
def count_segment(request: WireRequest, list_id: Id, segment_id: Id) -> Resource[CountOut]:
    """
    Count who is in a segment now.

    Whatever the state of their subscription: who gets a message is told by its `Audience`.
    """
    segment = found_segment(list_id, segment_id)
    try:
        count = actions.count_members(segment=segment, now=request.now)
    except filters.VanishedError as vanished:
        raise _unusable(vanished) from vanished
    return Resource[CountOut](data=CountOut(count=count, counted_date=request.now))


@segments.get(ONE + "/Member", answer=Page[MemberOut], levels=["Contact"])
def all_members(
    request: WireRequest, list_id: Id, segment_id: Id, wanted: Query[PageQuery]
) -> Page[MemberOut]:
    """Return who is in a segment now, whatever the state of the subscription."""
    segment = found_segment(list_id, segment_id)
    try:
        rows = page_of_members(segment, now=request.now, after=wanted.after, limit=wanted.count + 1)
    except filters.VanishedError as vanished:
        raise _unusable(vanished) from vanished
    shown, more = rows[: wanted.count], len(rows) > wanted.count
    return Page[MemberOut](
        next_page_cursor=write_cursor(after=shown[-1].pk, query=request.GET) if more else None,
        data=[
            MemberOut(
                subscription_id=row.pk,
                email_address=row.contact.email or None,
                subscription_state=row.state,
            )
            for row in shown
        ],
    )


@segments.post(ONE + "/Member", answer={201: Resource[MovedOut]}, levels=["Contact"], names=NAMES)
def add_members(
    request: WireRequest, list_id: Id, segment_id: Id, body: AddressesIn
) -> Resource[MovedOut]:
    """
    Put contacts of the list into a segment that is kept by hand.

    Those whom the list does not have are named in `unknown`; nobody is put on the list. Conversations
    that start by the segment hear of who is new in it.
    """
    done = actions.add_addresses(
        segment=found_segment(list_id, segment_id),
        addresses=body.email_addresses,
        now=request.now,
        by=request.client,
    )
    return Resource[MovedOut](status=201, data=moved_out(done))


@segments.delete(ONE + "/Member", answer=Resource[MovedOut], levels=["Contact"], names=NAMES)
def remove_members(
    request: WireRequest, list_id: Id, segment_id: Id, body: AddressesIn
) -> Resource[MovedOut]:
    """
    Take contacts out of a segment that is kept by hand.

    They stay on the list; those whom it does not have are named in `unknown`.
    """
    done = actions.remove_addresses(
        segment=found_segment(list_id, segment_id),
        addresses=body.email_addresses,
        now=request.now,
        by=request.client,
    )
    return Resource[MovedOut](data=moved_out(done))


def moved_out(done: actions.Addressed) -> MovedOut:
    """Write what came of addresses."""
    return MovedOut(count=done.moved, unchanged=done.unmoved, unknown=list(done.unknown))


def _unusable(vanished: filters.VanishedError) -> Refused:
    return Refused(code="ERROR_INVALID_SEGMENT", message=f"{vanished.reason.capitalize()}.")
