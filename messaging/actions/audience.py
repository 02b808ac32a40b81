"""Who would get a message now, and why not the others: the same question that sending asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import List
from accounts.tenancy import sql
from messaging.eligibility import Policy, Reason, Verdict, load_policy, sentence
from messaging.models import PhoneList
from messaging.models.sms import MessageType

# One pass over the list, whatever its size; the verdict's joins are those of sending.
COUNT_EMAILS = """
    SELECT asked.reason, count(*)
    FROM (
        SELECT {reason} AS reason
        FROM contacts_subscription AS subscription
        LEFT JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
        {joins}
        WHERE subscription.list_id = %(list_id)s
    ) AS asked
    GROUP BY asked.reason
"""
COUNT_TEXTS = """
    SELECT asked.reason, count(*)
    FROM (
        SELECT {reason} AS reason
        FROM messaging_phonesubscription AS phone_subscription
        LEFT JOIN contacts_contact AS contact ON contact.id = phone_subscription.contact_id
        {joins}
        WHERE phone_subscription.phone_list_id = %(phone_list_id)s
    ) AS asked
    GROUP BY asked.reason
"""


@dataclass(frozen=True)
class Audience:
    """How many would get a message now; of the others how many for each reason, most first."""

    reached: int
    reasons: Mapping[str, int]

    @property
    def asked(self) -> int:
        """How many there are in all."""
        return self.reached + sum(self.reasons.values())

    @property
    def lines(self) -> Sequence[tuple[int, str, str]]:
        """For each reason: how many, the reason, the sentence for the marketer."""
        return [(number, reason, sentence(reason)) for reason, number in self.reasons.items()]


def count_emails(*, in_list: List, now: datetime, transactional: bool = False) -> Audience:
    """Count who of a list would get an email at `now`; one statement."""
    policy = load_policy(now=now)
    verdict = policy.email(transactional=transactional)
    found = _count(COUNT_EMAILS, verdict, now=now, list_id=in_list.pk)
    return found if transactional else within_limit(found, policy)


def count_texts(*, phone_list: PhoneList, now: datetime) -> Audience:
    """Count which numbers of a phone list would get a text at `now`; one statement."""
    transactional = phone_list.kind == MessageType.TRANSACTIONAL
    policy = load_policy(now=now)
    verdict = policy.sms(transactional=transactional)
    found = _count(COUNT_TEXTS, verdict, now=now, phone_list_id=phone_list.pk)
    return found if transactional else within_limit(found, policy)


def within_limit(found: Audience, policy: Policy) -> Audience:
    """Take off whom the account's limit of a day leaves for tomorrow."""
    left = policy.left_today
    if left is None or found.reached <= left:
        return found
    return _audience(left, {**found.reasons, Reason.OVER_ACCOUNT_LIMIT.value: found.reached - left})


def _count(statement: str, verdict: Verdict, *, now: datetime, **params: int) -> Audience:
    held = f"CASE WHEN {verdict.held_until} IS NOT NULL THEN {verdict.held_reason} END"
    reason = f"coalesce({verdict.refusal}, {held}, '')"
    rows: dict[str, int] = dict(
        sql.fetch_all(
            statement.format(reason=reason, joins=verdict.joins),
            now=now,
            **params,
            **verdict.params,
        )
    )
    return _audience(rows.pop("", 0), rows)


def _audience(reached: int, reasons: Mapping[str, int]) -> Audience:
    return Audience(reached, dict(sorted(reasons.items(), key=lambda row: (-row[1], row[0]))))
