"""The members of a segment, page by page."""

import json
from datetime import datetime

from accounts.tenancy import sql
from contacts import filters
from contacts.models import Segment, Subscription

# By the id of the subscription: whoever comes or goes meanwhile neither repeats nor hides others.
PAGE = "{members} AND subscription.id > %(after)s ORDER BY subscription.id LIMIT %(limit)s"


def estimate_members(segment: Segment, *, now: datetime) -> int:
    """
    Return about how many are in a segment, as the planner thinks: at once, however large.

    :raises filters.VanishedError: if what the segment's rule names is gone.
    """
    asked = _members(segment, now)
    plan = sql.fetch_value(f"EXPLAIN (FORMAT JSON) {asked.sql}", **asked.params)
    read = json.loads(plan) if isinstance(plan, str) else plan
    return int(read[0]["Plan"]["Plan Rows"])


def page_of_members(
    segment: Segment, *, now: datetime, after: int, limit: int
) -> list[Subscription]:
    """
    Return up to `limit` members behind a subscription's id, with their contacts.

    :raises filters.VanishedError: if what the segment's rule names is gone.
    """
    members = _members(segment, now)
    rows = sql.fetch_all(
        PAGE.format(members=members.sql), **members.params, after=after, limit=limit
    )
    found = Subscription.objects.select_related("contact").in_bulk([row[0] for row in rows])
    return [found[row[0]] for row in rows]


def _members(segment: Segment, now: datetime) -> filters.Condition:
    """Return the SELECT of the ids of a segment's subscriptions."""
    return filters.matching(
        {"leaf": "segment", "segment_id": segment.pk},
        columns="subscription.id",
        list_id=segment.list_id,
        time_zone=segment.account.time_zone,
        now=now,
    )
