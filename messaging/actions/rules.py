"""What an account allows itself: hours, caps, a limit, a group that gets nothing."""

from datetime import datetime, time
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, User
from messaging.models import CapChannel, CapPeriod, FrequencyCap, SendingRules

MOST_CAPS = 20
MOST = 1000
MOST_HELD_OUT = 50
By = User | ApiClient | None


def set_rules(*, now: datetime, by: By = None, **given: Any) -> SendingRules:
    """
    Change the account's rules; `given` are fields of `SendingRules`, what is left out stays.

    :raises InvalidValueError: for hours that end before they begin or only one of the two, a
        share above 50 percent.
    """
    rules = SendingRules.objects.first() or SendingRules()
    for name, value in given.items():
        setattr(rules, name, value)
    check_hours("email", rules.email_opens, rules.email_closes)
    check_hours("sms", rules.sms_opens, rules.sms_closes)
    if not 0 <= rules.holdout_percent <= MOST_HELD_OUT:
        raise InvalidValueError("holdout_percent", f"At most {MOST_HELD_OUT} percent.")
    if not 0 <= rules.most_a_day <= 2_000_000_000:
        raise InvalidValueError("most_a_day", "Give a number, 0 for no limit.")
    rules.updated_at = now
    rules.save()
    record(verb="changed", noun="sending_rules", object_id=rules.pk, now=now, by=by)
    return rules


def check_hours(channel: str, opens: time | None, closes: time | None) -> None:
    """Refuse hours that nobody can be written to in."""
    if (opens is None) != (closes is None):
        missing = "opens" if opens is None else "closes"
        raise InvalidValueError(f"{channel}_{missing}", "Give both times, or none.")
    # Midnight ends a day as well as it begins one.
    if opens is not None and closes is not None and closes != time(0) and closes <= opens:
        raise InvalidValueError(f"{channel}_closes", "The hours have to end after they begin.")


def add_cap(
    *,
    channel: str,
    period: str,
    most: int,
    now: datetime,
    campaign: str = "",
    by: By = None,
) -> FrequencyCap:
    """
    Cap the messages to one contact; one of the same kind is replaced.

    :raises InvalidValueError: for an unknown channel or period, fewer than one message.
    """
    if channel not in CapChannel.values:
        raise InvalidValueError("channel", "A cap counts emails, texts or both.")
    if period not in CapPeriod.values:
        raise InvalidValueError("period", "A cap counts a day or a week.")
    if not 1 <= most <= MOST:
        raise InvalidValueError("most", f"A cap lets 1 to {MOST:,} messages pass.")
    named = campaign.replace("\0", "").strip()[:120]
    if FrequencyCap.objects.count() >= MOST_CAPS:
        raise InvalidValueError("most", f"An account has at most {MOST_CAPS} caps.")
    cap, _ = FrequencyCap.objects.update_or_create(
        channel=channel,
        period=period,
        campaign=named,
        defaults={"most": most, "created_at": now},
    )
    record(verb="capped", noun="frequency_cap", object_id=cap.pk, now=now, by=by)
    return cap


def remove_cap(*, cap: FrequencyCap, now: datetime, by: By = None) -> None:
    """Take a cap away."""
    record(verb="removed", noun="frequency_cap", object_id=cap.pk, now=now, by=by)
    cap.delete()
