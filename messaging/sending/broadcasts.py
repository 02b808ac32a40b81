"""
Broadcasts on their way to the outbox, batch by batch in the order of the subscriptions.

A batch and how far it has come are one transaction, behind a lock on the broadcast: a process
that is killed leaves nothing by half, and whoever comes next goes on from there. Who may be
written to is asked here, and again when a message is claimed for sending.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.tenancy import sql
from accounts.tenancy.wake import wake
from contacts import filters
from messaging.actions.split_tests import take_winner
from messaging.eligibility import (
    Verdict,
    count_by_reason,
    load_policy,
    most_first,
    within_limit,
)
from messaging.eligibility.verdict import reason_of, state_of
from messaging.models import Broadcast, BroadcastKind, BroadcastStatus
from messaging.models.delivery import BROADCAST
from messaging.models.message import Channel

BATCH = 5_000
# Among a broadcast's options: how often it failed in a row, why, and when it is tried again.
FAILED = ">failed"
MOST_FAILURES = 5
RETRY_AFTER = timedelta(minutes=1)

# Who is meant, by the rule; the share of a split test is drawn by the subscription's id.
DRAW = "mod(('x' || substr(md5(%(draw)s::text || ':' || {subject}.id::text), 1, 8))::bit(32)::bigint, 100)"
# write: hand a batch to the outbox.
#
# Params  now timestamptz, after bigint (the last one served), most int, and the rule's
# Returns the last one served now, and how many were looked at
# Locks   none; delivery_once_per_broadcast (emails, by subscription) and delivery_once_per_number
#         (texts, by address) refuse a second message
WRITE = """
    WITH batch AS MATERIALIZED (
        SELECT {subject}.id AS place
        FROM {table} AS {subject}
        {bound}
        WHERE {of_list} AND {subject}.id > %(after)s AND {subject}.state = 'Subscribed'
            AND {meant}
        ORDER BY {subject}.id
        LIMIT %(most)s
    ),

    asked AS MATERIALIZED (
        SELECT
            batch.place,
            subscription.id AS subscription_id,
            contact.id AS contact_id,
            {address} AS address,
            {refusal} AS refusal,
            {held_reason} AS held_reason,
            {held_until} AS held_until
        FROM batch
        {persons}
        {joins}
    ),

    written AS (
        INSERT INTO messaging_delivery (
            channel, list_id, contact_id, subscription_id, phone_list_id, message_id, address,
            state, reason, broadcast_id, thread, step_key, visit_number, event_properties,
            is_transactional, is_test, resend_unknown, queued_at, not_before, claimed_by,
            provider, provider_message_id
        )
        SELECT
            %(channel)s,
            %(list_id)s,
            asked.contact_id,
            asked.subscription_id,
            %(phone_list_id)s,
            %(message_id)s,
            coalesce(asked.address, ''),
            {state},
            {reason},
            %(broadcast_id)s,
            '',
            %(step_key)s,
            1,
            '{{}}',
            %(transactional)s,
            FALSE,
            FALSE,
            %(now)s,
            CASE WHEN asked.refusal IS NULL THEN asked.held_until END,
            '',
            '',
            ''
        FROM asked
        ORDER BY asked.place
        ON CONFLICT DO NOTHING
    )

    SELECT max(batch.place), count(*) FROM batch
"""
STATE = state_of("asked.refusal", "asked.held_until", else_="queued")
REASON = reason_of("asked.refusal", "asked.held_reason", "asked.held_until")
OF_THIS_BROADCAST = "%(broadcast_id)s::bigint"
# What a rule speaks of, beside the subject.
OF_SUBSCRIPTION = "LEFT JOIN contacts_contact AS contact ON contact.id = subscription.contact_id"
# Of a text's audience a rule asks the subscription to the short code's email list.
OF_LIST = """
        LEFT JOIN contacts_subscription AS subscription
            ON subscription.contact_id = phone_subscription.contact_id
            AND subscription.list_id = %(list_id)s"""
OF_NUMBER = """LEFT JOIN contacts_contact AS contact ON contact.id = phone_subscription.contact_id
        LEFT JOIN contacts_subscription AS subscription
            ON subscription.contact_id = contact.id AND subscription.list_id = %(list_id)s"""
PERSONS_OF_EMAILS = """
        INNER JOIN contacts_subscription AS subscription ON subscription.id = batch.place
        LEFT JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
"""
PERSONS_OF_TEXTS = """
        INNER JOIN messaging_phonesubscription AS phone_subscription
            ON phone_subscription.id = batch.place
        LEFT JOIN contacts_contact AS contact ON contact.id = phone_subscription.contact_id
        LEFT JOIN contacts_subscription AS subscription
            ON subscription.contact_id = contact.id AND subscription.list_id = %(list_id)s
"""


@dataclass(frozen=True)
class Counted:
    """How many of an audience get a message now; of the others how many for each reason."""

    eligible: int
    reasons: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"eligible": self.eligible, "reasons": dict(self.reasons)}


def due_broadcasts(*, now: datetime) -> list[int]:
    """Return the ids of the account's broadcasts that have something to send at `now`."""
    rows = Broadcast.objects.filter(
        status__in=[BroadcastStatus.WAITING, BroadcastStatus.SENDING], send_at__lte=now
    ).exclude(kind=BroadcastKind.TRANSACTIONAL)
    found = rows.order_by("send_at", "pk").values_list("pk", "options")
    return [
        number
        for number, options in found
        if options.get(FAILED, {}).get("retry_at", "") <= now.astimezone(UTC).isoformat()
    ]


def note_failure(broadcast_id: int, *, reason: str, now: datetime) -> None:
    """
    Put a broadcast off that could not be sent, twice as long each time; then give it up.

    What was handed to the outbox before stays as it is.
    """
    found = Broadcast.objects.select_for_update(of=("self",)).filter(
        pk=broadcast_id, status__in=[BroadcastStatus.WAITING, BroadcastStatus.SENDING]
    )
    broadcast = found.first()
    if broadcast is None:
        return
    times = broadcast.options.get(FAILED, {}).get("times", 0) + 1
    retry_at = now.astimezone(UTC) + RETRY_AFTER * 2 ** (times - 1)
    broadcast.options[FAILED] = {
        "times": times,
        "reason": reason,
        "retry_at": retry_at.isoformat(),
    }
    if times >= MOST_FAILURES:
        broadcast.status, broadcast.ended_at = BroadcastStatus.NOT_READY, now
    broadcast.save(update_fields=["options", "status", "ended_at"])


def count_audience(broadcast: Broadcast, *, now: datetime) -> Counted:
    """
    Count who would get a broadcast at `now`, and of the others how many for which reason.

    Whom the account's limit of a day leaves for tomorrow are among the others.

    :raises filters.VanishedError: if what its rule asks for is gone.
    """
    asked = Asked(broadcast, now=now)
    rows = asked.count()
    if not asked.transactional:
        rows = within_limit(rows, asked.policy)
    return Counted(rows.get("", 0), most_first(rows))


def send_some(broadcast_id: int, *, now: datetime, most: int = BATCH) -> bool:
    """
    Hand the next batch of a broadcast to the outbox; return whether there is more to do.

    One that somebody else is at is theirs. One whose rule asks for something that is gone is
    not ready, and sends nothing more.
    """
    broadcast = (
        Broadcast.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk=broadcast_id, status__in=[BroadcastStatus.WAITING, BroadcastStatus.SENDING])
        .first()
    )
    if broadcast is None or broadcast.send_at > now:
        return False
    is_waiting = broadcast.status == BroadcastStatus.WAITING
    if is_waiting and broadcast.is_remainder and not take_winner(broadcast, now=now):
        return False
    try:
        if is_waiting:
            broadcast.counts = count_audience(broadcast, now=now).as_dict()
            broadcast.status, broadcast.started_at = BroadcastStatus.SENDING, now
        last, number = Asked(broadcast, now=now).write(after=broadcast.position, most=most)
    except filters.VanishedError:
        broadcast.status, broadcast.ended_at = BroadcastStatus.NOT_READY, now
        broadcast.save()
        return False
    broadcast.position = last or broadcast.position
    broadcast.options.pop(FAILED, None)
    if number < most:
        broadcast.status, broadcast.ended_at = BroadcastStatus.SENT, now
    broadcast.save()
    wake("send")
    return number == most


class Asked:
    """The statements of one broadcast: whom it means, and who of them may be written to."""

    def __init__(self, broadcast: Broadcast, *, now: datetime) -> None:
        self.broadcast = broadcast
        self.now = now
        self.by_text = broadcast.channel == Channel.SMS
        self.subject = "phone_subscription" if self.by_text else "subscription"
        self.transactional = bool(broadcast.options.get("transactional"))
        self.policy = policy = load_policy(now=now)
        # A number that has agreed is texted, though it is no contact's.
        self.verdict: Verdict = (
            policy.sms(
                transactional=self.transactional, nobodys="TRUE", broadcast=OF_THIS_BROADCAST
            )
            if self.by_text
            else policy.email(transactional=self.transactional, broadcast=OF_THIS_BROADCAST)
        )
        self.params: dict[str, Any] = {
            **self.verdict.params,
            "now": now,
            "list_id": broadcast.list_id,
            "phone_list_id": broadcast.phone_list_id,
            "message_id": broadcast.message_id,
            "broadcast_id": broadcast.pk,
            "channel": broadcast.channel,
            "transactional": self.transactional,
            "step_key": BROADCAST if self.by_text else "",
            "draw": broadcast.split_test_id or 0,
            "share_from": broadcast.share_from,
            "share_to": broadcast.share_to,
            "box": str(broadcast.options.get("box") or ""),
        }

    @property
    def share(self) -> str:
        """What is asked of each of a split test's audience: whose share it is in."""
        if (self.broadcast.share_from, self.broadcast.share_to) == (0, 100):
            return "TRUE"
        draw = DRAW.format(subject=self.subject)
        return f"{draw} >= %(share_from)s AND {draw} < %(share_to)s"

    def count(self) -> dict[str, int]:
        """Count the whole audience by reason, "" being those who are written to; one pass."""
        meant, spoken_of, ruled = self.share, "", dict[str, Any]()
        if self.broadcast.rule is not None:
            asked = filters.matching(
                self.broadcast.rule,
                columns="subscription.id",
                list_id=self.broadcast.list_id,
                time_zone=self.broadcast.account.time_zone,
                now=self.now,
            )
            meant = f"{meant} AND {self.also_unlisted(f'subscription.id IN ({asked.sql})')}"
            spoken_of, ruled = OF_LIST if self.by_text else "", asked.params
        params = {**self.params, **ruled}
        channel = self.broadcast.channel
        return count_by_reason(self.verdict, channel, params, meant=meant, spoken_of=spoken_of)

    def also_unlisted(self, asked: str) -> str:
        """Ask the rule of who is on the list; of others the box that it names, as it waits with them."""
        if self.broadcast.options.get("box") is None:
            return asked
        return f"({asked} OR subscription.id IS NULL AND contact.profile ->> %(box)s = 'on')"

    def write(self, *, after: int, most: int) -> tuple[int | None, int]:
        """Hand the batch behind a subscription to the outbox; return the last one, and how many."""
        meant, ruled = self.share, dict[str, Any]()
        if self.broadcast.rule is not None:
            asked = filters.condition(
                self.broadcast.rule, zone="%(rule_zone)s::text", enrolled=False
            )
            meant = f"{meant} AND {self.also_unlisted(f'subscription.id IS NOT NULL AND ({asked.sql})')}"
            ruled = {**asked.params, "rule_zone": self.broadcast.account.time_zone}
        if self.by_text:
            table, of_list = "messaging_phonesubscription", "phone_list_id = %(phone_list_id)s"
            address, persons, bound = "phone_subscription.phone_e164", PERSONS_OF_TEXTS, OF_NUMBER
        else:
            table, of_list = "contacts_subscription", "list_id = %(list_id)s"
            address, persons, bound = "contact.email_norm", PERSONS_OF_EMAILS, OF_SUBSCRIPTION
        statement = WRITE.format(
            subject=self.subject,
            table=table,
            bound=bound if ruled else "",
            of_list=f"{self.subject}.{of_list}",
            meant=meant,
            address=address,
            persons=persons,
            refusal=self.verdict.refusal,
            held_reason=self.verdict.held_reason,
            held_until=self.verdict.held_until,
            joins=self.verdict.joins,
            state=STATE,
            reason=REASON,
        )
        ((last, number),) = sql.fetch_all(
            statement, **{**self.params, **ruled}, after=after, most=most
        )
        return last, number
