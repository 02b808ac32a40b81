"""
What steps share that let contacts wait for a time, and be asked in a contact's own zone.

A contact without a valid zone of its own gets the account's, and is counted.
"""

import json
from collections.abc import Mapping
from typing import Any

from conductor.stepping.arrivals import HERE, THESE, Arrivals

ZONE_FALLBACK = "zone fallback"

# The zones that the contacts at the step name, with what each stands for and how many do.
NAMED_ZONES = f"""
    SELECT contact.time_zone, {{zone}}, contact.named_by
    FROM (
        SELECT person.time_zone, count(*) AS named_by
        FROM arrivals
        INNER JOIN contacts_contact AS person ON person.id = arrivals.contact_id
        WHERE {THESE} AND {{where}}
        GROUP BY person.time_zone
        OFFSET 0
    ) AS contact
"""
OWN_ZONE = "(%(own_zones)s::jsonb ->> contact.time_zone)"

TIMEOUT = f"UPDATE arrivals SET due_at = {{due}} WHERE {HERE} AND {{where}}"
OWN_TIMEOUT = f"""
    UPDATE arrivals
    SET due_at = {{due}}
    FROM contacts_contact AS contact
    WHERE {THESE} AND {{where}} AND contact.id = arrivals.contact_id
"""
LENGTH = "%(months)s, %(days)s, %(seconds)s::double precision"


def is_by_calendar(length: Mapping[str, float], zone: str) -> bool:
    """Say whether a duration is counted by the calendar of each contact's own zone."""
    return zone == "contact" and bool(length.get("months") or length.get("days"))


def reads_own_calendar(condition: str, zone: str) -> bool:
    """Say whether a rule's condition, in SQL, reads the calendar of each contact's own zone."""
    return "contact." in zone and zone in condition


def own_zones(arrivals: Arrivals, where: str) -> dict[str, str]:
    """
    Return the parameters of `OWN_ZONE`, the zone of each contact for whom `where` is true.

    `OWN_ZONE` reads the alias `contact`: each zone is looked up once, not once a contact.
    Who has none and gets the account's is counted.
    """
    rows = arrivals.fetch(NAMED_ZONES.format(zone=arrivals.zone("contact"), where=where))
    fallbacks = sum(count for named, zone, count in rows if named != zone)
    if fallbacks:
        arrivals.tally(ZONE_FALLBACK, fallbacks)
    return {"own_zones": json.dumps({named: zone for named, zone, _ in rows})}


def count_fallbacks(arrivals: Arrivals, where: str) -> None:
    """Count those for whom `where` is true and who have no valid zone of their own."""
    own_zones(arrivals, where)


def set_timeout(arrivals: Arrivals, length: Mapping[str, float], zone: str, *, where: str) -> None:
    """
    Set the due time of those for whom `where` is true: a duration after they arrived.

    `length` is {months, days, seconds}; `zone` as the conversation has it.
    """
    given: dict[str, Any] = {name: length[name] for name in ("months", "days", "seconds")}
    if is_by_calendar(length, zone):
        zones = own_zones(arrivals, where)
        due = f"add_duration(arrivals.arrived_at, {LENGTH}, {OWN_ZONE})"
        arrivals.run(OWN_TIMEOUT.format(due=due, where=where), **given, **zones)
        return
    named = arrivals.zone("account" if zone == "contact" else zone)
    due = (
        "CASE WHEN arrivals.arrived_at = %(now)s "
        f"THEN add_duration(%(now)s::timestamptz, {LENGTH}, {named}) "
        f"ELSE add_duration(arrivals.arrived_at, {LENGTH}, {named}) END"
    )
    arrivals.run(TIMEOUT.format(due=due, where=where), **given)
