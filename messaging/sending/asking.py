"""What a claim asks of each message, as SQL: whether it may be sent, now, later or not at all."""

from dataclasses import replace
from typing import Any

from messaging.eligibility import QUEUED_BEFORE, Policy, Reason, Verdict
from messaging.eligibility.verdict import case, reason_of, state_of
from messaging.models.delivery import ANSWER, ASK, REPLY
from messaging.sending.lanes import Lane

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
        state = {state},
        reason = {reason},
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


def verdict_of(policy: Policy, channel: str, lane: Lane) -> Verdict:
    """Return what is asked again of the queued messages of a channel and lane."""
    asked: dict[str, Any] = {
        "transactional": lane is Lane.URGENT,
        "skips_quiet": "delivery.skips_quiet",
        "waits_for_cap": "delivery.waits_for_cap",
        "before": QUEUED_BEFORE,
        "conversation": "delivery.conversation_id",
        "broadcast": "delivery.broadcast_id",
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
    so are emails that somebody's own act asked for, though not once that person is forgotten,
    and the question of a double opt-in, while it is pending.
    """
    if channel == "email":
        put_down = policy.suppression("email", "delivery.address", in_list="delivery.list_id")
        gone = ("contact.id IS NULL", Reason.CONTACT_DELETED)
        answered = ("subscription.state = 'Subscribed'", Reason.DUPLICATE)
        off = ("subscription.state IS DISTINCT FROM 'Pending'", Reason.SUPPRESSED)
        return f"""WHEN delivery.is_test THEN {case(put_down)}
            WHEN {IS_QUESTION} THEN {case([gone, answered, off, *put_down])}
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
    claimed = CLAIMED.format(
        state=state_of("asked.refusal", "asked.held_until", else_="sending"),
        reason=reason_of("asked.refusal", "asked.held_reason", "asked.held_until"),
    )
    return CLAIM.format(due=DUE.format(lane=lane.condition), asked=asked, claimed=claimed)
