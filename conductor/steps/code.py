"""Decide and compute in a few lines of JavaScript.

The script is the body of a function of `contact`, `fields` (by `Group.Field`), `entry`, `now` and
`draw` (0 to 9,999, the visit's own chance). It returns `{exit, set}`: the way out (left out:
*next*) and the fields to write (null clears one). It has no clock, no chance and no network, and
a fixed amount of fuel: the same contact always gets the same answer. What does not come to a
good end (an error, no fuel left, a value that a field cannot hold, an exit that there is not)
leaves by *failed*, and nothing is set.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from accounts.actions import InvalidValueError
from conductor import code
from conductor.steps import (
    DRAW,
    HERE,
    NEXT,
    THESE,
    Arrivals,
    ExitName,
    Names,
    StepConfig,
    StepProblem,
    StepType,
    empty,
    hold_here,
    invalid,
)
from contacts.actions.profiles import write_profiles
from contacts.models import ProfileField
from contacts.values import clean_value

MOST_SOURCE = 20_000
MOST_EXITS = 20
MOST_FIELDS = 100
FAILED = "failed"
# How many contacts are handed over at once: few at first, since a script that burns its fuel
# takes 15 ms of each, more while they are quick. Who has not had a turn when the tick has no
# time left is due at once, in the next one; one of each step always has.
FIRST_CHUNK, CHUNK = 20, 200
QUICK = 0.02

# Who is here and has not been told a way out, with all that the script is given.
INPUT = f"""
    SELECT
        arrivals.enrollment_id,
        arrivals.subscription_id,
        subscription.profile::text,
        jsonb_build_object(
            'email', coalesce(contact.email, contact.email_norm),
            'phone', contact.phone_e164,
            'external_id', contact.external_id,
            'first_name', contact.first_name,
            'last_name', contact.last_name,
            'birthday', contact.birthday,
            'postal_code', contact.postal_code,
            'time_zone', contact.time_zone,
            'locale', contact.locale
        )::text,
        jsonb_build_object(
            'kind', enrolled.entry_kind,
            'event', event.name,
            'thread', enrolled.entry_thread,
            'method', enrolled.entry_method,
            'number', enrolled.entry_number,
            'properties', enrolled.entry_properties
        )::text,
        enrolled.entered_at,
        {DRAW},
        enrolled.list_id,
        enrolled.depth
    FROM arrivals
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    INNER JOIN contacts_subscription AS subscription
        ON subscription.id = arrivals.subscription_id
    INNER JOIN contacts_contact AS contact ON contact.id = subscription.contact_id
    LEFT JOIN contacts_externalevent AS event ON event.id = enrolled.entry_external_event_id
    WHERE {HERE} AND arrivals.exit IS NULL AND arrivals.held_reason IS NULL
    ORDER BY arrivals.enrollment_id
"""
LEAVE = f"""
    UPDATE arrivals
    SET exit = decided.exit, due_at = NULL
    FROM jsonb_to_recordset(%(decided)s::jsonb) AS decided (enrollment_id bigint, exit text)
    WHERE {THESE} AND arrivals.enrollment_id = decided.enrollment_id
"""
WRITTEN = """
    SELECT written.subscription_id, written.given, written.depth
    FROM jsonb_to_recordset(%(written)s::jsonb) AS written (
        subscription_id bigint, given jsonb, depth integer
    )
"""
# The next tick takes up who has had no turn in this one.
LATER = f"""
    UPDATE arrivals
    SET due_at = %(now)s
    WHERE {HERE} AND arrivals.exit IS NULL AND arrivals.held_reason IS NULL
"""


class CodeConfig(StepConfig):
    """The script, and the exits that it may name beside next and failed."""

    source: Annotated[str, StringConstraints(max_length=MOST_SOURCE)] = ""
    exits: list[ExitName] = Field(default_factory=list, max_length=MOST_EXITS)

    @field_validator("exits")
    @classmethod
    def each_once(cls, exits: list[str]) -> list[str]:
        """Refuse an exit named twice, and those that every script has."""
        if len(set(exits)) < len(exits):
            raise invalid("Two exits have the same name.")
        if {"next", FAILED} & {*exits}:
            raise invalid("Every code step has the exits next and failed.")
        return exits


@dataclass(frozen=True)
class Row:
    """One contact at the step, as `INPUT` gives it."""

    enrollment_id: int
    subscription_id: int
    profile: Mapping[str, Any]
    contact: Mapping[str, Any]
    entry: Mapping[str, Any]
    draw: int
    list_id: int
    depth: int


@dataclass(frozen=True)
class Decided:
    """Where a contact goes, what is written, and why it failed, if it did."""

    exit: str
    values: Mapping[str, Any]
    reason: str = ""


class WrongAnswerError(ValueError):
    """An answer that cannot be used; the message is the reason that is counted."""


class Code(StepType[CodeConfig]):
    """Run a script."""

    kind = "code"
    label = "Code"
    family = "decision"
    icon = "code"
    keywords = ("JavaScript", "Script", "Function", "Formula")
    Config = CodeConfig

    def sentence(self, config: CodeConfig) -> str:
        """Show the first line that says something."""
        lines = (line.strip() for line in config.source.splitlines())
        said = next((line.lstrip("/ ") for line in lines if line.strip("/ ")), "")
        return f"Run: {said[:80]}" if said else "Write what to do"

    def exits(self, config: CodeConfig) -> dict[str, str]:
        """Name those of the script, then next and failed."""
        return dict.fromkeys([*config.exits, "next", FAILED], NEXT)

    def problems(self, config: CodeConfig, names: Names) -> list[StepProblem]:
        """Find what does not compile, by its line."""
        if not config.source.strip():
            return [empty("source", "Write the script: at least return {}.")]
        found = code.check(config.source)
        if not found.fault:
            return []
        line = f"Line {found.line}: " if found.line else ""
        return [StepProblem("source", "does_not_compile", f"{line}{found.fault}.")]

    def compile(self, config: CodeConfig, names: Names) -> dict[str, Any]:
        """Return the script and all exits."""
        return {"source": config.source, "exits": list(self.exits(config))}

    def execute(self, arrivals: Arrivals) -> None:
        """Run the script for each contact; write what they set in one statement."""
        rows = [read_row(row, arrivals) for row in arrivals.fetch(INPUT)]
        if not rows:
            return
        fields = fields_of({row.list_id for row in rows})
        done: list[tuple[Row, Decided]] = []
        place, size = 0, 1 if arrivals.budget.is_spent else FIRST_CHUNK
        while place < len(rows):
            chunk, left = rows[place : place + size], arrivals.budget.left
            with arrivals.budget.spending():
                answers = run(arrivals, chunk, fields)
            for row, ran in zip(chunk, answers, strict=True):
                if ran.is_broken:
                    hold(arrivals, row, ran.fault)
                else:
                    done.append((row, decide(ran, arrivals.settings, fields[row.list_id])))
            place += size
            if arrivals.budget.is_spent:
                break
            if left - arrivals.budget.left < QUICK:
                size = min(CHUNK, size * 2)
        write(arrivals, done)
        if place < len(rows):
            arrivals.run(LATER)


class Fields:
    """A list's fields, by id and by name in any case."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.by_name: dict[str, ProfileField] = {}

    def add(self, field: ProfileField) -> None:
        """Take up a field."""
        name = f"{field.group.name}.{field.name}"
        self.names[str(field.pk)] = name
        self.by_name[name.lower()] = field


def fields_of(lists: set[int]) -> dict[int, Fields]:
    """Return the fields of lists: one query."""
    found = {list_id: Fields() for list_id in lists}
    for field in ProfileField.objects.filter(list__in=lists).select_related("group"):
        found[field.list_id].add(field)
    return found


def read_row(row: Sequence[Any], arrivals: Arrivals) -> Row:
    """Read a row of INPUT."""
    entry = json.loads(row[4])
    entry["entered_at"] = row[5].astimezone(UTC).isoformat()
    return Row(
        enrollment_id=row[0],
        subscription_id=row[1],
        profile=json.loads(row[2]),
        contact={name: value for name, value in json.loads(row[3]).items() if value},
        entry=entry,
        draw=row[6],
        list_id=row[7],
        depth=row[8],
    )


def run(arrivals: Arrivals, rows: Sequence[Row], fields: Mapping[int, Fields]) -> list[code.Ran]:
    """Run the script over a part of the contacts."""
    now = arrivals.given()["now"].astimezone(UTC).isoformat()
    return code.run(
        arrivals.settings["source"],
        [
            {
                "contact": row.contact,
                "fields": {
                    fields[row.list_id].names[key]: value
                    for key, value in sorted(row.profile.items())
                    if key in fields[row.list_id].names
                },
                "entry": row.entry,
                "now": now,
                "draw": row.draw,
            }
            for row in rows
        ],
    )


def decide(ran: code.Ran, settings: Mapping[str, Any], fields: Fields) -> Decided:
    """Return what an answer means; one that cannot be used is `failed`, with its reason."""
    if ran.fault:
        is_out = ran.fault == "out of fuel"
        return Decided(FAILED, {}, ran.fault if is_out else "error")
    try:
        return Decided(exit_of(ran.result, settings["exits"]), values_of(ran.result, fields))
    except WrongAnswerError as wrong:
        return Decided(FAILED, {}, str(wrong))


def exit_of(result: Any, exits: Sequence[str]) -> str:
    """
    Return the exit that an answer names.

    :raises WrongAnswerError: for an answer that is no object, or has none of the exits.
    """
    if not isinstance(result, dict) or {*result} - {"exit", "set"}:
        raise WrongAnswerError("wrong type")
    name = result.get("exit")
    if name is None:
        return "next"
    if not isinstance(name, str):
        raise WrongAnswerError("wrong type")
    if name not in exits:
        raise WrongAnswerError("unknown exit")
    return name


def values_of(result: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """
    Return what an answer sets, {field id: value as the field holds it}.

    :raises WrongAnswerError: for fields that there are not, values that do not fit.
    """
    given = result.get("set")
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > MOST_FIELDS:
        raise WrongAnswerError("wrong type")
    values = {}
    for name, value in given.items():
        field = fields.by_name.get(name.lower())
        if field is None:
            raise WrongAnswerError("unknown field")
        values[str(field.pk)] = value_of(field, value)
    return values


LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def value_of(field: ProfileField, value: Any) -> Any:
    """
    Return a value as its field holds it.

    :raises WrongAnswerError: where the field cannot hold it.
    """
    if isinstance(value, dict | list) or (isinstance(value, str) and LONE_SURROGATE.search(value)):
        raise WrongAnswerError("wrong type")
    try:
        return clean_value(field, value)
    except InvalidValueError as unfit:
        raise WrongAnswerError("wrong type") from unfit


def hold(arrivals: Arrivals, row: Row, reason: str) -> None:
    """Hold the one whose run broke the sandbox."""
    hold_here(
        arrivals,
        f"step_error {reason}",
        "arrivals.enrollment_id = %(enrollment_id)s",
        enrollment_id=row.enrollment_id,
    )


def write(arrivals: Arrivals, done: Sequence[tuple[Row, Decided]]) -> None:
    """Name the exits, write the values, count the failures: one statement each."""
    arrivals.run(
        LEAVE,
        decided=json.dumps(
            [{"enrollment_id": row.enrollment_id, "exit": decided.exit} for row, decided in done]
        ),
    )
    written = [
        {
            "subscription_id": row.subscription_id,
            "given": decided.values,
            "depth": row.depth + 1,
        }
        for row, decided in done
        if decided.values
    ]
    if written:
        given = arrivals.given()
        write_profiles(WRITTEN, now=given["now"], method="code", written=json.dumps(written))
    for reason, count in Counter(decided.reason for _, decided in done).items():
        if reason:
            arrivals.tally(f"code failed: {reason}", count)


STEP = Code()
