"""
What came of messages, in numbers: of a step, of a conversation, of a saved message.

Deliveries are counted, each once: somebody who opened a message five times counts once among
the opened. What machines did (mail programs that load every picture, scanners that follow
every link) is counted apart. Orders are those that `messaging.actions.conversions` ascribes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.tenancy import in_account, sql
from messaging.models import CommittedMessage, SavedMessage
from messaging.models.message import Channel

# So many loose figures of an account are worth folding; so many are taken at once.
WORTH_FOLDING = 100
MOST_AT_ONCE = 20_000


@dataclass(frozen=True)
class Figures:
    """What came of messages; `revenue` is the sum of the orders' totals."""

    sent: int = 0
    bounced: int = 0
    rejected: int = 0
    opened: int = 0
    opened_by_machines: int = 0
    clicked: int = 0
    clicked_by_machines: int = 0
    replied: int = 0
    unsubscribed: int = 0
    complained: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)

    @property
    def delivered(self) -> int:
        """How many of those sent did not come back."""
        return max(self.sent - self.bounced - self.rejected, 0)

    @property
    def average_order(self) -> Decimal:
        """The mean of the orders, to cents; 0 without any."""
        mean = self.revenue / self.orders if self.orders else Decimal(0)
        return mean.quantize(Decimal("0.01"))


@dataclass(frozen=True)
class Bar:
    """One line of the picture: `number` of `whole`, in words; `note` says what is apart."""

    word: str
    number: int
    whole: int
    of: str = ""
    note: str = ""

    @property
    def share(self) -> float:
        """How long the bar is: 0 to 100."""
        return round(min(100 * self.number / self.whole, 100), 1) if self.whole else 0


def bars(found: Figures, channel: Channel) -> list[Bar]:
    """Return the lines that a page draws of a message's figures; none if nothing was sent."""
    if not found.sent:
        return []
    sent, delivered = found.sent, found.delivered
    machines, scanners = found.opened_by_machines, found.clicked_by_machines
    lines = [
        Bar("Sent", sent, sent),
        Bar("Delivered", delivered, sent, "of sent"),
        Bar(
            "Opened",
            found.opened,
            delivered,
            "of delivered",
            f"{machines:,} loaded by mail programs, not counted" if machines else "",
        ),
        Bar(
            "Clicked",
            found.clicked,
            delivered,
            "of delivered",
            f"{scanners:,} followed by scanners, not counted" if scanners else "",
        ),
        Bar("Replied", found.replied, delivered, "of delivered"),
        Bar("Bounced", found.bounced, sent, "of sent"),
        Bar("Unsubscribed", found.unsubscribed, delivered, "of delivered"),
        Bar("Marked as spam", found.complained, delivered, "of delivered"),
        Bar("Orders", found.orders, delivered, "of delivered"),
    ]
    left_out = {"Replied"} if channel == Channel.EMAIL else {"Opened", "Bounced", "Marked as spam"}
    return [line for line in lines if line.word not in left_out]


# A figure's kind -> where it stands.
PLACES = {
    "sent": "sent",
    "bounced": "bounced",
    "rejected": "rejected",
    "opened": "opened",
    "prefetched": "opened_by_machines",
    "clicked": "clicked",
    "scanned": "clicked_by_machines",
    "replied": "replied",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
    "converted": "orders",
}


def of_steps(conversation_id: int) -> dict[str, Figures]:
    """Return the figures of a conversation's message steps, by step key."""
    by_step: dict[str, list[tuple[str, int, Decimal]]] = {}
    for step_key, kind, number, amount in _rows_of_steps(conversation_id, None):
        by_step.setdefault(step_key, []).append((kind, number, amount))
    return {step_key: added_up(rows) for step_key, rows in by_step.items()}


def of_step(conversation_id: int, step_key: str) -> Figures:
    """Return the figures of one step, over all versions and messages."""
    return added_up(row[1:] for row in _rows_of_steps(conversation_id, step_key))


def of_conversation(conversation_id: int) -> Figures:
    """Return the figures of a conversation."""
    rows = _rows_of_steps(conversation_id, None)
    kinds = sorted({row[1] for row in rows})
    return added_up(
        (
            kind,
            sum(row[2] for row in rows if row[1] == kind),
            sum((row[3] for row in rows if row[1] == kind), Decimal(0)),
        )
        for kind in kinds
    )


def of_messages(message_ids: Sequence[int]) -> Figures:
    """Return the figures of committed messages together."""
    return added_up(
        sql.fetch_all(
            sql.statement("messaging", "figures_of_messages"), message_ids=list(message_ids)
        )
    )


def of_saved_message(saved: SavedMessage) -> Figures:
    """Return the figures of all that was ever committed of a saved message, by its name."""
    committed = CommittedMessage.objects.filter(
        list_id=saved.list_id, channel=Channel.EMAIL, name=saved.name
    )
    return of_messages(list(committed.values_list("pk", flat=True)))


def added_up(rows: Iterable[Sequence[object]]) -> Figures:
    """Return (kind, number, amount) as figures; an unknown kind is left out."""
    given: dict[str, object] = {}
    for kind, number, amount in rows:
        place = PLACES.get(str(kind))
        if place is not None:
            given[place] = number
        if kind == "converted":
            given["revenue"] = amount
    return Figures(**given)  # type: ignore[arg-type]


def fold_figures(now: datetime) -> int:
    """
    Fold the loose figures of accounts that have many; return how many rows were taken.

    Run by the clock, over all accounts; what is left of very many is folded the next time.
    """
    del now
    taken = 0
    rows = sql.fetch_all(
        "SELECT account_id FROM lookup_loose_figures(%(many)s)", many=WORTH_FOLDING
    )
    for (account_id,) in rows:
        with in_account(account_id):
            taken += int(
                sql.fetch_value(sql.statement("messaging", "fold_figures"), most=MOST_AT_ONCE)
            )
    return taken


def _rows_of_steps(
    conversation_id: int, step_key: str | None
) -> list[tuple[str, str, int, Decimal]]:
    rows = sql.fetch_all(
        sql.statement("messaging", "figures_of_steps"),
        conversation_id=conversation_id,
        step_key=step_key,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
