"""
Split tests: several messages, each to a share of one audience drawn once for all.

Where the shares leave somebody, the message that did best may go to them after a time: the
remainder is a broadcast of its own, planned with the groups, which takes the winner's message
when its time has come (`take_winner`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from messaging.actions.broadcasts import plan_broadcast
from messaging.actions.messages import checked_name
from messaging.models import Broadcast, BroadcastStatus, CommittedMessage, SplitTest
from messaging.reports import Summary, of_broadcast, summarize

# What came of a message, by the metric that decides; it is divided by how many got it.
METRICS: Mapping[str, Callable[[Summary], int | Decimal]] = {
    "Opens": lambda found: found.of("opened"),
    "Clicks": lambda found: found.of("clicked"),
    "Revenue": lambda found: found.revenue,
    "Conversions": lambda found: found.conversions,
}
# A group that is still being sent holds the decision up by so long.
PUT_OFF = timedelta(minutes=1)
OPEN = {BroadcastStatus.WAITING.value, BroadcastStatus.SENDING.value}


@dataclass(frozen=True)
class Group:
    """A message, its share of the audience in percent, and further fields of its `Broadcast`."""

    name: str
    percent: int
    message: CommittedMessage
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of a group's message so far."""

    group: Broadcast
    summary: Summary

    def score(self, metric: str) -> Decimal:
        """Return what came of it by a metric for each who got it, 0 where nobody did."""
        sent = self.summary.of("sent")
        return Decimal(METRICS[metric](self.summary)) / sent if sent else Decimal(0)


def plan_split_test(
    *,
    list: List,
    name: str,
    metric: str,
    groups: Sequence[Group],
    send_at: datetime,
    now: datetime,
    audience: Mapping[str, Any] | None = None,
    winner_after: timedelta | None = None,
    by: User | ApiClient | None = None,
) -> SplitTest:
    """
    Send each group's message to its share of an audience at a time.

    `audience` are included, excluded and rule of `plan_broadcast`: one audience for all groups.
    Who is in which share is drawn by the contact's subscription, so that nobody is in two.
    `winner_after` so long the message that did best by `metric` goes to the rest.

    :raises InvalidValueError: field `percent`, where the shares come to more than 100, or leave
        nobody for the winner; `name`.
    """
    taken = sum(group.percent for group in groups)
    if taken > 100:
        raise InvalidValueError("percent", "The shares come to more than 100 percent.")
    if winner_after is not None and taken == 100:
        raise InvalidValueError("percent", "The shares leave nobody to send the winner to.")
    made = SplitTest.objects.create(
        list=list,
        name=checked_name(name, noun="split test"),
        kind="Subject" if is_same_body(groups) else "Content",
        metric=metric,
        created_at=now,
    )
    record(verb="planned", noun="split_test", object_id=made.pk, now=now, by=by)
    share = 0
    for group in groups:
        plan_broadcast(
            message=group.message,
            send_at=send_at,
            now=now,
            by=by,
            split_test=made,
            group_name=checked_name(group.name, noun="group"),
            share_from=share,
            share_to=share + group.percent,
            **(audience or {}),
            **group.about,
        )
        share += group.percent
    if winner_after is not None:
        # Until the winner is known it stands there with the first message.
        plan_broadcast(
            message=groups[0].message,
            send_at=max(send_at, now) + winner_after,
            now=now,
            by=by,
            split_test=made,
            share_from=share,
            share_to=100,
            **(audience or {}),
            **groups[0].about,
        )
    return made


def results(test: SplitTest) -> list[Result]:
    """Return what came of each group, in the order of their shares."""
    groups = Broadcast.objects.filter(split_test=test).exclude(group_name="")
    return [
        Result(row, summarize(of_broadcast(row))) for row in groups.order_by("share_from", "pk")
    ]


def take_winner(remainder: Broadcast, *, now: datetime) -> bool:
    """
    Give a remainder the message of the group that did best; say whether it may be sent.

    Of equals the first group wins. While a group is still being sent the remainder is put off;
    where none was sent it is not ready. The caller holds the remainder's row.
    """
    test: SplitTest = SplitTest.objects.select_for_update(of=("self",)).get(broadcasts=remainder)
    found = results(test)
    if any(one.group.status in OPEN for one in found):
        remainder.send_at = now + PUT_OFF
        remainder.save(update_fields=["send_at"])
        return False
    sent = [one for one in found if one.group.status == BroadcastStatus.SENT]
    if not sent:
        remainder.status, remainder.ended_at = BroadcastStatus.NOT_READY, now
        remainder.save(update_fields=["status", "ended_at"])
        return False
    # `max` keeps the first of equals.
    winner = max(sent, key=lambda one: one.score(test.metric)).group
    for name in ("message", "options", "campaign", "external_campaign_id"):
        setattr(remainder, name, getattr(winner, name))
    remainder.save(update_fields=["message", "options", "campaign", "external_campaign_id"])
    test.winner, test.decided_at = winner, now
    test.save(update_fields=["winner", "decided_at"])
    record(
        verb="decided", noun="split_test", object_id=test.pk, now=now, detail={"winner": winner.pk}
    )
    return True


def is_same_body(groups: Sequence[Group]) -> bool:
    """Say whether the messages differ by what stands above the body alone."""
    return len({(one.message.content["html"], one.message.content["text"]) for one in groups}) == 1
