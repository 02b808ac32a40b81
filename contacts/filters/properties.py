"""Rules over an event's properties: `{name: P, <operators>}`, of no declared data type."""

from typing import TYPE_CHECKING, Any

from contacts.filters.leaf import Config
from contacts.filters.reading import Reader, within
from contacts.filters.scope import Scope, Test
from contacts.filters.sentences import operators_sentence
from contacts.filters.subject import Subject
from contacts.filters.values import family_of, misfits, read_operators, value_tests

if TYPE_CHECKING:
    from contacts.filters.clock import Clock


def read_property(reader: Reader, value: Any, path: str) -> Config:
    """Read a property's name and operators that go together."""
    if not isinstance(value, dict) or "name" not in value:
        reader.fault(path, "This is a mapping such as {name: color, is: red}.")
        return {}
    operators = read_operators(
        reader, {key: item for key, item in value.items() if key != "name"}, path
    )
    for name, text in misfits(operators, family_of(operators)):
        reader.fault(within(path, name), text)
    return {"name": reader.text(value["name"], within(path, "name")), **operators}


def property_tests(config: Config, column: str, scope: Scope) -> list[Test]:
    """Compile what is asked of one property of a jsonb column."""
    operators = {key: value for key, value in config.items() if key != "name"}
    value = f"({column} ->> {scope.bind(config['name'], 'text')})"
    return value_tests(operators, family_of(operators), value, scope)


def property_moments(config: Config, column: str, clock: "Clock") -> list[str]:
    """Return when a property's date may come to lie in a span about today, or cease to."""
    operators = {key: value for key, value in config.items() if key != "name"}
    if family_of(operators) != "date":
        return []
    value = f"({column} ->> {clock.scope.bind(config['name'], 'text')})"
    return clock.days(operators, f"({Subject(value).date})")


def property_sentence(config: Config) -> str:
    """Say `color is red`."""
    operators = {key: value for key, value in config.items() if key != "name"}
    return operators_sentence(config["name"], operators)
