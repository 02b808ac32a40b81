"""Reading what the current account allows itself."""

from datetime import datetime

from accounts.tenancy import sql
from messaging.eligibility.caps import as_caps
from messaging.eligibility.policy import Policy
from messaging.law import window

SENT_TODAY = """
    SELECT counted.number
    FROM messaging_sentcount AS counted
    WHERE counted.day = (%(now)s::timestamptz AT TIME ZONE %(zone)s)::date
"""


def load_policy(*, now: datetime) -> Policy:
    """Read what the current account allows itself: one statement; more with limits or campaigns."""
    row = sql.fetch_one(sql.statement("messaging", "load_policy"))
    if row is None:
        raise LookupError("Eligibility is asked inside an account.")
    zone, has_rules, *hours, follows_law, holdout, most_a_day, suppressed, erased = row[:-3]
    caps, some_inactive, some_limited = row[-3:]
    email_opens, email_closes, sms_opens, sms_closes = hours
    sent_today = 0
    if most_a_day:
        sent_today = int(sql.fetch_value(SENT_TODAY, now=now, zone=zone) or 0)
    return Policy(
        now=now,
        zone=zone,
        caps=as_caps(caps or [], now=now),
        email_hours=window(email_opens, email_closes) if email_opens or email_closes else None,
        sms_hours=window(sms_opens, sms_closes) if sms_opens or sms_closes else None,
        follows_law=bool(follows_law) if has_rules else True,
        holdout_percent=holdout or 0,
        suppressed=frozenset(suppressed),
        erased=frozenset(erased),
        some_inactive=some_inactive,
        some_limited=some_limited,
        most_a_day=most_a_day or 0,
        sent_today=sent_today,
    )
