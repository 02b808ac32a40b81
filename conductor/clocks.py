"""
What steps share that let contacts wait for a time, and be asked in a contact's own zone.

A contact without a valid zone of its own gets the account's, and is counted.
"""

from collections.abc import Mapping
from typing import Any

from conductor.steps import HERE, Arrivals

ZONE_FALLBACK = "zone fallback"

# Those for whom {where} is true and who have no valid zone of their own.
FELL_BACK = f"""
    SELECT coalesce(sum(named.contacts), 0)
    FROM (
        SELECT contact.time_zone, count(*) AS contacts
        FROM arrivals
        INNER JOIN contacts_contact AS contact ON contact.id = arrivals.contact_id
        WHERE {HERE} AND {{where}}
        GROUP BY contact.time_zone
        OFFSET 0
    ) AS named
    WHERE NOT valid_zone(named.time_zone)
"""

# Their zones, each looked up once for each moment of arrival: time_zone, arrived_at, zone.
OWN_CLOCKS = f"""
    SELECT contact.time_zone, contact.arrived_at, {{zone}} AS zone
    FROM (
        SELECT DISTINCT person.time_zone, arrivals.arrived_at
        FROM arrivals
        INNER JOIN contacts_contact AS person ON person.id = arrivals.contact_id
        WHERE {HERE} AND {{where}}
    ) AS contact
    OFFSET 0
"""

TIMEOUT = f"UPDATE arrivals SET due_at = {{due}} WHERE {HERE} AND {{where}}"
OWN_TIMEOUT = f"""
    UPDATE arrivals
    SET due_at = clock.due
    FROM contacts_contact AS contact
    INNER JOIN (
        SELECT own.time_zone, own.arrived_at, {{due}} AS due
        FROM ({OWN_CLOCKS}) AS own
        OFFSET 0
    ) AS clock ON clock.time_zone = contact.time_zone
    WHERE
        {HERE}
        AND {{where}}
        AND contact.id = arrivals.contact_id
        AND clock.arrived_at = arrivals.arrived_at
"""
LENGTH = "%(months)s, %(days)s, %(seconds)s::double precision"


def count_fallbacks(arrivals: Arrivals, where: str) -> None:
    """Count those whose zone was read and is none."""
    arrivals.tally(ZONE_FALLBACK, int(arrivals.fetch(FELL_BACK.format(where=where))[0][0]))


def own_clocks(arrivals: Arrivals, where: str) -> str:
    """Return the relation (time_zone, arrived_at, zone) of those for whom `where` is true."""
    return OWN_CLOCKS.format(zone=arrivals.zone("contact"), where=where)


def set_timeout(arrivals: Arrivals, length: Mapping[str, float], zone: str, *, where: str) -> None:
    """
    Set the due time of those for whom `where` is true: a duration after they arrived.

    `length` is {months, days, seconds}; `zone` as the conversation has it.
    """
    given: dict[str, Any] = {name: length[name] for name in ("months", "days", "seconds")}
    if zone == "contact" and (length["months"] or length["days"]):
        count_fallbacks(arrivals, where)
        due = f"add_duration(own.arrived_at, {LENGTH}, own.zone)"
        named = arrivals.zone("contact")
        arrivals.run(OWN_TIMEOUT.format(due=due, zone=named, where=where), **given)
        return
    named = arrivals.zone("account" if zone == "contact" else zone)
    due = (
        "CASE WHEN arrivals.arrived_at = %(now)s "
        f"THEN add_duration(%(now)s::timestamptz, {LENGTH}, {named}) "
        f"ELSE add_duration(arrivals.arrived_at, {LENGTH}, {named}) END"
    )
    arrivals.run(TIMEOUT.format(due=due, where=where), **given)
