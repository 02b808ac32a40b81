"""At what hours somebody is written to, how often, and who never: what an account allows itself."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from hashlib import md5
from typing import Any

from tests.oracle.conversations import Delivery
from tests.oracle.outcomes import At
from tests.oracle.people import Person
from tests.oracle.times import clock, instant

# Texts to numbers of the United States, whatever the account says; New York has no others.
LAW = (8, 21)
DAY = (0, 24)
QUIET = "quiet-hours-deferred"


@dataclass
class Rules:
    """
    What an account allows itself.

    `hours`: by channel, from which to before which hour of the contact's day. `caps`: [channel
    or any, day or week, the most]. `holdout`: percent who get nothing. `texts`: whether the
    phone list is one for marketing.
    """

    hours: dict[str, tuple[int, int]] = field(default_factory=dict)
    caps: list[tuple[str, str, int]] = field(default_factory=list)
    holdout: int = 0
    texts: str = "transactional"


def permit(at: At, sent: Delivery) -> None:
    """Put a message off, or skip it, where the account or the law does not want it now."""
    if sent.is_transactional:
        return
    send = at.config.get("send", {})
    number = int(md5(f"holdout:{at.one.person.id}".encode()).hexdigest()[:8], 16)
    opens = opening(at, sent)
    enough = until_enough(at, sent)
    if number % 100 < at.world.rules.holdout:
        sent.state, sent.reason = "skipped", "holdout"
    elif opens and send.get("quiet_hours") == "skip":
        sent.state, sent.reason = "skipped", QUIET
    elif enough and send.get("cap", "skip") == "skip":
        sent.state, sent.reason = "skipped", "frequency-cap"
    elif opens or enough:
        sent.state, sent.reason = "deferred", "frequency-cap" if enough else QUIET
        sent.not_before = max(moment for moment in (opens, enough) if moment)


def opening(at: At, sent: Delivery) -> datetime | None:
    """Return when the hours of a message begin, if they have not."""
    own = at.world.rules.hours.get(sent.channel, DAY)
    zone = at.world.zone_of(at.one.person, "contact")
    if sent.channel == "sms":
        own = max(own[0], LAW[0]), min(own[1], LAW[1])
        # All numbers of stories are of New York.
        zone = at.world.zone_of(at.one.person, at.one.person.time_zone or "America/New_York")
    wall = clock(at.now, zone)
    if own[0] <= wall.hour < own[1]:
        return None
    day = wall.date() + timedelta(days=0 if wall.hour < own[0] else 1)
    return instant(datetime.combine(day, time(own[0])), zone)


def until_enough(at: At, sent: Delivery) -> datetime | None:
    """Return until when somebody has had as many messages as a cap allows."""
    ends = []
    for channel, period, most in at.world.rules.caps:
        if channel in {"any", sent.channel}:
            at.one.has_read.add(("mail",))
            begins, ends_at = calendar(at, period)
            had = [
                one
                for one in had_by(at.world, at.one.person)
                if one is not sent and channel in {"any", one.channel}
                if one.state == "queued" or (one.sent_at and one.sent_at >= begins)
            ]
            ends += [ends_at] if len(had) >= most else []
    return max(ends, default=None)


def had_by(world: Any, person: Person) -> list[Delivery]:
    """Return the messages that somebody got or is to get, transactional ones apart."""
    return [
        one
        for conversation in world.conversations.values()
        for enrollment in conversation.of(person)
        for one in enrollment.deliveries
        if one.state in {"queued", "sent"} and not one.is_transactional
    ]


def calendar(at: At, period: str) -> tuple[datetime, datetime]:
    """Return when the contact's day, or week from Monday, begins and ends."""
    zone = at.world.zone_of(at.one.person, "contact")
    today = clock(at.now, zone).date()
    length = 7 if period == "week" else 1
    first = today - timedelta(days=today.weekday() if period == "week" else 0)
    begins, ends = (
        instant(datetime.combine(day, time()), zone)
        for day in (first, first + timedelta(days=length))
    )
    return begins, ends
