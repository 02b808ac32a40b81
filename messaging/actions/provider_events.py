"""
What providers tell of deliveries: that they arrived, bounced, were complained about.

Providers repeat themselves, come late, come in any order, and come sooner than the sender has
written down what the provider named its message. Each thing is kept once by the provider's own
id of it, and what names no delivery yet is looked for again for a day.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.tenancy import current_account_id, in_account, sql
from messaging import tokens
from messaging.actions.bounces import heed_bounces, heed_complaints, heed_departures, heed_stops
from messaging.actions.receipts import CameBack, tell_of_deliveries, write_receipts
from messaging.models import ProviderNotice, Receipt
from messaging.models.receipt import ReceiptKind
from messaging.traceless import traceless

# What is told, and what is noted of it; what merely arrived settles what was not known.
KINDS = {
    "delivered": None,
    "bounced": ReceiptKind.BOUNCED,
    "complained": ReceiptKind.COMPLAINED,
    "opened": ReceiptKind.OPENED,
    "clicked": ReceiptKind.CLICKED,
    "unsubscribed": ReceiptKind.UNSUBSCRIBED,
    "rejected": ReceiptKind.REJECTED,
    "failed": ReceiptKind.REJECTED,
}
KEPT = ("bounce", "code", "url", "reason")
LONGEST = 500
LOOKED_FOR = timedelta(days=1)
REMEMBERED = timedelta(days=35)  # no provider repeats itself for longer
# What was longer ago is told by who has kept an old call; that it counted may be forgotten.
REPLAYED = timedelta(days=30)
# What a message comes to but once.
ENDS = frozenset({"bounced", "failed", "rejected"})
# What is told of one delivery waits until its sender, if it is at it, has written it down. Of
# several it would wait in a circle with the batches of two senders.
WRITTEN_DOWN = """
    SELECT delivery.id
    FROM messaging_delivery AS delivery
    WHERE delivery.id = %(id)s AND delivery.state = 'sending'
    FOR NO KEY UPDATE
"""
KEPT_OF = """
    SELECT notice.id, notice.delivery_id, notice.kind, notice.occurred_at, notice.detail
    FROM messaging_providernotice AS notice
    WHERE notice.delivery_id = ANY(%(deliveries)s::bigint[])
"""
# Ours, as `messaging.sending.finishing` writes them.
MESSAGE_ID = re.compile(r"<?(?P<delivery>\d{1,18})\.(?P<digest>[0-9a-f]{16})@[^@\s>]+>?")


@dataclass(frozen=True)
class ProviderEvent:
    """
    One thing that a provider told.

    `kind` is a key of `KINDS`. `event_id` is the provider's own for it; without one, twice the
    same is once. `detail`: bounce (hard | soft), code, url, reason; also `message_id` (our
    Message-ID) or `delivery` (our token of kind `delivery`), where the provider hands back
    what we gave it; `delivery_id` is that of the delivery itself, of a provider that only the
    account's own can speak for. `address` is whom it is about, and is not kept.
    """

    provider: str
    event_id: str
    kind: str
    occurred_at: datetime
    provider_message_id: str = ""
    address: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    delivery_id: int | None = None

    @property
    def key(self) -> str:
        """What makes two of them the same."""
        if self.event_id:
            return self.event_id[:200]
        said = [
            self.kind,
            self.provider_message_id,
            str(self.detail.get("message_id", "")),
            str(self.detail.get("delivery", "")),
            str(self.detail.get("url", "")),
            self.address,
            self.occurred_at.isoformat(),
        ]
        return "sha256:" + hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True)
class Notice:
    """What is new of what was told, as it is kept."""

    id: int
    delivery_id: int | None
    kind: str
    occurred_at: datetime
    detail: dict[str, Any]


def record_provider_events(events: Sequence[ProviderEvent], *, now: datetime) -> int:
    """
    Note what providers tell of the current account's deliveries; return how many were news.

    Settles deliveries whose outcome was not known, writes receipts and tells who listens,
    and heeds bounces, complaints and wishes to be left alone. An unknown kind is passed over,
    and so is what was told before, or is too old to be news. Statements do not grow with the
    events.
    """
    known = [
        event for event in events if event.kind in KINDS and event.occurred_at > now - REPLAYED
    ]
    news = [notice for provider in by_provider(known) for notice in keep(provider, now=now)]
    act_on(news, now=now)
    return len(news)


def by_provider(events: Sequence[ProviderEvent]) -> list[list[ProviderEvent]]:
    """Return events of one provider each, in order."""
    sorted_out: dict[str, list[ProviderEvent]] = {}
    for event in events:
        sorted_out.setdefault(event.provider, []).append(event)
    return list(sorted_out.values())


def keep(events: Sequence[ProviderEvent], *, now: datetime) -> list[Notice]:
    """Keep what one provider told; return what is new."""
    rows = sql.fetch_all(
        sql.statement("messaging", "keep_notices"),
        provider=events[0].provider,
        event_ids=[event.key for event in events],
        kinds=[event.kind for event in events],
        times=[event.occurred_at for event in events],
        provider_message_ids=[event.provider_message_id[:200] for event in events],
        own_ids=[own_delivery(event) for event in events],
        details=[json.dumps(kept_detail(event)) for event in events],
        now=now,
    )
    return [as_notice(row) for row in rows]


def as_notice(row: tuple[Any, ...]) -> Notice:
    """Return a row of a statement as a notice."""
    number, delivery_id, kind, occurred_at, detail = row
    told = json.loads(detail) if isinstance(detail, str) else detail
    return Notice(number, delivery_id, kind, occurred_at, told)


def own_delivery(event: ProviderEvent) -> int | None:
    """Return the delivery that an event names in our own words, if it does."""
    account_id = current_account_id() or 0
    token = tokens.read("delivery", str(event.detail.get("delivery", "")))
    if token is not None and token.account_id == account_id and len(token.numbers) == 1:
        return token.numbers[0]
    for said in (str(event.detail.get("message_id", "")), event.provider_message_id):
        named = MESSAGE_ID.fullmatch(said.strip())
        if named is not None and digest(account_id, int(named["delivery"])) == named["digest"]:
            return int(named["delivery"])
    return event.delivery_id


def digest(account_id: int, delivery_id: int) -> str:
    """Return the part of our Message-ID that says whose the delivery is."""
    return hashlib.sha256(f"{account_id}:{delivery_id}".encode()).hexdigest()[:16]


def kept_detail(event: ProviderEvent) -> dict[str, Any]:
    """Return what is kept of a detail: short, and without the address."""
    detail: dict[str, Any] = {}
    for key in KEPT:
        if event.detail.get(key):
            said = str(event.detail[key]).replace("\0", "")
            said = said.replace(event.address, "…") if event.address else said
            # A link may hold an address on purpose; it goes with the person.
            detail[key] = (said if key == "url" else traceless(said))[:LONGEST]
    return detail


def act_on(news: Sequence[Notice], *, now: datetime) -> None:
    """Settle deliveries, write receipts, heed what was asked."""
    found = without_replays([notice for notice in news if notice.delivery_id is not None], now=now)
    if not found:
        return
    if len(found) == 1:
        sql.execute(WRITTEN_DOWN, id=found[0].delivery_id)
    settled = settle(found, now=now)
    tell_of_deliveries(ids=settled, now=now)
    write_receipts(
        [
            CameBack(notice.delivery_id, kind.value, notice.occurred_at, notice.detail)
            for notice in found
            if notice.delivery_id is not None and (kind := KINDS[notice.kind]) is not None
        ],
        now=now,
    )
    # One that the provider gave up before it left may have the same cause.
    hard, stopped = (
        [number for kind in ("bounced", "failed") for number in about(found, kind, bounce)]
        for bounce in ("hard", "stopped")
    )
    heed_bounces(hard=hard, soft=about(found, "bounced", "soft"), now=now)
    heed_stops(deliveries=stopped, now=now)
    heed_complaints(deliveries=about(found, "complained"), now=now)
    heed_departures(deliveries=about(found, "unsubscribed"), now=now)


def without_replays(found: Sequence[Notice], *, now: datetime) -> list[Notice]:
    """
    Leave out what a message has come to already, and that long ago.

    Not every provider says when something was: an old call of theirs looks like a new one.
    """
    ends = {
        (notice.delivery_id, kind.value)
        for notice in found
        if notice.kind in ENDS and (kind := KINDS[notice.kind]) is not None
    }
    if not ends:
        return list(found)
    known = set(
        Receipt.objects.filter(
            delivery_id__in={delivery for delivery, _ in ends},
            kind__in={kind for _, kind in ends},
            recorded_at__lt=now - REPLAYED,
        ).values_list("delivery_id", "kind")
    )
    return [one for one in found if (one.delivery_id, str(KINDS[one.kind])) not in known & ends]


def settle(found: Sequence[Notice], *, now: datetime) -> list[int]:
    """Settle what was not known by what is told; return the ids."""
    rows = sql.fetch_all(
        sql.statement("messaging", "settle_by_notice"),
        delivery_ids=[notice.delivery_id for notice in found],
        kinds=[notice.kind for notice in found],
        times=[notice.occurred_at for notice in found],
        now=now,
    )
    return [row[0] for row in rows]


def settle_by_kept(*, deliveries: Sequence[int], now: datetime) -> list[int]:
    """
    Settle deliveries of which nobody knows by what was told while they were on their way.

    Returns the ids of those that were settled; who listens is still to be told.
    """
    if not deliveries:
        return []
    kept = [as_notice(row) for row in sql.fetch_all(KEPT_OF, deliveries=list(deliveries))]
    return settle(kept, now=now) if kept else []


def about(found: Sequence[Notice], kind: str, bounce: str = "") -> list[int]:
    """Return the deliveries that something was told of; a bounce that says nothing is soft."""
    return sorted(
        {
            notice.delivery_id
            for notice in found
            if notice.delivery_id is not None
            and notice.kind == kind
            and bounce in {"", notice.detail.get("bounce", "soft")}
        }
    )


def match_early_notices(now: datetime) -> int:
    """
    Find what was told before its sender had written down who it was; return how much.

    Run by the clock, over all accounts that have some.
    """
    matched = 0
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_early_notices(%(since)s)", since=now - LOOKED_FOR
    )
    for (account_id,) in rows:
        with in_account(account_id):
            found = sql.fetch_all(
                sql.statement("messaging", "match_early_notices"), since=now - LOOKED_FOR
            )
            news = [as_notice(row) for row in found]
            act_on(news, now=now)
            matched += len(news)
    return matched


def forget_notices(now: datetime) -> None:
    """Forget what was told so long ago that nobody repeats it."""
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_old_notices(%(before)s)", before=now - REMEMBERED
    )
    for (account_id,) in rows:
        with in_account(account_id):
            ProviderNotice.objects.filter(recorded_at__lt=now - REMEMBERED).delete()
