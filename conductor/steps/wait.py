"""Hold each contact for a time, until a moment, or until a date in its profile.

The clock starts when the contact arrives at the step, not when it entered the conversation.
*For* a duration: P1D is the same time tomorrow, PT24H is 24 hours. *Until* a moment that has
passed, contacts leave at once by *past*. *Until field*: a contact whose field holds no date
leaves at once by *no date*. A changed wait applies to contacts who arrive on the new version.
"""

from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from conductor.steps import (
    END,
    HERE,
    NEXT,
    Arrivals,
    DurationText,
    MomentText,
    Names,
    NameText,
    OffsetText,
    StepConfig,
    StepProblem,
    StepType,
    TimeText,
    ZoneText,
    empty,
    invalid,
    unknown,
)
from contacts.durations import Duration, parse_duration


class UntilField(StepConfig):
    """A date in the profile, shifted by days, at a time of day."""

    field: NameText = ""
    offset: OffsetText = ""
    at: TimeText = ""
    year: Literal["same", "next_occurrence"] = "same"


class WaitConfig(StepConfig):
    """How long: exactly one of the first three."""

    not_yet = {
        "until_parts": "waiting until a day put together from parts",
        "window": "a window of days and hours",
    }

    for_: DurationText = Field("", alias="for")
    until: MomentText = ""
    until_field: UntilField | None = None
    time_zone: ZoneText = ""

    @model_validator(mode="after")
    def one_way(self) -> Self:
        """Refuse two ways to wait in one step."""
        if sum((bool(self.for_), bool(self.until), self.until_field is not None)) > 1:
            raise invalid("A wait has one of for, until and until_field.")
        return self


class Wait(StepType[WaitConfig]):
    """Hold each contact."""

    kind = "wait"
    label = "Wait Step"
    family = "wait"
    icon = "clock"
    keywords = ("Delay", "Pause", "Timer")
    Config = WaitConfig

    def sentence(self, config: WaitConfig) -> str:
        """Say how long."""
        if config.for_:
            return f"Wait {parse_duration(config.for_).sentence()}"
        if config.until:
            return f"Wait until {config.until.replace('T', ' ')}"
        if config.until_field is not None and config.until_field.field:
            return _until_field_sentence(config.until_field)
        return "Choose how long to wait"

    def exits(self, config: WaitConfig) -> dict[str, str]:
        """Go on when it is over; leave at once where there is nothing to wait for."""
        if config.until:
            return {"next": NEXT, "past": NEXT}
        if config.until_field is not None:
            return {"next": NEXT, "past": NEXT, "no_date": END}
        return {"next": NEXT}

    def exit_names(self, config: WaitConfig) -> set[str]:
        """All of them, so that the way to wait may change."""
        return {"next", "past", "no_date"}

    def holds(self, config: WaitConfig) -> bool:
        """Only a wait for a duration surely holds: the others may release at once."""
        return bool(config.for_)

    def problems(self, config: WaitConfig, names: Names) -> list[StepProblem]:
        """Find a missing time, an unknown field, a field that is no date."""
        if config.until_field is not None:
            return _date_problems("until_field.field", config.until_field.field, names)
        if not config.for_ and not config.until:
            return [empty("", "Choose how long to wait.")]
        return []

    def compile(self, config: WaitConfig, names: Names) -> dict[str, Any]:
        """Return the mode and its numbers; a naive `until` stays local to the zone."""
        zone = config.time_zone or names.zone
        if config.for_:
            return {"mode": "for", **_parts(parse_duration(config.for_)), "zone": zone}
        if config.until:
            moment = datetime.fromisoformat(config.until)
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC)
            return {"mode": "until", "until": moment.isoformat(), "zone": zone}
        until = config.until_field or UntilField()
        field = names.field(until.field)
        return {
            "mode": "until_field",
            "field_id": field.pk if field else None,
            "offset": _parts(parse_duration(until.offset or "P0D", signed=True)),
            "at": until.at,
            "year": until.year,
            "zone": zone,
        }

    def execute(self, arrivals: Arrivals) -> None:
        """Release those whose time has come; hold the others until it does."""
        arrivals.run(LET_GO)
        mode = arrivals.settings["mode"]
        if mode == "for":
            hold_for(arrivals)
        elif mode == "until":
            hold_until(arrivals)
        else:
            hold_until_field(arrivals)


# Whose time has come goes on, whatever has become of the contact meanwhile: what a wait
# reads, it reads on arrival only.
LET_GO = f"UPDATE arrivals SET exit = 'next' WHERE {HERE} AND arrivals.is_due"

# A wake-up time by the contact's own clock reads the contact; others read nothing.
HOLD = f"""
    UPDATE arrivals
    SET
        due_at = CASE WHEN {{exit}} IS NULL THEN {{due}} END,
        exit = {{exit}}
    {{source}}
    WHERE {HERE} AND NOT arrivals.is_due {{same}}
"""
CONTACT = "FROM contacts_contact AS contact"
SAME_CONTACT = "AND contact.id = arrivals.contact_id"


def hold_for(arrivals: Arrivals) -> None:
    """Count the duration from the arrival: of all who arrive now it ends at one instant."""
    settings = arrivals.settings
    zone = arrivals.zone(settings["zone"])
    length = f"%(months)s, %(days)s, %(seconds)s::double precision, {zone}"
    due = (
        "CASE WHEN arrivals.arrived_at = %(now)s "
        f"THEN add_duration(%(now)s::timestamptz, {length}) "
        f"ELSE add_duration(arrivals.arrived_at, {length}) END"
    )
    _hold(
        arrivals,
        due=due,
        leave=f"CASE WHEN {due} <= %(now)s THEN 'next' END",
        months=settings["months"],
        days=settings["days"],
        seconds=settings["seconds"],
    )


def hold_until(arrivals: Arrivals) -> None:
    """Hold until the moment; who arrives at it or later leaves by `past`."""
    zone = arrivals.zone(arrivals.settings["zone"])
    due = "%(until)s::timestamptz"
    if datetime.fromisoformat(arrivals.settings["until"]).tzinfo is None:
        due = f"local_instant(%(until)s::timestamp, {zone})"
    leave = (
        f"CASE WHEN {due} <= arrivals.arrived_at THEN 'past' WHEN {due} <= %(now)s THEN 'next' END"
    )
    _hold(arrivals, due=due, leave=leave, until=arrivals.settings["until"])


def _hold(arrivals: Arrivals, *, due: str, leave: str, **params: Any) -> None:
    reads_contact = "contact." in due
    arrivals.run(
        HOLD.format(
            due=due,
            exit=leave,
            source=CONTACT if reads_contact else "",
            same=SAME_CONTACT if reads_contact else "",
        ),
        **params,
    )


# The day is the field's date or, yearly, the first of its anniversaries from the day of
# arrival on (29 February is 28 February in common years), moved by the offset.
HOLD_UNTIL_FIELD = f"""
    UPDATE arrivals
    SET
        due_at = CASE WHEN wake.exit IS NULL THEN wake.due END,
        exit = wake.exit
    FROM (
        SELECT
            target.enrollment_id,
            target.due,
            CASE
                WHEN target.day IS NULL THEN 'no_date'
                WHEN target.day < target.today THEN 'past'
                WHEN target.due <= %(now)s THEN 'next'
            END AS exit
        FROM (
            SELECT
                here.enrollment_id,
                here.today,
                moved.day,
                local_instant(moved.day + coalesce(%(at)s::time, here.clock), here.zone) AS due
            FROM (
                SELECT
                    arrivals.enrollment_id,
                    zone.name AS zone,
                    (arrivals.arrived_at AT TIME ZONE zone.name)::date AS today,
                    (arrivals.arrived_at AT TIME ZONE zone.name)::time AS clock,
                    {{field}} AS day
                FROM arrivals
                INNER JOIN contacts_subscription AS subscription
                    ON subscription.id = arrivals.subscription_id
                INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
                CROSS JOIN LATERAL (SELECT {{zone}} AS name) AS zone
                WHERE {HERE} AND NOT arrivals.is_due
            ) AS here
            CROSS JOIN LATERAL (
                SELECT
                    CASE
                        WHEN min((candidate.day + {{offset}})::date) <= '9999-12-31'
                            THEN min((candidate.day + {{offset}})::date)
                        -- No clock of ours can be set to it: an error, which holds the contact.
                        ELSE (min(candidate.day)::text || ' is too late')::date
                    END AS day
                FROM (
                    SELECT here.day + make_interval(years => turn.years) AS day
                    FROM generate_series({{first_turn}}, {{last_turn}}) AS turn (years)
                ) AS candidate
                WHERE {{fits}}
            ) AS moved
        ) AS target
    ) AS wake
    WHERE {HERE} AND arrivals.enrollment_id = wake.enrollment_id
"""
OFFSET = "make_interval(months => %(months)s, days => %(days)s)"
YEARS_OFF = (
    f"extract(year FROM here.today - {OFFSET})::integer - extract(year FROM here.day)::integer"
)


def hold_until_field(arrivals: Arrivals) -> None:
    """Hold until the profile's date; without one, leave by `no_date`."""
    settings = arrivals.settings
    yearly = settings["year"] == "next_occurrence"
    arrivals.run(
        HOLD_UNTIL_FIELD.format(
            field=date_of("subscription.profile ->> %(field)s"),
            zone=arrivals.zone(settings["zone"]),
            offset=OFFSET,
            first_turn=f"{YEARS_OFF} - 1" if yearly else "0",
            last_turn=f"{YEARS_OFF} + 1" if yearly else "0",
            fits=f"(candidate.day + {OFFSET})::date >= here.today" if yearly else "TRUE",
        ),
        field=str(settings["field_id"]),
        at=settings["at"] or None,
        months=settings["offset"]["months"],
        days=settings["offset"]["days"],
    )


def date_of(text: str) -> str:
    """Return the SQL expression of the date that a text holds, NULL where it holds none."""
    part = f"split_part({text}, '-', %s)::integer"
    year, month, day = (part.replace("%s", number) for number in "123")
    return f"""
        CASE WHEN {text} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$' THEN
            CASE WHEN {year} > 0 AND {month} BETWEEN 1 AND 12 AND {day} > 0 THEN
                CASE
                    WHEN {day} <= extract(
                        DAY FROM make_date({year}, {month}, 1) + interval '1 month' - interval '1 day'
                    ) THEN make_date({year}, {month}, {day})
                END
            END
        END
    """


def _parts(duration: Duration) -> dict[str, float]:
    return {"months": duration.months, "days": duration.days, "seconds": duration.seconds}


def _date_problems(path: str, name: str, names: Names) -> list[StepProblem]:
    if not name:
        return [empty(path, "Choose the field with the date.")]
    field = names.field(name)
    if field is None:
        return [unknown(path, "field", name)]
    if field.data_type != "Date":
        return [StepProblem(path, "wrong_type", f"“{name}” is no date field.")]
    return []


def _until_field_sentence(until: UntilField) -> str:
    """Write `Wait until 3 days before Profile.Birthday at 09:00`."""
    when = until.field
    if until.offset:
        offset = parse_duration(until.offset, signed=True)
        when = f"{offset.sentence()} {'before' if offset.is_negative else 'after'} {when}"
    yearly = ", next anniversary" if until.year == "next_occurrence" else ""
    return f"Wait until {when}{f' at {until.at}' if until.at else ''}{yearly}"


STEP = Wait()
