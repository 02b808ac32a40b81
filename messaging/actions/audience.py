"""Who would get a message now, and why not the others: the same question that sending asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import List
from messaging.eligibility import (
    count_by_reason,
    load_policy,
    most_first,
    sentence,
    within_limit,
)
from messaging.models import PhoneList
from messaging.models.message import Channel
from messaging.models.sms import MessageType


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
    found = count_by_reason(verdict, Channel.EMAIL, {"now": now, "list_id": in_list.pk})
    return as_audience(found if transactional else within_limit(found, policy))


def count_texts(*, phone_list: PhoneList, now: datetime) -> Audience:
    """Count which numbers of a phone list would get a text at `now`; one statement."""
    transactional = phone_list.kind == MessageType.TRANSACTIONAL
    policy = load_policy(now=now)
    verdict = policy.sms(transactional=transactional)
    found = count_by_reason(verdict, Channel.SMS, {"now": now, "phone_list_id": phone_list.pk})
    return as_audience(found if transactional else within_limit(found, policy))


def as_audience(counted: Mapping[str, int]) -> Audience:
    """Return a count by reason as an audience."""
    return Audience(counted.get("", 0), most_first(counted))
