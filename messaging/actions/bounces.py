"""
Bounces, complaints, wishes to be left alone: whom we write to no more because of them.

What a bounce does is the list's to say (`bounceHandling`): None notes it; Standard takes the
address off that list; Aggressive writes to it from no list of the account. A hard bounce does
so at once, soft ones when there are `bounceUnsubscribeCount` of the list in a row: whoever
opens or clicks anything has a mailbox that works. A complaint counts for the whole account,
whatever the list says: it costs the sender's name with the provider. A number that does not
exist or takes no texts is off every phone list at once; one whose STOP the provider knows of, and
we do not, has written it to us, too.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import List
from accounts.models.list import BounceHandling
from accounts.tenancy import sql
from contacts.actions.leaving import unsubscribe_many
from messaging.actions.phones import deactivate_phones
from messaging.actions.replies import opt_out_many
from messaging.actions.suppressions import suppress
from messaging.models import ShortCode, SuppressionReason
from messaging.models.message import Channel

BOUNCE = "Bounce"
COMPLAINT = "Abuse"
NO_NUMBER = "PermanentError"
BY_RECIPIENT = "Recipient"


@dataclass(frozen=True)
class Bounced:
    """A delivery that bounced, and what its list makes of that."""

    delivery_id: int
    list_id: int
    contact_id: int
    address: str
    handling: str
    enough: int
    soft_count: int


def heed_bounces(*, hard: Sequence[int], soft: Sequence[int], now: datetime) -> None:
    """Stop writing where deliveries bounced; their receipts are written already."""
    for_good = what_bounced(hard)
    worn_out = [one for one in what_bounced(soft) if 0 < one.enough <= one.soft_count]
    stop(for_good, SuppressionReason.HARD_BOUNCE, now=now)
    stop(worn_out, SuppressionReason.SOFT_BOUNCES, now=now)
    if hard:
        numbers = [phone for phone, _ in numbers_of(hard, with_tests=False)]
        deactivate_phones(phones=numbers, reason=NO_NUMBER, now=now)


def numbers_of(deliveries: Sequence[int], *, with_tests: bool) -> list[tuple[str, int | None]]:
    """Return the numbers that texts went to, each with the short code that they came from."""
    statement = sql.statement("messaging", "numbers_of_deliveries")
    rows = sql.fetch_all(statement, delivery_ids=list(deliveries), with_tests=with_tests)
    return [(phone, code_id) for phone, code_id in rows]


def what_bounced(deliveries: Sequence[int]) -> list[Bounced]:
    """Return what is to be known of deliveries; tests and those of nobody are left out."""
    if not deliveries:
        return []
    statement = sql.statement("messaging", "what_bounced")
    return [Bounced(*row) for row in sql.fetch_all(statement, delivery_ids=list(deliveries))]


def stop(bounced: Sequence[Bounced], reason: SuppressionReason, *, now: datetime) -> None:
    """Suppress addresses on their list or in the account, and end the subscriptions."""
    by_list: dict[int, set[str]] = defaultdict(set)
    for one in bounced:
        if one.handling == BounceHandling.STANDARD:
            by_list[one.list_id].add(one.address)
    lists = List.objects.in_bulk(by_list)
    for list_id, addresses in by_list.items():
        put_down(addresses, reason, now=now, in_list=lists[list_id])
    put_down(
        {one.address for one in bounced if one.handling == BounceHandling.AGGRESSIVE},
        reason,
        now=now,
    )
    unsubscribe_many(
        wanted=[
            (None if one.handling == BounceHandling.AGGRESSIVE else one.list_id, one.contact_id)
            for one in bounced
            if one.handling != BounceHandling.NONE
        ],
        method=BOUNCE,
        now=now,
    )


def put_down(
    addresses: Iterable[str],
    reason: SuppressionReason,
    *,
    now: datetime,
    in_list: List | None = None,
) -> None:
    """Suppress email addresses, if there are any."""
    wanted = sorted(filter(None, addresses))
    if wanted:
        suppress(
            channel=Channel.EMAIL,
            addresses=wanted,
            reason=reason.value,
            now=now,
            list=in_list,
            source="provider",
        )


def heed_complaints(*, deliveries: Sequence[int], now: datetime) -> None:
    """
    Write nothing more from the account to whoever marked a message as spam.

    A copy that was sent on to somebody else came from the account as well, and whoever has it
    wants no more of that: the address is suppressed. It ends no subscription, since the person
    whose message it was has said nothing.
    """
    if not deliveries:
        return
    complained = what_bounced(deliveries)
    sent_on = sql.fetch_all(sql.statement("messaging", "sent_on_to"), delivery_ids=list(deliveries))
    put_down(
        {*(one.address for one in complained), *(row[0] for row in sent_on)},
        SuppressionReason.COMPLAINT,
        now=now,
    )
    unsubscribe_many(
        wanted=[(None, one.contact_id) for one in complained], method=COMPLAINT, now=now
    )


def heed_departures(*, deliveries: Sequence[int], now: datetime) -> None:
    """End the subscriptions of those who told the provider that they want no more of a list."""
    unsubscribe_many(
        wanted=[(one.list_id, one.contact_id) for one in what_bounced(deliveries)],
        method=BY_RECIPIENT,
        now=now,
    )


def heed_stops(*, deliveries: Sequence[int], now: datetime) -> None:
    """End the consents of numbers that told the provider STOP where we have not heard it."""
    if not deliveries:
        return
    by_code: dict[int, list[str]] = defaultdict(list)
    for phone, code_id in numbers_of(deliveries, with_tests=True):
        if code_id is not None:
            by_code[code_id].append(phone)
    for code in ShortCode.objects.filter(pk__in=by_code).order_by("pk"):
        opt_out_many(short_code=code, phones=by_code[code.pk], now=now)
