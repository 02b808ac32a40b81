"""How many of an audience a message would reach now, and of the others how many for each reason."""

from collections.abc import Mapping
from typing import Any

from accounts.tenancy import sql
from messaging.eligibility.policy import Policy
from messaging.eligibility.verdict import Verdict
from messaging.models.message import Channel
from messaging.reasons import Reason

# One pass, whatever the size; whom a rule means is said by `meant`.
EMAILS = """
        FROM contacts_subscription AS subscription
        LEFT JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
        {joins}
        WHERE subscription.list_id = %(list_id)s AND {meant}
"""
TEXTS = """
        FROM messaging_phonesubscription AS phone_subscription
        LEFT JOIN contacts_contact AS contact ON contact.id = phone_subscription.contact_id
        {joins}
        WHERE phone_subscription.phone_list_id = %(phone_list_id)s AND {meant}
"""
AUDIENCES = {Channel.EMAIL: EMAILS, Channel.SMS: TEXTS}
COUNT = """
    SELECT asked.reason, count(*)
    FROM (
        SELECT {reason} AS reason
        {audience}
    ) AS asked
    GROUP BY asked.reason
"""


def count_by_reason(
    verdict: Verdict,
    channel: str,
    params: Mapping[str, Any],
    *,
    meant: str = "TRUE",
    spoken_of: str = "",
) -> dict[str, int]:
    """
    Count an audience by the reason why it is not reached, "" being those who are.

    `params`: `now`, `list_id` or `phone_list_id`, and those of `meant`, an SQL condition on the
    aliases of the channel's audience and those that the joins `spoken_of` add.
    """
    audience = AUDIENCES[Channel(channel)].format(joins=spoken_of + verdict.joins, meant=meant)
    statement = COUNT.format(reason=verdict.reason, audience=audience)
    return dict(sql.fetch_all(statement, **{**params, **verdict.params}))


def within_limit(counted: Mapping[str, int], policy: Policy) -> dict[str, int]:
    """Take off those who are reached whom the account's limit of a day leaves for tomorrow."""
    reached, left = counted.get("", 0), policy.left_today
    if left is None or reached <= left:
        return dict(counted)
    return {**counted, "": left, Reason.OVER_ACCOUNT_LIMIT.value: reached - left}


def most_first(counted: Mapping[str, int]) -> dict[str, int]:
    """Return the reasons of those who are not reached, the most frequent first."""
    others = [(reason, number) for reason, number in counted.items() if reason]
    return dict(sorted(others, key=lambda row: (-row[1], row[0])))
