"""What a tick has taken up, seen from outside: whose row has changed, which facts are gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from tests.oracle.interpreter import Cut

# Whoever is moved by a timer is somewhere else afterwards, or waits for another time.
ACTIVE = """
    SELECT
        enrollment.id, enrollment.conversation_id, enrollment.contact_id, enrollment.entry_number,
        enrollment.due_at, enrollment.told, enrollment.held_reason, enrollment.step_key,
        enrollment.visit_number, enrollment.arrived_at
    FROM conversations_enrollment AS enrollment
    WHERE enrollment.ended_at IS NULL AND (%(now)s::timestamptz IS NULL OR enrollment.due_at <= %(now)s)
"""
QUEUED = """
    SELECT
        intake.id, intake.conversation_id, intake.contact_id,
        CASE intake.kind WHEN 'wake' THEN 'watch' ELSE 'trigger' END AS role,
        CASE intake.kind WHEN 'wake' THEN intake.method ELSE intake.kind END AS kind,
        intake.recorded_at,
        CASE
            WHEN intake.kind = 'order'
                THEN (intake.properties ->> 'order_number') || ' ' || (intake.properties ->> 'status')
            WHEN intake.kind IN ('back_in_stock', 'price_drop', 'low_stock')
                THEN intake.properties ->> 'event_at'
            ELSE ' '
        END AS about
    FROM contacts_intake AS intake
    WHERE intake.kind <> 'alarm'
"""


@dataclass
class Found:
    """Enrollments and queued facts by their ids."""

    enrollments: dict[int, tuple[Any, ...]]
    facts: dict[int, tuple[Any, ...]]


def found(due: datetime | None) -> Found:
    """Return what there is; of enrollments those alone that are due at an instant, if it is given."""
    return Found(
        {row[0]: row for row in sql.fetch_all(ACTIVE, now=due)},
        {row[0]: row for row in sql.fetch_all(QUEUED)},
    )


def taken_up(
    before: Found, after: Found, titles: Mapping[int, str], people: Mapping[int, str]
) -> Cut:
    """Return what a tick took up of what was there before it."""
    cut = Cut()
    for number, row in before.enrollments.items():
        if after.enrollments.get(number) != row:
            cut.claimed.add((titles[row[1]], people[row[2]], row[3]))
    for number, (_, conversation_id, contact_id, *said) in before.facts.items():
        name = (titles[conversation_id], people[contact_id], *said)
        cut.queued[name] += 1
        if number not in after.facts:
            cut.taken[name] += 1
    return cut
