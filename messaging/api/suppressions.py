"""Suppression: addresses that are not written to (beyond the wire)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from ninja import Query
from pydantic import Field

from accounts.actions import InvalidValueError
from accounts.api import found_list
from accounts.models import List
from accounts.wire import (
    Deleted,
    Frame,
    Id,
    InvalidParameterError,
    NotFoundError,
    Page,
    PageQuery,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    deleted,
    found,
    page_of,
)
from contacts.api.reading import one_of
from messaging.actions.suppressions import hashed_address, read_address, release, suppress
from messaging.models import Suppression, SuppressionReason
from messaging.models.message import Channel

suppressions = Frame("/conductor/v1", integration="email", tag="Suppression")

LEVELS = ["Contact"]
MOST = 10_000


class SuppressionQuery(PageQuery):
    """Which suppressions to show; `address` as it is written."""

    channel: str = ""
    reason: str = ""
    address: str = ""


class SuppressionOut(WireOut):
    """A suppressed address; of an erased one only its hash is known. No list: the account."""

    suppression_id: int
    channel: str
    address: str
    list_id: int | None
    reason: str
    source: str
    create_date: datetime


class SuppressionsIn(WireIn):
    """Addresses to suppress, at most 10,000; `listId` narrows emails to one list."""

    addresses: Annotated[list[str], Field(max_length=MOST)]
    list_id: int | None = None
    reason: str = SuppressionReason.MANUAL.value
    source: str = "API"


class SuppressionProblemOut(WireOut):
    """An address that was not taken; `index` counts from 0."""

    index: int
    reason: str


class SuppressedOut(WireOut):
    """How many addresses were not suppressed before, and which were not taken."""

    suppressed: int
    problems: list[SuppressionProblemOut]


def suppression_out(one: Suppression) -> SuppressionOut:
    """Write a suppression."""
    return SuppressionOut(
        suppression_id=one.pk,
        channel=one.channel,
        address=one.address,
        list_id=one.list_id,
        reason=one.reason,
        source=one.source,
        create_date=one.created_at,
    )


@suppressions.get("/Suppression", answer=Page[SuppressionOut], levels=LEVELS)
def all_suppressions(request: WireRequest, wanted: Query[SuppressionQuery]) -> Page[SuppressionOut]:
    """
    Return the addresses that nothing is sent to.

    `address` finds one however it is written, also one of which only the hash is kept.
    """
    rows = Suppression.objects.all()
    if wanted.channel:
        rows = rows.filter(channel=one_of("channel", wanted.channel, Channel.values))
    if wanted.reason:
        rows = rows.filter(reason=one_of("reason", wanted.reason, SuppressionReason.values))
    if wanted.address:
        channel, address = read_address(wanted.address)
        rows = rows.filter(channel=channel, address__in=[address, hashed_address(address)])
    page = page_of(rows, wanted, request)
    return page.answer(SuppressionOut, (suppression_out(row) for row in page))


@suppressions.post("/Suppression", answer={201: Resource[SuppressedOut]}, levels=LEVELS)
def add_suppressions(request: WireRequest, body: SuppressionsIn) -> Resource[SuppressedOut]:
    """
    Suppress email addresses and numbers.

    One that cannot be read is a problem of its own, the others are taken.
    """
    if not body.addresses:
        raise InvalidParameterError("addresses")
    reason = one_of("reason", body.reason, SuppressionReason.values)
    in_list = None if body.list_id is None else named_list(body.list_id)
    read: dict[str, list[str]] = {channel: [] for channel in Channel.values}
    problems = []
    for index, written in enumerate(body.addresses):
        try:
            channel, address = read_address(written.strip())
            if in_list is not None and channel == Channel.SMS:
                raise InvalidValueError("list", "A number is suppressed in the whole account.")
            read[channel].append(address)
        except InvalidValueError as bad:
            problems.append(SuppressionProblemOut(index=index, reason=bad.message))
    added = sum(
        _suppress(request, channel, addresses, reason, in_list, body.source)
        for channel, addresses in read.items()
        if addresses
    )
    return Resource[SuppressedOut](
        status=201, data=SuppressedOut(suppressed=added, problems=problems)
    )


def named_list(list_id: int) -> List:
    """
    Return the list that a body names.

    :raises InvalidParameterError: naming `listId`, if there is none.
    """
    try:
        return found_list(list_id)
    except NotFoundError as unknown:
        raise InvalidParameterError("listId") from unknown


def _suppress(
    request: WireRequest,
    channel: str,
    addresses: Sequence[str],
    reason: str,
    in_list: List | None,
    source: str,
) -> int:
    return suppress(
        channel=channel,
        addresses=addresses,
        reason=reason,
        list=in_list,
        source=source.replace("\0", ""),
        now=request.now,
        by=request.client,
    )


@suppressions.delete("/Suppression/{suppression_id}", answer=Deleted, levels=LEVELS)
def release_suppression(request: WireRequest, suppression_id: Id) -> Deleted:
    """
    Take an address off the list; consent comes back with none.

    Who was unsubscribed meanwhile stays so.
    """
    one = found(Suppression.objects.all(), pk=suppression_id)
    release(suppressions=[one], now=request.now, by=request.client)
    return deleted()
