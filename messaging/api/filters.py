"""The wire's filter grammar, in our rules."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from accounts.actions import InvalidValueError
from accounts.models import List
from accounts.wire import InvalidParameterError, WireIn
from contacts.actions.segments import check_rule
from contacts.filters.values import FAMILY_OF_TYPE
from contacts.identity import read_date
from contacts.models import ProfileField

# More would be no filter but an attack; deeper ones end as malformed JSON.
MOST_TESTS = 200
JOINS = ("And", "AndNot", "Or", "OrNot")
# How many values each comparison takes.
VALUES = {
    **dict.fromkeys(("Between", "NotBetween"), 2),
    **dict.fromkeys(("Contains", "NotContains", "Equals", "NotEquals", "GreaterThan"), 1),
    **dict.fromkeys(("GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"), 1),
    **dict.fromkeys(("InCommaList", "NotInCommaList"), 1),
    **dict.fromkeys(("Checked", "NotChecked", "RadioOn", "RadioOff", "IsEmpty", "IsNotEmpty"), 0),
}
Rule = dict[str, Any]


class FilterValueIn(WireIn):
    """A value to compare with."""

    value: str = ""


class FilterIn(WireIn):
    """
    A test of a profile field, or filters within it; from the second sibling on with a join.

    A key that it does not know is refused: passed over, it would widen the audience.
    """

    segmentation_field_group: str = ""
    segmentation_field: str = ""
    join_type: str = ""
    compare_type: str = ""
    values: list[FilterValueIn] = []
    filters: list["FilterIn"] = []

    @model_validator(mode="before")
    @classmethod
    def refuse_other_keys(cls, data: Any) -> Any:
        """Name a key that says nothing to us, such as a misspelt one."""
        return refuse_unknown(cls, data)


def refuse_unknown(known_by: type[WireIn], data: Any) -> Any:
    """Return what was given; a key that none of the fields of `known_by` has is refused."""
    known = {str(field.alias or name).lower() for name, field in known_by.model_fields.items()}
    for key in data if isinstance(data, dict) else ():
        if str(key).lower() not in known:
            raise PydanticCustomError("unknown", "unknown key", {"parameter": str(key)[:60]})
    return data


def resolved_filter(in_list: List, given: FilterIn) -> Rule | None:
    """
    Return a filter as a resolved rule; None where it asks for nothing.

    Siblings are joined from left to right, as they stand: no join binds more than another.
    Only a wholly empty filter asks for nothing: one that says anything else is for fewer than
    everybody, or is wrong.

    :raises InvalidParameterError: naming the part that is none.
    """
    if given == FilterIn():
        return None
    fields = {
        (field.group.name.lower(), field.name.lower()): field
        for field in ProfileField.objects.filter(list=in_list).select_related("group")
    }
    if size(given) > MOST_TESTS:
        raise InvalidParameterError("filter")
    try:
        return check_rule(list=in_list, rule=Reader(fields).node(given))[1]
    except InvalidValueError as bad:
        raise InvalidParameterError("filter", bad.message) from bad


def size(given: FilterIn) -> int:
    """Count the tests of a filter."""
    return 1 + sum(size(each) for each in given.filters)


class Reader:
    """Turns the wire's filters into rules; `fields` by the names of group and field."""

    def __init__(self, fields: dict[tuple[str, str], ProfileField]) -> None:
        self.fields = fields

    def node(self, given: FilterIn) -> Rule:
        """
        Return one filter: what is within it, or its own test.

        :raises InvalidParameterError: naming `filters`, for one that has both.
        """
        if not given.filters:
            return self.test(given)
        own = (given.segmentation_field_group, given.segmentation_field, given.compare_type)
        if any(text.strip() for text in own) or given.values:
            raise InvalidParameterError("filters", "A filter has filters, or a test of its own.")
        return self.siblings(given.filters)

    def siblings(self, given: Sequence[FilterIn]) -> Rule:
        """Join siblings from left to right."""
        rule = self.node(given[0])
        for each in given[1:]:
            join = chosen("joinType", each.join_type, JOINS)
            right = self.node(each)
            if join.endswith("Not"):
                right = {"not": right}
            rule = {"all" if join.startswith("And") else "any": [rule, right]}
        return rule

    def test(self, given: FilterIn) -> Rule:
        """Return the test of one field."""
        group = given.segmentation_field_group.strip().lower()
        field = self.fields.get((group, given.segmentation_field.strip().lower()))
        if field is None:
            raise InvalidParameterError("segmentationField")
        compare = chosen("compareType", given.compare_type, tuple(VALUES))
        if len(given.values) != VALUES[compare]:
            raise InvalidParameterError("values")
        values = [each.value for each in given.values]
        family = FAMILY_OF_TYPE[field.data_type]
        return Comparison(f"{field.group.name}.{field.name}", family).rule(compare, values)


class Comparison:
    """What one field is compared with."""

    def __init__(self, name: str, family: str) -> None:
        self.name, self.family = name, family
        read: dict[str, Callable[[str], Any]] = {"number": number, "date": day}
        self.read = read.get(family, str)

    def has(self, **operators: Any) -> Rule:
        """Return a rule on the field."""
        return {"field": self.name, **operators}

    def rule(self, compare: str, values: Sequence[str]) -> Rule:
        """Return the rule of a comparison."""
        if compare.startswith("Not") and compare != "NotChecked":
            return {"not": self.rule(compare.removeprefix("Not"), values)}
        fixed = FIXED.get(compare)
        if fixed is not None:
            return self.has(**fixed)
        if compare == "Contains":
            return self.has(contains=values[0])
        if compare == "InCommaList":
            return self.among([part.strip() for part in values[0].split(",") if part.strip()])
        read = [self.read(value) for value in values]
        if compare == "Between":
            return self.has(between=read)
        if compare == "Equals":
            return self.has(**{"on" if self.family == "date" else "is": read[0]})
        return self.ordered(compare, read[0])

    def among(self, parts: Sequence[str]) -> Rule:
        """Return a rule for one of several values."""
        if not parts:
            raise InvalidParameterError("values")
        if self.family in {"number", "date"}:
            return {"any": [self.rule("Equals", [part]) for part in parts]}
        return self.has(**{"in": list(parts)})

    def ordered(self, compare: str, value: Any) -> Rule:
        """Return a rule for what is greater or less, or as much."""
        if self.family == "date":
            beyond = self.has(**{"after" if compare.startswith("Greater") else "before": value})
            if compare.endswith("OrEqualTo"):
                return {"any": [beyond, self.has(on=value)]}
            return beyond
        return self.has(**{ORDERED[compare]: value})


FIXED: dict[str, Rule] = {
    "Checked": {"checked": True},
    "NotChecked": {"checked": False},
    "RadioOn": {"is": "on"},
    "RadioOff": {"is_not": "on"},
    "IsEmpty": {"empty": True},
    "IsNotEmpty": {"empty": False},
}
ORDERED = {
    "GreaterThan": "more_than",
    "GreaterThanOrEqualTo": "at_least",
    "LessThan": "less_than",
    "LessThanOrEqualTo": "at_most",
}


def chosen(parameter: str, text: str, known: Sequence[str]) -> str:
    """Return the known word that is meant, in any case."""
    for word in known:
        if word.lower() == text.strip().lower():
            return word
    raise InvalidParameterError(parameter)


def number(text: str) -> float | int:
    """Return a number."""
    try:
        value = float(text)
    except ValueError as unreadable:
        raise InvalidParameterError("values") from unreadable
    if value != value or abs(value) > 1e15:
        raise InvalidParameterError("values")
    return int(value) if value.is_integer() else value


def day(text: str) -> str:
    """Return a date as rules have it."""
    try:
        return read_date(text).isoformat()
    except InvalidValueError as unreadable:
        raise InvalidParameterError("values") from unreadable


__all__ = ["FilterIn", "refuse_unknown", "resolved_filter"]
