"""
What came of messages: sums, one row a recipient, links and who followed them.

All of it is asked of deliveries, receipts and conversions, over a `Scope`: a broadcast, a
conversation, or one message of a conversation. Tests of conversations count for nothing. A sum
counts recipients, not how often each did it; `visits` alone counts every click.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.tenancy import counts, sql
from messaging.models import Broadcast, CommittedMessage
from messaging.models.message import Channel
from messaging.models.receipt import ReceiptKind
from messaging.tracking.plans import plan_of
from messaging.tracking.rules import rules_of

# As the indexes have it (`delivery_by_message`); whoever opens or clicks was reached.
REACHED = "delivery.state IN ('sent', 'unknown')"
# The rows of each kind of answer, and `sent`; one statement over one look at the deliveries.
SUMMARY = """
    WITH reached AS MATERIALIZED (
        SELECT delivery.id FROM messaging_delivery AS delivery WHERE {scope} AND {reached}
    )

    SELECT 'sent' AS kind, count(*) AS recipients, count(*) AS times, 0::numeric AS amount FROM reached
    UNION ALL
    SELECT receipt.kind, count(DISTINCT receipt.delivery_id), count(*), 0
    FROM reached
    INNER JOIN messaging_receipt AS receipt ON receipt.delivery_id = reached.id
    WHERE receipt.kind <> 'converted'
    GROUP BY receipt.kind
    UNION ALL
    SELECT 'converted', count(DISTINCT conversion.delivery_id), count(*), coalesce(sum(conversion.amount), 0)
    FROM reached
    INNER JOIN messaging_conversion AS conversion ON conversion.delivery_id = reached.id
"""
# One row a recipient, in the order of the deliveries; what came back of each is looked up for
# the rows of the page alone.
ACTIVITY = """
    WITH page AS MATERIALIZED (
        SELECT
            delivery.id,
            delivery.address,
            delivery.subscription_id,
            delivery.contact_id,
            delivery.list_id,
            delivery.sent_at,
            delivery.queued_at
        FROM messaging_delivery AS delivery
        WHERE {scope} AND {reached} AND delivery.id > %(after)s {narrow}
        ORDER BY delivery.id
        LIMIT %(most)s
    )

    SELECT
        page.id,
        page.address AS email_address,
        coalesce(page.sent_at, page.queued_at) AS send_date,
        coalesce(subscription.external_contact_id, '') AS external_contact_id,
        coalesce(came.kinds, '{{}}') AS kinds,
        coalesce(came.clicks, 0) AS clicks,
        came.first_at,
        came.bounce,
        coalesce((
            SELECT sum(conversion.amount)
            FROM messaging_conversion AS conversion
            WHERE conversion.delivery_id = page.id
        ), 0) AS order_total
    FROM page
    LEFT JOIN contacts_subscription AS subscription
        ON subscription.list_id = page.list_id AND subscription.contact_id = page.contact_id
    LEFT JOIN LATERAL (
        SELECT
            array_agg(DISTINCT receipt.kind::text) AS kinds,
            count(*) FILTER (WHERE receipt.kind = 'clicked') AS clicks,
            min(receipt.occurred_at) FILTER (WHERE receipt.kind = ANY(%(shown)s::text[])) AS first_at,
            max(coalesce(receipt.detail ->> 'text', receipt.detail ->> 'bounce'))
                FILTER (WHERE receipt.kind = 'bounced') AS bounce
        FROM messaging_receipt AS receipt
        WHERE receipt.delivery_id = page.id
    ) AS came ON TRUE
    ORDER BY page.id
"""
HAS = """AND EXISTS (
            SELECT FROM messaging_receipt AS receipt
            WHERE receipt.delivery_id = delivery.id AND {which}
        )"""
CLICKS = """
    SELECT receipt.detail ->> 'url', count(*)
    FROM messaging_delivery AS delivery
    INNER JOIN messaging_receipt AS receipt ON receipt.delivery_id = delivery.id
    WHERE {scope} AND {reached} AND receipt.kind = 'clicked'
    GROUP BY receipt.detail ->> 'url'
"""
CLICKERS = """
    SELECT receipt.id, delivery.address, receipt.occurred_at
    FROM messaging_delivery AS delivery
    INNER JOIN messaging_receipt AS receipt ON receipt.delivery_id = delivery.id
    WHERE {scope} AND {reached} AND receipt.kind = 'clicked' AND receipt.id > %(after)s AND {link}
        AND (%(start)s::timestamptz IS NULL OR receipt.occurred_at >= %(start)s)
        AND (%(end)s::timestamptz IS NULL OR receipt.occurred_at <= %(end)s)
    ORDER BY receipt.id
    LIMIT %(most)s
"""
# What a person did; machines and orders are no activity of the wire's.
SHOWN = (
    *(ReceiptKind.OPENED, ReceiptKind.READ, ReceiptKind.CLICKED, ReceiptKind.BOUNCED),
    *(ReceiptKind.COMPLAINED, ReceiptKind.UNSUBSCRIBED),
)
DIFFERS = "Differs by recipient"


@dataclass(frozen=True)
class Scope:
    """Which deliveries are meant: SQL over the alias `delivery`, with its parameters."""

    condition: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Summary:
    """Sums of a scope: recipients by kind of receipt, orders, and what they came to."""

    recipients: Mapping[str, int] = field(default_factory=dict)
    visits: int = 0
    conversions: int = 0
    revenue: Decimal = Decimal(0)

    @property
    def average_order(self) -> Decimal:
        """What an order came to, 0 without one."""
        return self.revenue / self.conversions if self.conversions else Decimal(0)

    def of(self, kind: str) -> int:
        """How many recipients there were of a kind."""
        return self.recipients.get(kind, 0)


@dataclass(frozen=True)
class Activity:
    """Which recipients to show: those of a kind of receipt, of a time, of one address."""

    kind: str = ""
    by_activity: bool = False
    start: datetime | None = None
    end: datetime | None = None
    address: str = ""


@dataclass(frozen=True)
class Link:
    """A link of a message: its number from 1 on, where it leads, how often it was followed."""

    number: int
    url: str
    clicks: int
    description: str = ""


def of_broadcast(broadcast: Broadcast) -> Scope:
    """Return the scope of a broadcast."""
    return Scope("delivery.broadcast_id = %(broadcast_id)s", {"broadcast_id": broadcast.pk})


def of_conversation(conversation_id: int) -> Scope:
    """Return the scope of a conversation's emails."""
    return Scope(
        "delivery.conversation_id = %(conversation_id)s AND delivery.channel = 'email' "
        "AND NOT delivery.is_test",
        {"conversation_id": conversation_id},
    )


def of_conversation_message(conversation_id: int, message: CommittedMessage) -> Scope:
    """Return the scope of one message of a conversation, at whatever step it was sent."""
    whole = of_conversation(conversation_id)
    return Scope(
        f"{whole.condition} AND delivery.message_id = %(message_id)s",
        {**whole.params, "message_id": message.pk},
    )


def summary_of(scope: Scope) -> Summary:
    """Return the sums of a scope; those that take long are kept a while, see `counts.bounded`."""
    asked = repr((scope.condition, sorted(scope.params.items())))
    digest = hashlib.sha256(asked.encode()).hexdigest()
    found: Summary = counts.bounded(f"summary:{digest}", lambda: summarize(scope))
    return found


def summarize(scope: Scope) -> Summary:
    """Add a scope up; one statement."""
    rows = sql.fetch_all(SUMMARY.format(scope=scope.condition, reached=REACHED), **scope.params)
    times = {row[0]: row[2] for row in rows}
    return Summary(
        recipients={row[0]: row[1] for row in rows},
        visits=times.get(ReceiptKind.CLICKED.value, 0),
        conversions=times["converted"],
        revenue=next(row[3] for row in rows if row[0] == "converted"),
    )


def count_sent(scope: Scope) -> int:
    """Return to how many recipients something was sent."""
    statement = (
        f"SELECT count(*) FROM messaging_delivery AS delivery WHERE {scope.condition} AND {REACHED}"
    )
    return int(sql.fetch_value(statement, **scope.params))


def recipients(scope: Scope, wanted: Activity, *, after: int, most: int) -> list[dict[str, Any]]:
    """
    Return up to `most` recipients behind a delivery's id, with what each did.

    Keys: id, email_address, send_date, external_contact_id, kinds, clicks, first_at, bounce,
    order_total.
    """
    narrow, params = _narrow(wanted)
    statement = ACTIVITY.format(scope=scope.condition, reached=REACHED, narrow=narrow)
    return sql.fetch_dicts(
        statement,
        **scope.params,
        **params,
        after=after,
        most=most,
        shown=[kind.value for kind in SHOWN],
    )


def _narrow(wanted: Activity) -> tuple[str, dict[str, Any]]:
    """Return what narrows the recipients, and its parameters."""
    params = {"kind": wanted.kind, "start": wanted.start, "end": wanted.end}
    pieces, which = [], []
    if wanted.kind:
        which.append("receipt.kind = %(kind)s")
    for name, operator in (("start", ">="), ("end", "<=")):
        if params[name] is None:
            continue
        if wanted.by_activity:
            which.append(f"receipt.occurred_at {operator} %({name})s")
        else:
            sent = "coalesce(delivery.sent_at, delivery.queued_at)"
            pieces.append(f"AND {sent} {operator} %({name})s")
    if which:
        if not wanted.kind:
            which.append("receipt.kind = ANY(%(shown)s::text[])")
        pieces.append(HAS.format(which=" AND ".join(which)))
    if wanted.address:
        pieces.append("AND delivery.address = %(address)s")
        params["address"] = wanted.address
    return " ".join(pieces), params


def links_of(scope: Scope, message: CommittedMessage) -> list[Link]:
    """
    Return the links of an email with how often each was followed.

    The same address twice is one link, where it first stands. All that lead elsewhere for
    each recipient are one, the last.
    """
    clicks: dict[str, int] = dict(
        sql.fetch_all(CLICKS.format(scope=scope.condition, reached=REACHED), **scope.params)
    )
    targets = targets_of(message)
    fixed = [
        Link(number, url, clicks.pop(url, 0))
        for number, url in enumerate(targets, start=1)
        if url and url not in targets[: number - 1]
    ]
    if "" in targets or clicks:
        fixed.append(Link(len(targets) + 1, "", sum(clicks.values()), DIFFERS))
    return fixed


def link_named(scope: Scope, message: CommittedMessage, number: int) -> Link | None:
    """
    Return a link of an email by its number, None if there is none; its clicks are not counted.

    Deliveries are asked only whether somebody went elsewhere, and only for the last link.
    """
    targets = targets_of(message)
    if 1 <= number <= len(targets):
        url = targets[number - 1]
        return Link(number, url, 0) if url and url not in targets[: number - 1] else None
    if number != len(targets) + 1:
        return None
    last = Link(number, "", 0, DIFFERS)
    if "" in targets or clickers(scope, last, message=message, after=0, most=1):
        return last
    return None


def targets_of(message: CommittedMessage) -> tuple[str, ...]:
    """Return where the links of an email lead, "" where that differs by recipient."""
    if message.channel != Channel.EMAIL:
        return ()
    rules = rules_of(message.list, message.account)
    return plan_of(message.content, name=message.name, rules=rules, transactional=False).links


def clickers(
    scope: Scope,
    link: Link,
    *,
    message: CommittedMessage,
    after: int,
    most: int,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Sequence[tuple[int, str, datetime]]:
    """Return up to `most` clicks on a link behind a receipt's id: (id, address, when)."""
    test = "receipt.detail ->> 'url' = %(url)s"
    if not link.url:
        test = "NOT coalesce(receipt.detail ->> 'url' = ANY(%(fixed)s::text[]), FALSE)"
    return sql.fetch_all(
        CLICKERS.format(scope=scope.condition, reached=REACHED, link=test),
        **scope.params,
        url=link.url,
        fixed=[url for url in targets_of(message) if url],
        after=after,
        most=most,
        start=start,
        end=end,
    )
