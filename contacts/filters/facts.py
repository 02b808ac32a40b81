"""Rules that count facts of a contact (orders, events) in a window of time."""

from collections.abc import Mapping
from typing import Any

from contacts.durations import parse_duration
from contacts.filters.leaf import ENTRY, STEP_KEY, Config
from contacts.filters.reading import Reader, within
from contacts.filters.scope import Scope, Test, every
from contacts.filters.values import Operators, compare_number, read_operators

AT_LEAST_ONE: Operators = {"at_least": 1}


def read_window(reader: Reader, given: Mapping[str, Any], path: str) -> Config:
    """Read `within` or `since`, not both."""
    if "within" in given and "since" in given:
        reader.fault(within(path, "since"), "Give within or since, not both.")
    if "within" in given:
        return {"within": reader.duration(given["within"], within(path, "within"))}
    if "since" not in given:
        return {}
    since = given["since"]
    if isinstance(since, str) and STEP_KEY.fullmatch(since):
        return {"since": since}
    return {"since": reader.moment(since, within(path, "since"))}


def read_number(reader: Reader, value: Any, path: str) -> Operators:
    """Read what is asked of a count or an amount."""
    if not isinstance(value, dict):
        reader.fault(path, "This is a mapping such as {at_least: 2}.")
        return {}
    return read_operators(reader, value, path, "number")


def window_tests(config: Config, column: str, recorded: str, scope: Scope) -> list[str]:
    """Return conditions that keep facts within the window; a fact counts once both its times have come."""
    tests = [f"{column} <= {scope.now}", f"{recorded} <= {scope.now}"]
    if "within" in config:
        tests.append(f"{column} >= {scope.ago(parse_duration(config['within']))}")
    if "since" in config:
        tests.append(f"{column} >= {_start(config['since'], scope)}")
    return tests


def since_step(config: Config) -> str:
    """Return the key of the step that facts are counted from, "" if from none."""
    since = config.get("since", "")
    return since if since != ENTRY and STEP_KEY.fullmatch(since) else ""


def once_there(config: Config, asked: Test, scope: Scope) -> Test:
    """Make a rule false where there is no entry or no visit to count from."""
    if not STEP_KEY.fullmatch(config.get("since", "")):
        return asked
    if not scope.enrolled:
        return Test("false")
    step = since_step(config)
    return every([Test(f"{_start(step, scope)} IS NOT NULL"), asked]) if step else asked


def _start(since: str, scope: Scope) -> str:
    """Return the moment that a window begins at; NULL where the step was never come to."""
    if since == ENTRY:
        return "enrollment.entered_at"
    if STEP_KEY.fullmatch(since):
        return f"(enrollment.arrived ->> {scope.bind(since, 'text')})::timestamptz"
    return scope.moment(since)


def holds_for_nothing(operators: Operators) -> bool:
    """Say whether what is asked of a count or a sum holds for 0."""
    return all(_compare(name, argument) for name, argument in operators.items())


def _compare(name: str, argument: Any) -> bool:
    if name == "empty":
        return not argument
    if name == "between":
        return bool(argument[0] <= 0 <= argument[1])
    holds: dict[str, bool] = {
        "is": argument == 0,
        "at_least": argument <= 0,
        "at_most": argument >= 0,
        "more_than": argument < 0,
        "less_than": argument > 0,
    }
    return holds[name]


def is_any(operators: Operators) -> bool:
    """Say whether a count is asked to be one or more, no more than that."""
    return operators in (AT_LEAST_ONE, {"more_than": 0})


def number_tests(operators: Operators, expression: str, scope: Scope) -> list[Test]:
    """Compile what is asked of a count or an amount."""
    return [
        compare_number(name, argument, expression, scope.amount)
        for name, argument in operators.items()
    ]


def some(table: str, conditions: list[str]) -> Test:
    """Ask whether there is a row; a planner turns it into a semi-join."""
    return Test(f"EXISTS (SELECT FROM {table} WHERE {' AND '.join(conditions)})")


def aggregated(
    table: str, contact: str, conditions: list[str], having: Test, *, empty: bool, scope: Scope
) -> Test:
    """
    Ask something of all of a contact's rows together.

    `contact` is the rows' column of the contact; `empty` is the answer without rows. In
    a tick each of a few thousand contacts is asked by the index; over a whole list one
    pass over the facts is grouped and joined.
    """
    where = " AND ".join(conditions)
    if not scope.bulk:
        return Test(
            f"(SELECT {having.strict} FROM {table} "
            f"WHERE {contact} = subscription.contact_id AND {where})"
        )
    asked = f"NOT ({having.strict})" if empty else having.sql
    grouped = (
        f"EXISTS (SELECT FROM (SELECT {contact} AS contact_id FROM {table} WHERE {where} "
        f"GROUP BY {contact} HAVING {asked}) AS facts "
        "WHERE facts.contact_id = subscription.contact_id)"
    )
    return Test(f"NOT {grouped}" if empty else grouped)
