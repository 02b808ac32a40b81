"""What a tick only counts: for the marketer, who reads it beside those who are held."""

import json
from collections import Counter
from datetime import datetime
from typing import Any

from accounts.tenancy import sql
from conductor.clocks import ZONE_FALLBACK
from conductor.engine.arrivals import zone_expression

# (conversation id, step key, name) of what is counted; "" for what no step asks.
Tallies = Counter[tuple[int, str, str]]

# Each zone that they name is looked up once, not once a contact.
FALLBACKS = """
    SELECT coalesce(sum(contact.named_by), 0)::bigint
    FROM (
        SELECT person.time_zone, count(*) AS named_by
        FROM ({people}) AS asked
        INNER JOIN contacts_contact AS person ON person.id = asked.contact_id
        GROUP BY person.time_zone
        OFFSET 0
    ) AS contact
    WHERE contact.time_zone <> {zone}
"""


def count_fallbacks(people: str, /, *, account_zone: str, **given: Any) -> int:
    """
    Count the contacts who have no valid zone of their own, and get the account's.

    `people` is a SELECT that gives their `contact_id`, `given` its parameters.
    """
    zone = zone_expression("contact", account_zone)
    return int(sql.fetch_value(FALLBACKS.format(people=people, zone=zone), **given))


def note_fallbacks(tallies: Tallies, conversation_id: int, step_key: str, count: int) -> None:
    """Add to what is counted those for whom a rule was asked by the account's calendar."""
    if count:
        tallies[(conversation_id, step_key, ZONE_FALLBACK)] += count


def write_tallies(tallies: Tallies, *, now: datetime) -> None:
    """Add what was counted to what the conversations have, in one statement, if there is any."""
    if not tallies:
        return
    rows = [
        {"conversation_id": conversation_id, "step_key": key, "name": name, "total": total}
        for (conversation_id, key, name), total in tallies.items()
    ]
    statement = sql.statement("conductor.engine", "count_tallies")
    sql.execute(statement, now=now, tallies=json.dumps(rows))
