"""
The operators on one value, by what the value is: text, choice, number, date, check box.

`read_operators` knows no data type (a file names fields that need not exist yet): it
checks what every type would refuse. `misfit` then says what a data type refuses, and
`value_tests` compiles. An empty value fails every test but `empty: true`, `is_not`, `not_in`,
`not_contains` and `checked: false`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from contacts.durations import Duration, parse_duration
from contacts.filters.reading import Reader, within
from contacts.filters.scope import Scope, Test
from contacts.filters.subject import Subject, normal

Family = Literal["text", "choice", "number", "date", "check"]
Operators = dict[str, Any]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

CHOICE = ("is", "is_not", "in", "not_in", "empty")
FAMILIES: dict[Family, tuple[str, ...]] = {
    "text": (
        "is", "is_not", "in", "not_in", "contains", "not_contains", "starts_with",
        "ends_with", "empty",
    ),
    "choice": CHOICE,
    "number": ("is", "at_least", "at_most", "more_than", "less_than", "between", "empty"),
    "date": (
        "on", "before", "after", "between", "in_last", "in_next", "anniversary_in", "day",
        "month", "weekday", "empty",
    ),
    "check": ("checked", "empty"),
}  # fmt: skip
FAMILY_WORDS: dict[Family, str] = {
    "text": "a text",
    "choice": "a choice",
    "number": "a number",
    "date": "a date",
    "check": "a check box",
}

FAMILY_OF_TYPE: dict[str, Family] = {
    "Text": "text",
    "CommentArea": "text",
    "ContentBlock": "text",
    "RadioButton": "choice",
    "Numeric": "number",
    "Date": "date",
    "CheckBox": "check",
}


def _pair(reader: Reader, value: Any, path: str) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        reader.fault(path, "This is a list of two values, the lowest and the highest.")
        return [0, 0]
    read = reader.day if all(isinstance(end, str) for end in value) else reader.number
    return [read(end, within(path, index)) for index, end in enumerate(value)]


def _days(reader: Reader, value: Any, path: str) -> str:
    return reader.duration(value, path, calendar=True)


# In the order in which a canonical file writes them.
READERS: dict[str, Callable[[Reader, Any, str], Any]] = {
    "is": Reader.scalar,
    "is_not": Reader.scalar,
    "in": lambda reader, value, path: reader.several(value, path, reader.scalar),
    "not_in": lambda reader, value, path: reader.several(value, path, reader.scalar),
    "contains": Reader.text,
    "not_contains": Reader.text,
    "starts_with": Reader.text,
    "ends_with": Reader.text,
    "at_least": Reader.number,
    "at_most": Reader.number,
    "more_than": Reader.number,
    "less_than": Reader.number,
    "on": Reader.day,
    "before": Reader.day,
    "after": Reader.day,
    "between": _pair,
    "in_last": _days,
    "in_next": _days,
    "anniversary_in": _days,
    "day": lambda reader, value, path: reader.whole(value, path, 1, 31),
    "month": lambda reader, value, path: reader.whole(value, path, 1, 12),
    "weekday": lambda reader, value, path: reader.choice(value, path, WEEKDAYS),
    "checked": Reader.truth,
    "empty": Reader.truth,
}


def read_operators(
    reader: Reader, written: Mapping[str, Any], path: str, family: Family | None = None
) -> Operators:
    """Read the operators of one value: at least one, and those of `family` if given."""
    known = FAMILIES[family] if family else tuple(READERS)
    operators = reader.mapping(dict(written), path, known, "A test of a value")
    if not operators and not set(written) - set(known):
        reader.fault(path, f"This says nothing: give at least one of {', '.join(known)}.")
    read = {
        name: READERS[name](reader, operators[name], within(path, name))
        for name in READERS
        if name in operators
    }
    if family is not None:
        for name, text in misfits(read, family):
            reader.fault(within(path, name), text)
    return read


def misfits(operators: Operators, family: Family) -> list[tuple[str, str]]:
    """Return (operator, sentence) for what does not go with values of this family."""
    found = []
    for name, value in operators.items():
        if name not in FAMILIES[family]:
            found.append(
                (
                    name,
                    f"“{name}” does not go with {FAMILY_WORDS[family]}: "
                    f"only {', '.join(FAMILIES[family])}.",
                )
            )
        elif family == "number" and name == "is" and isinstance(value, str):
            found.append((name, "This is compared with a number."))
        elif name == "between" and isinstance(value[0], str) != (family == "date"):
            found.append((name, f"This is compared with {FAMILY_WORDS[family]}."))
    return found


def family_of(operators: Operators) -> Family:
    """Return the family that operators on a value of no data type speak of."""
    for name, value in operators.items():
        sample = value[0] if isinstance(value, list) else value
        if name in {"is", "between"} and not isinstance(sample, str):
            return "number"
        for family in ("number", "date", "check"):
            if name != "empty" and name in FAMILIES[family] and name not in CHOICE:
                if name == "between":
                    return "date"
                return family
    return "text"


def value_tests(
    operators: Operators, family: Family, value: str | Subject, scope: Scope
) -> list[Test]:
    """Compile operators on a text expression."""
    subject = value if isinstance(value, Subject) else Subject(value)
    compile_one = {
        "text": _text,
        "choice": _text,
        "number": _number,
        "date": _date,
        "check": _check,
    }[family]
    return [compile_one(name, argument, subject, scope) for name, argument in operators.items()]


def _literal(value: str | float, scope: Scope) -> str:
    """Bind what a text is compared with; PostgreSQL folds its case as it does the value's."""
    return normal(scope.bind(_written(value), "text"))


def _written(value: str | float) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_blank(value: str | float) -> bool:
    return not _written(value).strip(" \t\n\r\f\v")


def _text(name: str, argument: Any, value: Subject, scope: Scope) -> Test:
    subject = value.normal
    if name == "empty":
        return Test(f"nullif({subject}, '') IS {'' if argument else 'NOT '}NULL")
    if name in {"in", "not_in", "is", "is_not"}:
        return _one_of(name, argument if isinstance(argument, list) else [argument], value, scope)
    sought = _literal(argument, scope)
    if name == "starts_with":
        return Test(f"starts_with({subject}, {sought})", nullable=True)
    if name == "ends_with":
        return Test(f"right({subject}, length({sought})) = {sought}", nullable=True)
    found = f"strpos({subject}, {sought}) > 0"
    if name == "contains":
        return Test(found, nullable=True)
    return Test(f"({found}) IS NOT TRUE")


def _one_of(name: str, arguments: list[Any], value: Subject, scope: Scope) -> Test:
    # An empty value equals nothing, not even an empty text.
    sought = [_literal(argument, scope) for argument in arguments if not _is_blank(argument)]
    if not sought:
        return Test("true" if name in {"is_not", "not_in"} else "false")
    if len(sought) == 1:
        found = f"{value.normal} = {sought[0]}"
    else:
        found = f"{value.normal} = ANY (ARRAY[{', '.join(sought)}])"
    if name in {"is_not", "not_in"}:
        return Test(f"({found}) IS NOT TRUE")
    return Test(found, nullable=True)


COMPARISONS = {"is": "=", "at_least": ">=", "at_most": "<=", "more_than": ">", "less_than": "<"}


def compare_number(name: str, argument: Any, number: str, bind: Callable[[float], str]) -> Test:
    """Compile one operator on a numeric expression, which is NULL where it is empty."""
    if name == "empty":
        return Test(f"({number}) IS {'' if argument else 'NOT '}NULL")
    if name == "between":
        low, high = (bind(end) for end in argument)
        return Test(f"({number}) BETWEEN {low} AND {high}", nullable=True)
    return Test(f"({number}) {COMPARISONS[name]} {bind(argument)}", nullable=True)


def _number(name: str, argument: Any, value: Subject, scope: Scope) -> Test:
    test = compare_number(name, argument, value.number, scope.number)
    if not value.json:
        return test
    # Typed when written, as nearly all are, it is compared as it is, without a cast.
    typed = compare_number(name, argument, value.json, scope.json_number)
    return Test(
        f"CASE jsonb_typeof({value.json}) WHEN 'number' THEN {typed.sql} ELSE {test.sql} END",
        nullable=name != "empty",
    )


def _check(name: str, argument: Any, value: Subject, scope: Scope) -> Test:
    if name == "empty":
        return _text(name, argument, value, scope)
    found = f"{value.normal} = 'on'"
    return Test(found, nullable=True) if argument else Test(f"({found}) IS NOT TRUE")


def _date(name: str, argument: Any, value: Subject, scope: Scope) -> Test:
    if name in {"on", "before", "after", "between"}:
        # Dates in this form sort as texts, at half the price of a cast.
        ends = argument if isinstance(argument, list) else [argument]
        bound = [scope.bind(end, "text") for end in ends]
        in_range = f'({value.text}) COLLATE "C" {_range(name, bound)}'
        # In one CASE the planner weighs it as a whole, and asks what is cheaper first.
        return Test(f"CASE WHEN {in_range} THEN {value.is_date} END", nullable=True)
    return compare_date(name, argument, value.date, scope)


def compare_date(name: str, argument: Any, date: str, scope: Scope) -> Test:
    """Compile one operator on an expression of type date, NULL where it is empty."""
    if name == "empty":
        return Test(f"({date}) IS {'' if argument else 'NOT '}NULL")
    if name in {"day", "month", "weekday"}:
        part = {"weekday": "isodow"}.get(name, name)
        number = WEEKDAYS.index(argument) + 1 if name == "weekday" else int(argument)
        return Test(f"extract({part} FROM {date}) = {number}", nullable=True)
    if name == "anniversary_in":
        return _anniversary(parse_duration(argument), date, scope)
    if name in {"in_last", "in_next"}:
        bound = [scope.today, scope.today]
        shift = parse_duration(argument)
        bound[name == "in_next"] = _shifted(-shift if name == "in_last" else shift, scope)
        return Test(f"({date}) {_range('between', bound)}", nullable=True)
    ends = argument if isinstance(argument, list) else [argument]
    bound = [scope.bind(end, "date") for end in ends]
    return Test(f"({date}) {_range(name, bound)}", nullable=True)


def _range(name: str, bound: list[str]) -> str:
    if name == "between":
        return f"BETWEEN {bound[0]} AND {bound[1]}"
    sign = {"on": "=", "before": "<", "after": ">="}[name]
    return f"{sign} {bound[0]}"


def _anniversary(duration: Duration, date: str, scope: Scope) -> Test:
    today, last = scope.today, _shifted(duration, scope)
    # A year's interval puts 29 February on the 28th where there is no 29th.
    years = f"(extract(year FROM {today}) - extract(year FROM {date}))::int"
    this = f"(({date}) + make_interval(years => {years}))::date"
    following = f"(({date}) + make_interval(years => {years} + 1))::date"
    return Test(
        f"({this} BETWEEN {today} AND {last} OR {following} BETWEEN {today} AND {last})",
        nullable=True,
    )


def _shifted(duration: Duration, scope: Scope) -> str:
    return (
        f"({scope.today} + make_interval(months => {duration.months:d}, "
        f"days => {duration.days:d}))::date"
    )
