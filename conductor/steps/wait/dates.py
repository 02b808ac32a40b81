"""
The days that a wait reads out of the profile or puts together from parts, as SQL.

Each gives what is held by, arrived_at, zone, due (NULL: there is no date) and is_past, for
the row of `arrivals` at hand. `zone` is SQL: a literal, or an expression over `contact`.
"""

from collections.abc import Mapping
from typing import Any

from contacts.filters.subject import Subject

# The row of `arrivals` at hand, with its local day and what the way to wait reads.
ARRIVED = """
    SELECT
        arrivals.arrived_at,
        zone.name AS zone,
        (arrivals.arrived_at AT TIME ZONE zone.name)::date AS today,
        {columns}
    FROM contacts_subscription AS subscription
    {more}
    CROSS JOIN LATERAL (SELECT {zone} AS name) AS zone
    WHERE subscription.id = arrivals.subscription_id
    OFFSET 0
"""
CONTACT = "INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id"
ENROLLED = "INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id"
ARRIVED_AT = "(arrivals.arrived_at AT TIME ZONE zone.name)"
ENTERED_AT = "(enrolled.entered_at AT TIME ZONE zone.name)"
OFFSET = "make_interval(months => %(months)s, days => %(days)s)"

# No clock of ours can be set to a later day: an error, which holds the contact.
NOT_TOO_LATE = """
    CASE WHEN {day} <= '9999-11-30' THEN {day} ELSE ({day}::text || ' is too late')::date END
"""

# The day is the field's date or, yearly, the first of its anniversaries from the day of
# arrival on (29 February is 28 February in common years), moved by the offset.
BY_FIELD = f"""
    SELECT
        here.arrived_at,
        here.zone,
        moved.day < here.today AS is_past,
        local_instant(moved.day + here.at, here.zone) AS due
    FROM ({{here}}) AS here
    CROSS JOIN LATERAL (
        SELECT {NOT_TOO_LATE.format(day="min(candidate.day)")} AS day
        FROM (
            SELECT ((here.day + make_interval(years => turn.years)) + {OFFSET})::date AS day
            FROM generate_series({{first_turn}}, {{last_turn}}) AS turn (years)
        ) AS candidate
        WHERE {{fits}}
    ) AS moved
"""
YEARS_OFF = (
    f"extract(year FROM here.today - {OFFSET})::integer - extract(year FROM here.day)::integer"
)

# The day of the month of the year, moved by the offset; rolled, the first of a year from that
# one on whose instant is still to come. Years further off than the last turn come later still.
BY_PARTS = f"""
    SELECT
        here.arrived_at,
        here.zone,
        {{is_past}} AS is_past,
        target.due
    FROM ({{here}}) AS here
    CROSS JOIN LATERAL (
        SELECT {{due}} AS due
        FROM generate_series({{first_turn}}, {{last_turn}}) AS turn (years)
        CROSS JOIN LATERAL (
            SELECT make_date(here.year + turn.years, here.month, 1) AS first
        ) AS month
        CROSS JOIN LATERAL (
            SELECT
                (month.first + interval '1 month' - interval '1 day')::date AS last
        ) AS ending
        CROSS JOIN LATERAL (SELECT (({{day}}) + {OFFSET})::date AS day) AS moved
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN {{wanted}} THEN local_instant(
                        {NOT_TOO_LATE.format(day="moved.day")} + here.at, here.zone
                    )
                END AS due
            OFFSET 0
        ) AS candidate
    ) AS target
"""
ROLLED_OFF = f"extract(year FROM here.today - {OFFSET})::integer - here.year"
# least() passes over NULL.
DAY_OF_MONTH = """
    CASE WHEN here.day IS NOT NULL THEN least(month.first + (here.day - 1), ending.last) END
"""
# The n-th such weekday; the one a week earlier where that is in the next month, so that the
# fifth is the last.
NTH_WEEKDAY = """
    month.first + mod({weekday} + 7 - extract(isodow FROM month.first)::integer, 7) + {days}
    - CASE
        WHEN month.first + mod({weekday} + 7 - extract(isodow FROM month.first)::integer, 7) + {days}
            > ending.last THEN 7
        ELSE 0
    END
"""
LAST = 5


def by_field(settings: Mapping[str, Any], zone: str) -> tuple[str, dict[str, Any]]:
    """Return the query of `until_field` and its parameters."""
    yearly = settings["year"] == "next_occurrence"
    columns = (
        f"{date_of('subscription.profile ->> %(field)s')} AS day, "
        f"coalesce(%(at)s::time, {ARRIVED_AT}::time) AS at"
    )
    aimed = BY_FIELD.format(
        here=_arrived(columns, zone),
        first_turn=f"{YEARS_OFF} - 1" if yearly else "0",
        last_turn=f"{YEARS_OFF} + 1" if yearly else "0",
        fits="candidate.day >= here.today" if yearly else "TRUE",
    )
    given = {"field": str(settings["field_id"]), "at": settings["at"] or None}
    return aimed, {**given, **_offset(settings)}


def by_parts(settings: Mapping[str, Any], zone: str) -> tuple[str, dict[str, Any]]:
    """Return the query of `until_parts` and its parameters."""
    roll = settings["roll"]
    day = settings["day"]
    is_weekday = day is not None and "nth" in day
    columns = [
        f"{_part('year', settings['year'])} AS year",
        f"{_part('month', settings['month'])} AS month",
        f"{_time(settings['time'])} AS at",
    ]
    if not is_weekday:
        columns.append(f"{_part('day', day)} AS day")
    aimed = BY_PARTS.format(
        here=_arrived(", ".join(columns), zone),
        first_turn=f"greatest(0, {ROLLED_OFF} - 1)" if roll else "0",
        last_turn=f"greatest(0, {ROLLED_OFF} + 2)" if roll else "0",
        due="min(candidate.due) FILTER (WHERE candidate.due > here.arrived_at)"
        if roll
        else "min(candidate.due)",
        wanted="moved.day >= here.today" if roll else "TRUE",
        is_past="FALSE" if roll else "target.due <= here.arrived_at",
        day=_nth(day) if is_weekday else DAY_OF_MONTH,
    )
    given = {f"{part}_field": str(settings[part]["field_id"]) for part in _parts_read(settings)}
    return aimed, {**given, "at": settings["time"] or None, **_offset(settings)}


def fields_of(settings: Mapping[str, Any]) -> set[int]:
    """Return the ids of the profile fields that a wait reads."""
    if settings["mode"] == "until_field":
        return {settings["field_id"]}
    if settings["mode"] == "until_parts":
        return {settings[part]["field_id"] for part in _parts_read(settings)}
    return set()


def _arrived(columns: str, zone: str) -> str:
    """Join what the columns and the zone ask for, no more."""
    more = [CONTACT] if "contact." in zone else []
    more += [ENROLLED] if "enrolled." in columns else []
    return ARRIVED.format(columns=columns, zone=zone, more=" ".join(more))


def _parts_read(settings: Mapping[str, Any]) -> list[str]:
    return [name for name in ("day", "month", "year") if "field_id" in (settings[name] or {})]


def _offset(settings: Mapping[str, Any]) -> dict[str, int]:
    return {"months": settings["offset"]["months"], "days": settings["offset"]["days"]}


def _part(name: str, part: Mapping[str, Any] | None) -> str:
    """Return the SQL of a part's number: its own, the entry's, a field's, the arrival's."""
    part = part or {}
    if "number" in part:
        return str(int(part["number"]))
    if "field_id" in part:
        source = f"({date_of(f'subscription.profile ->> %({name}_field)s')})"
    else:
        source = ENTERED_AT if part.get("entry") else ARRIVED_AT
    return f"extract({name} FROM {source})::integer"


def _time(written: str) -> str:
    if written == "entry":
        return f"{ENTERED_AT}::time"
    return "%(at)s::time" if written else f"{ARRIVED_AT}::time"


def _nth(day: Mapping[str, Any]) -> str:
    nth = LAST if day["nth"] == "last" else int(day["nth"])
    return NTH_WEEKDAY.format(weekday=int(day["weekday"]), days=7 * (nth - 1))


def date_of(text: str) -> str:
    """Return the SQL expression of the date that a text holds, NULL where it holds none."""
    return f"({Subject(text=f'({text})', clean=True).date})"
