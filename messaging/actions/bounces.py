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
from messaging.actions.replies import opt_out
from messaging.actions.suppressions import suppress
from messaging.models import ShortCode, SuppressionReason
from messaging.models.message import Channel

BOUNCE = "Bounce"
COMPLAINT = "Abuse"
NO_NUMBER = "PermanentError"
NUMBERS = """
    SELECT DISTINCT delivery.address
    FROM messaging_delivery AS delivery
    WHERE delivery.id = ANY(%(ids)s::bigint[]) AND delivery.channel = 'sms' AND NOT delivery.is_test
"""
BY_RECIPIENT = "Recipient"

STOPPED = """
    SELECT DISTINCT phone_list.short_code_id, delivery.address
    FROM messaging_delivery AS delivery
    INNER JOIN messaging_phonelist AS phone_list ON delivery.phone_list_id = phone_list.id
    WHERE delivery.id = ANY(%(ids)s::bigint[]) AND delivery.channel = 'sms'
"""


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
        numbers = [row[0] for row in sql.fetch_all(NUMBERS, ids=list(hard))]
        deactivate_phones(phones=numbers, reason=NO_NUMBER, now=now)


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
    """Write nothing more from the account to whoever marked a message as spam."""
    complained = what_bounced(deliveries)
    put_down({one.address for one in complained}, SuppressionReason.COMPLAINT, now=now)
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
    rows = sql.fetch_all(STOPPED, ids=list(deliveries))
    codes = ShortCode.objects.in_bulk({code_id for code_id, _ in rows})
    for code_id, phone in rows:
        opt_out(short_code=codes[code_id], phone_e164=phone, now=now)
