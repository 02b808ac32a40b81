"""Claim queued deliveries, ask again whether they may be sent, settle what died."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from messaging.eligibility import QUEUED_BEFORE, Policy, Reason, Verdict, load_policy
from messaging.eligibility.verdict import case
from messaging.models.broadcast import VALUES
from messaging.models.delivery import ANSWER, ASK, REPLY
from messaging.providers import Outcome, carriers
from messaging.sending.lanes import Lane

DEAD_SECONDS = 60
GIVEN_UP_AFTER = timedelta(days=3)
MOST_ATTEMPTS = 5
# A mailbox that put a message off to the end (greylisting, 4.2.2): a soft bounce. Not what a
# server said of itself, or of us.
BY_MAILBOX = re.compile(r"provider rejected \(4\d\d (?:4\.[12]\.|(?!4\.\d))")

# Texts of no step: what answers a keyword goes to whoever wrote it; what a marketer answers
# goes unless the number has opted out; what asks for a consent goes while that is pending.
IS_REPLY, IS_ANSWER, IS_QUESTION = (
    f"(delivery.enrollment_id IS NULL AND delivery.step_key = '{key}')"
    for key in (REPLY, ANSWER, ASK)
)

# What a shop sends one by one: an order's confirmation, a new password.
IS_ASKED_FOR = "(delivery.broadcast_id IS NOT NULL AND delivery.is_transactional)"

# claim: turn queued deliveries into `sending`, `deferred` (until when, why) or `skipped` (why).
#
# Params  now timestamptz, sender text, channel text, provider text, most int (rows)
# Returns what a sender needs of the deliveries that are now `sending`
# Locks   only the rows taken; rows locked elsewhere are skipped, never waited for
# Index   delivery_urgent, delivery_bulk (account_id, channel, queued_at, id)
DUE = """
    SELECT delivery.id
    FROM messaging_delivery AS delivery
    WHERE delivery.state = 'queued' AND delivery.channel = %(channel)s AND {lane}
    ORDER BY delivery.queued_at, delivery.id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
"""

# asked: the person, and why they may not be written to, if so.
ASKED = """
    SELECT
        delivery.id,
        contact.email,
        contact.email_norm,
        contact.phone_e164,
        contact.external_id,
        contact.first_name,
        contact.last_name,
        contact.birthday,
        contact.postal_code,
        contact.time_zone,
        contact.locale,
        subscription.profile,
        short_code.code AS short_code,
        CASE
            WHEN delivery.message_id IS NULL THEN 'template error (no message)'
            {apart}
            ELSE {refusal}
        END AS refusal,
        {held_reason} AS held_reason,
        {held_until} AS held_until
    FROM due
    INNER JOIN messaging_delivery AS delivery ON due.id = delivery.id
    LEFT JOIN contacts_contact AS contact ON delivery.contact_id = contact.id
    LEFT JOIN contacts_subscription AS subscription
        ON delivery.list_id = subscription.list_id AND delivery.contact_id = subscription.contact_id
    LEFT JOIN messaging_phonelist AS phone_list ON delivery.phone_list_id = phone_list.id
    LEFT JOIN messaging_shortcode AS short_code ON phone_list.short_code_id = short_code.id
    LEFT JOIN messaging_phonesubscription AS phone_subscription
        ON delivery.phone_list_id = phone_subscription.phone_list_id
        AND delivery.address = phone_subscription.phone_e164
    {joins}
"""
CLAIMED = """
    UPDATE messaging_delivery AS delivery
    SET
        state = CASE
            WHEN asked.refusal IS NOT NULL THEN 'skipped'
            WHEN asked.held_until IS NOT NULL THEN 'deferred'
            ELSE 'sending'
        END,
        reason = coalesce(
            asked.refusal, CASE WHEN asked.held_until IS NOT NULL THEN asked.held_reason END, ''
        ),
        -- Three days are counted from the first hold: from there it stands in the queue anew. A
        -- hold that ended more than a day ago is none of the same row.
        queued_at = CASE
            WHEN
                asked.refusal IS NULL
                AND asked.held_until IS NOT NULL
                AND coalesce(delivery.not_before, '-infinity') < %(now)s::timestamptz - interval '1 day'
                THEN %(now)s
            ELSE delivery.queued_at
        END,
        not_before = CASE
            WHEN asked.refusal IS NULL THEN coalesce(asked.held_until, delivery.not_before)
            ELSE delivery.not_before
        END,
        -- What is held has not been attempted.
        attempts = CASE
            WHEN asked.refusal IS NULL AND asked.held_until IS NOT NULL THEN delivery.attempts
            ELSE delivery.attempts + 1
        END,
        claimed_by = %(sender)s,
        claimed_at = %(now)s,
        -- A test run's messages stay in the house, whatever carries the others.
        provider = CASE
            WHEN
                delivery.is_test
                AND delivery.enrollment_id IS NOT NULL
                AND delivery.provider = 'sandbox' THEN 'sandbox'
            ELSE %(provider)s
        END
    FROM asked
    WHERE delivery.id = asked.id
    RETURNING
        delivery.id,
        delivery.state,
        delivery.account_id,
        delivery.channel,
        delivery.address,
        delivery.list_id,
        delivery.contact_id,
        delivery.message_id,
        delivery.event_properties,
        delivery.resend_unknown,
        delivery.is_transactional,
        delivery.is_test,
        delivery.attempts,
        delivery.provider,
        asked.email,
        asked.email_norm,
        asked.phone_e164,
        asked.external_id,
        asked.first_name,
        asked.last_name,
        asked.birthday,
        asked.postal_code,
        asked.time_zone,
        asked.locale,
        asked.profile,
        asked.short_code
"""

CLAIM = """
WITH due AS MATERIALIZED ({due}),

asked AS MATERIALIZED ({asked}),

claimed AS ({claimed})

SELECT claimed.* FROM claimed ORDER BY claimed.id
"""
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
# Whose number it is, where a consent names nobody: a reply is then that contact's.
NAME_NUMBERS = """
UPDATE messaging_phonesubscription AS consent
SET contact_id = delivery.contact_id
FROM messaging_delivery AS delivery
WHERE delivery.id = ANY(%(ids)s::bigint[])
    AND consent.phone_list_id = delivery.phone_list_id
    AND consent.phone_e164 = delivery.address
    AND consent.contact_id IS NULL
    AND delivery.contact_id IS NOT NULL
    AND NOT delivery.is_test
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
        sql.execute(NAME_NUMBERS, ids=[row["id"] for row in sending])
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


def verdict_of(policy: Policy, channel: str, lane: Lane) -> Verdict:
    """Return what is asked again of the queued messages of a channel and lane."""
    asked: dict[str, Any] = {
        "transactional": lane is Lane.URGENT,
        "skips_quiet": "delivery.skips_quiet",
        "waits_for_cap": "delivery.waits_for_cap",
        "before": QUEUED_BEFORE,
        "conversation": "delivery.conversation_id",
    }
    if channel == "email":
        return policy.email(**asked)
    nobodys = f"(delivery.is_test OR delivery.broadcast_id IS NOT NULL OR {IS_QUESTION})"
    return policy.sms(**asked, asks=IS_QUESTION, nobodys=nobodys)


def but_exempt(verdict: Verdict, exempt: Verdict) -> Verdict:
    """
    Return the verdict of the bulk lane: its transactional texts are asked what theirs are.

    Those are of a broadcast to a transactional phone list; nothing holds them.
    """
    is_exempt = "delivery.is_transactional"
    return replace(
        verdict,
        refusal=f"CASE WHEN {is_exempt} THEN {exempt.refusal} ELSE {verdict.refusal} END",
        held_reason=f"CASE WHEN NOT {is_exempt} THEN {verdict.held_reason} END",
        held_until=f"CASE WHEN NOT {is_exempt} THEN {verdict.held_until} END",
    )


def apart(policy: Policy, channel: str) -> str:
    """
    Return what is asked of those that no list's consent decides on, as further cases.

    Tests and answers are exempt from caps, hours and the list's consent, not from suppression;
    so are emails that somebody's own act asked for, though not once that person is forgotten.
    """
    if channel == "email":
        put_down = policy.suppression("email", "delivery.address", in_list="delivery.list_id")
        gone = ("contact.id IS NULL", Reason.CONTACT_DELETED)
        return f"""WHEN delivery.is_test THEN {case(put_down)}
            WHEN {IS_ASKED_FOR} THEN {case([gone, *put_down])}"""
    put_down = policy.suppression("sms", "delivery.address")
    out = ("phone_subscription.state = 'Unsubscribed'", Reason.SUPPRESSED)
    return f"""WHEN {IS_REPLY} THEN {case(put_down)}
            WHEN {IS_ANSWER} THEN {case([out, *put_down])}"""


def claim_statement(channel: str, lane: Lane, verdict: Verdict, apart: str) -> str:
    """Return the statement of a claim; `apart` are the cases that come before the verdict."""
    asked = ASKED.format(
        apart=apart,
        refusal=verdict.refusal,
        held_reason=verdict.held_reason,
        held_until=verdict.held_until,
        joins=verdict.joins,
    )
    return CLAIM.format(due=DUE.format(lane=lane.condition), asked=asked, claimed=CLAIMED)


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
