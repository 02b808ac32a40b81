"""Ask a rule segment who is in it, and write the answers down."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from contacts.filters.clock import clock_of, next_change
from contacts.filters.condition import test_of
from contacts.models import Segment

# The answers: who is in it, and when the clock alone may next change that.
ASKED = """
    SELECT
        subscription.id AS subscription_id,
        {condition} AS is_member,
        {moment} AS recheck_at
    FROM contacts_subscription AS subscription
    INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
    {joins}
    WHERE subscription.list_id = %(list_id)s {of_whom}
"""
OF_SOME = """
        AND (
            subscription.contact_id = ANY(%(contact_ids)s::bigint[])
            OR subscription.id = ANY(%(subscription_ids)s::bigint[])
        )
        AND NOT (subscription.id > %(unlooked_after)s AND subscription.id <= %(unlooked_last)s)
"""

WRITE_DOWN = """
INSERT INTO contacts_segmentmember (segment_id, subscription_id, is_member, since, recheck_at)
SELECT %(segment_id)s, asked.subscription_id, asked.is_member, %(now)s, asked.recheck_at
FROM ({asked}) AS asked
WHERE asked.is_member OR asked.recheck_at IS NOT NULL
ON CONFLICT ON CONSTRAINT segment_member_once DO UPDATE
    SET
        is_member = excluded.is_member,
        since = excluded.since,
        recheck_at = excluded.recheck_at
"""

# What changed since they were asked last; what did not is not written.
ASK_AGAIN = """
WITH answers AS MATERIALIZED ({asked}),

asked AS MATERIALIZED (
    SELECT
        answers.*,
        member.id AS member_id,
        coalesce(member.is_member, FALSE) AS was_member,
        member.recheck_at AS former_recheck_at
    FROM answers
    LEFT JOIN contacts_segmentmember AS member
        ON member.segment_id = %(segment_id)s
        AND member.subscription_id = answers.subscription_id
),

gone AS (
    DELETE FROM contacts_segmentmember AS member
    USING asked
    WHERE member.id = asked.member_id AND NOT asked.is_member AND asked.recheck_at IS NULL
),

changed AS (
    UPDATE contacts_segmentmember AS member
    SET
        is_member = asked.is_member,
        since = CASE WHEN asked.is_member = member.is_member THEN member.since ELSE %(since)s END,
        recheck_at = asked.recheck_at
    FROM asked
    WHERE
        member.id = asked.member_id
        AND (asked.is_member OR asked.recheck_at IS NOT NULL)
        AND (
            asked.is_member <> asked.was_member
            OR asked.recheck_at IS DISTINCT FROM asked.former_recheck_at
        )
),

new AS (
    INSERT INTO contacts_segmentmember (
        segment_id, subscription_id, is_member, since, recheck_at
    )
    SELECT %(segment_id)s, asked.subscription_id, asked.is_member, %(since)s, asked.recheck_at
    FROM asked
    WHERE asked.member_id IS NULL AND (asked.is_member OR asked.recheck_at IS NOT NULL)
)

SELECT
    coalesce(array_agg(asked.subscription_id) FILTER (WHERE asked.is_member), '{{}}'),
    coalesce(array_agg(asked.subscription_id) FILTER (WHERE NOT asked.is_member), '{{}}')
FROM asked
WHERE asked.is_member <> asked.was_member
"""


@dataclass(frozen=True)
class Moved:
    """Who entered and who left: ids of subscriptions."""

    entered: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)


def write_down(segment: Segment, *, now: datetime) -> None:
    """
    Write down who of the whole list is in a segment.

    :raises VanishedError: if what its rule names is gone.
    """
    asked, params = _question(segment, now=now, bulk=True)
    sql.execute(WRITE_DOWN.format(asked=asked), **params)


def ask_some(
    segment: Segment,
    *,
    now: datetime,
    contact_ids: Sequence[int] = (),
    subscription_ids: Sequence[int] = (),
    since: datetime | None = None,
    unlooked: tuple[int, int] = (0, 0),
) -> Moved:
    """
    Ask contacts and subscriptions of the list again; say who entered and who left.

    They did so `since` (default: now). Subscriptions after the first and up to the last of
    `unlooked` are left out.

    :raises VanishedError: if what its rule names is gone.
    """
    asked, params = _question(segment, now=now, bulk=False)
    params |= {
        "contact_ids": [*contact_ids],
        "subscription_ids": [*subscription_ids],
        "since": since or now,
        "unlooked_after": unlooked[0],
        "unlooked_last": unlooked[1],
    }
    entered, left = sql.fetch_one(ASK_AGAIN.format(asked=asked), **params) or ([], [])
    return Moved(entered, left)


def _question(segment: Segment, *, now: datetime, bulk: bool) -> tuple[str, dict[str, Any]]:
    """Return the SELECT of a segment's answers, with its parameters."""
    zone = segment.account.time_zone
    resolved = {"leaf": "segment", "segment_id": segment.pk}
    clock = clock_of(zone=zone, now=now, prefix="asked", bulk=bulk)
    condition = test_of(resolved, clock.scope).strict
    moment = next_change(resolved, clock)
    asked = ASKED.format(
        condition=condition,
        moment=moment,
        joins="\n".join(clock.joins),
        of_whom="" if bulk else OF_SOME,
    )
    params = {
        **clock.scope.params,
        "zone": zone,
        "now": now,
        "list_id": segment.list_id,
        "segment_id": segment.pk,
    }
    return asked, params
