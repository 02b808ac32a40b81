"""Split tests: several messages, each to a share of one audience drawn once for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, List, User
from messaging.actions.broadcasts import plan_broadcast
from messaging.actions.messages import checked_name
from messaging.models import CommittedMessage, SplitTest

METRICS = ("Opens", "Clicks", "Revenue", "Conversions")


@dataclass(frozen=True)
class Group:
    """A message, its share of the audience in percent, and further fields of its `Broadcast`."""

    name: str
    percent: int
    message: CommittedMessage
    about: Mapping[str, Any] = field(default_factory=dict)


def plan_split_test(
    *,
    list: List,
    name: str,
    metric: str,
    groups: Sequence[Group],
    send_at: datetime,
    now: datetime,
    audience: Mapping[str, Any] | None = None,
    by: User | ApiClient | None = None,
) -> SplitTest:
    """
    Send each group's message to its share of an audience at a time.

    `audience` are included, excluded and rule of `plan_broadcast`: one audience for all groups.
    Who is in which share is drawn by the contact's subscription, so that nobody is in two.

    :raises InvalidValueError: field `percent`, where the shares come to more than 100; `name`.
    """
    if sum(group.percent for group in groups) > 100:
        raise InvalidValueError("percent", "The shares come to more than 100 percent.")
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
    return made


def is_same_body(groups: Sequence[Group]) -> bool:
    """Say whether the messages differ by what stands above the body alone."""
    return len({(one.message.content["html"], one.message.content["text"]) for one in groups}) == 1
