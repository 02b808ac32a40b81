"""Rules that a step asks: their problems, and exits by their answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from conductor.clocks import count_fallbacks, reads_own_calendar
from conductor.stepping.arrivals import THESE, Arrivals, fields_here
from conductor.stepping.keys import Rule
from conductor.stepping.names import Names, StepProblem
from contacts import filters
from contacts.filters import saved


def rule_problems(path: str, rule: Rule, names: Names) -> list[StepProblem]:
    """Return the problems of a rule: names that the list does not have, types that clash."""
    return [
        StepProblem(f"{path}.{within}".strip("."), "rule", text)
        for within, text in filters.problems(filters.parse(rule), names)
    ]


def resolved_rule(rule: Rule, names: Names) -> dict[str, Any] | None:
    """Return a rule with ids for names, or None where there is none."""
    return filters.resolve(filters.parse(rule), names) if rule else None


CHOOSE = f"""
    UPDATE arrivals
    SET exit = CASE {{branches}} ELSE %(others)s END
    FROM contacts_subscription AS subscription
    {{contact}}
    {{enrollment}}
    WHERE {THESE} AND subscription.id = arrivals.subscription_id {{same}}
"""


# A subscription's contact is always there: it is read only for what is asked of it.
CONTACT = "INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id"


# With each enrollment's latest arrival at every step, those of this tick included. Visits are
# parted by when they ended: of months before the first of these entered none is read.
ENROLLMENT_AND_ARRIVALS = """
    CROSS JOIN (
        SELECT
            enrolled.*,
            coalesce(latest.arrived, '{}'::jsonb) AS arrived
        FROM enrolled
        LEFT JOIN (
            SELECT
                visit.enrollment_id,
                jsonb_object_agg(visit.step_key, visit.arrived_at ORDER BY visit.arrived_at) AS arrived
            FROM (
                SELECT past.enrollment_id, past.step_key, past.arrived_at
                FROM conversations_visit AS past
                WHERE
                    past.enrollment_id = any(array(SELECT known.id FROM enrolled AS known))
                    AND past.left_at >= (SELECT min(first.entered_at) FROM enrolled AS first)
                UNION ALL
                SELECT lately.enrollment_id, lately.step_key, lately.arrived_at
                FROM arrivals AS lately
            ) AS visit
            GROUP BY visit.enrollment_id
        ) AS latest ON latest.enrollment_id = enrolled.id
    ) AS enrollment
"""


def enrollment_for(condition: str) -> tuple[str, str]:
    """
    Return what a condition needs beside `subscription` and `contact`: a join, and its test.

    Both are "" for one that does not ask how the enrollment began or where it has been.
    """
    if "enrollment.arrived" in condition:
        return ENROLLMENT_AND_ARRIVALS, "AND enrollment.id = arrivals.enrollment_id"
    if "enrollment." in condition:
        return (
            "CROSS JOIN enrolled AS enrollment",
            "AND enrollment.id = arrivals.enrollment_id",
        )
    return "", ""


def can_ask(arrivals: Arrivals, *rules: Mapping[str, Any]) -> bool:
    """Say whether the fields that rules ask for are there; else hold everybody at the step."""
    asked = (leaf for rule in rules for leaf in saved.leaves_of(rule) if "field_id" in leaf)
    return fields_here(arrivals, (leaf["field_id"] for leaf in asked))


def decide(arrivals: Arrivals, rule: Mapping[str, Any], *, matching: str, others: str) -> None:
    """Name the exit of each contact by whether a resolved rule holds for it."""
    choose(arrivals, [(matching, rule)], others=others)


def choose(
    arrivals: Arrivals, branches: Sequence[tuple[str, Mapping[str, Any]]], *, others: str
) -> None:
    """
    Name the exit of each contact: of the first resolved rule that holds, else `others`.

    Where the rules read the contact's own calendar, those without a zone are counted.
    """
    if not can_ask(arrivals, *(rule for _, rule in branches)):
        return
    given: dict[str, Any] = {"others": others}
    cases, zone = [], arrivals.zone()
    for place, (name, rule) in enumerate(branches):
        asked = filters.condition(rule, zone=zone, prefix=f"step_{place}_")
        cases.append(f"WHEN {asked.sql} THEN %(exit_{place})s")
        given |= {**asked.params, f"exit_{place}": name}
    asked_of = " ".join(cases)
    if reads_own_calendar(asked_of, zone):
        count_fallbacks(arrivals, "TRUE")
    enrollment, same = enrollment_for(asked_of)
    contact = CONTACT if "contact." in asked_of else ""
    statement = CHOOSE.format(branches=asked_of, contact=contact, enrollment=enrollment, same=same)
    arrivals.run(statement, **given)
