"""Claim queued deliveries, ask again whether they may be sent, settle what died."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts.tenancy import current_account_id, sql
from messaging.actions.provider_events import (
    ProviderEvent,
    record_provider_events,
    settle_by_kept,
)
from messaging.actions.receipts import tell_of_deliveries
from messaging.eligibility import load_policy
from messaging.models.broadcast import VALUES
from messaging.providers import Outcome, carriers
from messaging.sending.asking import apart, but_exempt, claim_statement, verdict_of
from messaging.sending.lanes import Lane

DEAD_SECONDS = 60
GIVEN_UP_AFTER = timedelta(days=3)
MOST_ATTEMPTS = 5
# A mailbox that put a message off to the end (greylisting, 4.2.2): a soft bounce. Not what a
# server said of itself, or of us.
BY_MAILBOX = re.compile(r"provider rejected \(4\d\d (?:4\.[12]\.|(?!4\.\d))")

# An account with caps or a limit claims one batch after the other, so that each sees what the
# one before it has taken: at the claim a message passes only while those that were sent in the
# period and those that were queued before it are fewer than the cap.
IN_TURN = "SELECT pg_advisory_xact_lock(hashtext('messaging.claim'), %(account_id)s::integer)"
COUNT_SENT = """
INSERT INTO messaging_sentcount (day, number)
VALUES (%(day)s, %(number)s)
ON CONFLICT (account_id, day) DO UPDATE SET number = messaging_sentcount.number + excluded.number
"""
GIVE_BACK = """
UPDATE messaging_sentcount
SET number = greatest(0, number - %(number)s)
WHERE day = %(day)s
"""
PERSON = (
    *("email", "first_name", "last_name", "birthday", "postal_code"),
    *("external_id", "time_zone", "locale"),
)


@dataclass(frozen=True)
class Claimed:
    """One delivery that is now `sending`: `contact` and `profile` as they are stored."""

    id: int
    account_id: int
    channel: str
    address: str
    list_id: int
    contact_id: int | None
    message_id: int
    event: dict[str, Any]
    contact: dict[str, Any]
    profile: dict[str, Any]
    short_code: str
    resend_unknown: bool
    attempts: int
    provider: str = ""
    is_transactional: bool = False
    is_test: bool = False


@dataclass(frozen=True)
class Claim:
    """
    What one claim did: `seen` deliveries were looked at, `sending` are to be sent.

    `counted_on` is the day (of the account's zone) whose limit the bulk ones are counted in, in
    an account that has one.
    """

    seen: int
    sending: list[Claimed]
    counted_on: date | None = None


def settle_and_release(*, now: datetime) -> None:
    """
    Settle what dead senders left of the current account, and queue what was deferred.

    Of what is over by that, failed or given up, the same who listen are told as of what a
    sender writes down.
    """
    over = sql.fetch_all(
        sql.statement("messaging", "settle_abandoned"),
        dead_before=now - timedelta(seconds=DEAD_SECONDS),
        idempotent=[kind for kind, carrier in carriers().items() if carrier.idempotent],
        most=MOST_ATTEMPTS,
    )
    given_up = sql.fetch_all(
        sql.statement("messaging", "release_deferred"),
        now=now,
        given_up_before=now - GIVEN_UP_AFTER,
    )
    settled = settle_by_kept(
        deliveries=[number for number, state in over if state == "unknown"], now=now
    )
    failed = [number for number, state in over if state == "failed"]
    tell_of_deliveries(ids=[*failed, *settled, *(row[0] for row in given_up)], now=now)
    worn_out = [
        ProviderEvent(
            provider=provider,
            event_id=f"given up {number}",
            kind="bounced",
            occurred_at=now,
            detail={"bounce": "soft", "reason": reason},
            delivery_id=number,
        )
        for number, state, reason, provider in given_up
        if state == "failed" and BY_MAILBOX.match(reason)
    ]
    if worn_out:
        record_provider_events(worn_out, now=now)


def take_turn(*, lane: Lane, now: datetime) -> None:
    """Write down that the account was served; the least recently served comes next."""
    sql.execute(sql.statement("messaging", "take_turn"), lane=lane.value, now=now)


def claim(
    *,
    channel: str,
    provider: str,
    sender: str,
    most: int,
    now: datetime,
    lane: Lane = Lane.BULK,
) -> Claim:
    """
    Claim up to `most` queued deliveries of one channel and lane, oldest first.

    Eligibility is asked again: consent can be withdrawn between step and sending.
    """
    policy = load_policy(now=now)
    if policy.is_serial and lane is Lane.BULK:
        sql.fetch_value(IN_TURN, account_id=current_account_id())
        policy = load_policy(now=now)
    verdict = verdict_of(policy, channel, lane)
    exempt = verdict_of(policy, channel, Lane.URGENT)
    left = policy.left_today
    if left is not None and lane is Lane.BULK:
        verdict = verdict if left else policy.until_tomorrow(verdict)
        most = min(most, left) if left else most
    if lane is Lane.BULK and channel == "sms":
        verdict = but_exempt(verdict, exempt)
    rows = sql.fetch_dicts(
        claim_statement(channel, lane, verdict, apart(policy, channel)),
        channel=channel,
        provider=provider,
        sender=sender,
        most=most,
        now=now,
        **verdict.params,
    )
    sending = [row for row in rows if row["state"] == "sending"]
    if channel == "sms" and sending:
        sql.execute(sql.statement("messaging", "name_numbers"), ids=[row["id"] for row in sending])
    counted_on = None
    if policy.most_a_day and lane is Lane.BULK:
        counted_on = now.astimezone(ZoneInfo(policy.zone)).date()
        number = sum(not row["is_transactional"] for row in sending)
        sql.execute(COUNT_SENT, day=counted_on, number=number)
    # What is not sent is told of here, the rest when its batch is written down.
    tell_of_deliveries(ids=[row["id"] for row in rows if row["state"] != "sending"], now=now)
    return Claim(len(rows), [as_claimed(row) for row in sending], counted_on)


def give_back(claimed: Claim, outcomes: Sequence[Outcome]) -> None:
    """
    Take out of the day's limit what was claimed and has not left: put back, put off, refused.

    Of what is unknown it is not known either: that stays counted.
    """
    if claimed.counted_on is not None:
        bulk = {row.id for row in claimed.sending if not row.is_transactional}
        unsent = [
            one
            for one in outcomes
            if one.delivery_id in bulk and one.state not in {"sent", "unknown"}
        ]
        if unsent:
            sql.execute(GIVE_BACK, day=claimed.counted_on, number=len(unsent))


def as_claimed(row: dict[str, Any]) -> Claimed:
    """Turn a row of the claim into what sending works with."""
    contact = {key: row[key] or "" for key in PERSON}
    contact["birthday"] = row["birthday"].isoformat() if row["birthday"] else ""
    contact["email"] = row["email"] or row["email_norm"] or ""
    contact["phone"] = row["phone_e164"] or ""
    event = as_object(row["event_properties"])
    # Values that came with the message stand in for the profile's.
    values = as_object(event.pop(VALUES, {}))
    return Claimed(
        id=row["id"],
        account_id=row["account_id"],
        channel=row["channel"],
        address=row["address"],
        list_id=row["list_id"],
        contact_id=row["contact_id"],
        message_id=row["message_id"],
        event=event,
        contact=contact,
        profile={**as_object(row["profile"]), **values},
        short_code=row["short_code"] or "",
        resend_unknown=row["resend_unknown"],
        attempts=row["attempts"],
        provider=row["provider"],
        is_transactional=row["is_transactional"],
        is_test=row["is_test"],
    )


def as_object(value: Any) -> dict[str, Any]:
    """Return stored JSON as a dictionary; raw statements get it as text."""
    if value == "{}":
        return {}
    loaded = json.loads(value) if isinstance(value, str) else value
    return loaded if isinstance(loaded, dict) else {}
