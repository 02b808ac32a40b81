"""Field: what the list's profile holds of a contact."""

from collections.abc import Mapping
from typing import Any, cast

from contacts.filters.clock import DAYS, Clock
from contacts.filters.leaf import Config, Heard, LeafType
from contacts.filters.reading import Fault, Reader, within
from contacts.filters.scope import Names, Scope, Test, every
from contacts.filters.sentences import operators_sentence
from contacts.filters.subject import Subject
from contacts.filters.values import FAMILY_OF_TYPE, misfits, read_operators, value_tests


class Field(LeafType):
    """`{field: Group.Field, <operators>}`."""

    kind = "field"
    flat = True

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """Read the field's name and its operators."""
        operators = {key: value for key, value in written.items() if key != "field"}
        return {
            "field": reader.text(written["field"], within(path, "field")),
            **read_operators(reader, operators, path),
        }

    def problems(self, config: Config, names: Names, path: str) -> list[Fault]:
        """Ask for the field, and for operators that go with its data type."""
        field = names.field(config["field"])
        if field is None:
            return [(within(path, "field"), unknown_field(config["field"]))]
        return [
            (within(path, name), text)
            for name, text in misfits(_operators(config), FAMILY_OF_TYPE[field.data_type])
        ]

    def resolve(self, config: Config, names: Names) -> Config:
        """Name the field by its id, with the family of its values."""
        field = names.field(config["field"])
        if field is None:
            raise LookupError(unknown_field(config["field"]))
        family = FAMILY_OF_TYPE[field.data_type]
        return {"field_id": field.pk, "family": family, "operators": _operators(config)}

    def test(self, resolved: Config, scope: Scope) -> Test:
        """Read the value out of the subscription's profile."""
        key = scope.bind(str(int(resolved["field_id"])), "text")
        value = Subject(
            text=f"(subscription.profile ->> {key})",
            json=f"(subscription.profile -> {key})",
            clean=True,
        )
        return every(value_tests(resolved["operators"], resolved["family"], value, scope))

    def moments(self, resolved: Config, clock: Clock) -> list[str]:
        """Ask a date again when it may come to lie in a span about today, or cease to."""
        if resolved["family"] != "date" or not DAYS.keys() & resolved["operators"].keys():
            return []
        key = clock.scope.bind(str(int(resolved["field_id"])), "text")
        day = Subject(text=f"(subscription.profile ->> {key})", clean=True).date
        return clock.days(resolved["operators"], clock.once(day))

    def hears(self, resolved: Config) -> set[Heard]:
        """Return the facts that may change the answer."""
        return {("profile_updated", None, None), ("added", None, None)}

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say `Country is US`; the group's name is left out."""
        name = cast(str, config["field"]).partition(".")[2] or config["field"]
        return operators_sentence(name, _operators(config), negated=negated)


def unknown_field(name: str) -> str:
    """Say that the list has no such field."""
    return f"There is no profile field “{name}” on this list."


def _operators(config: Config) -> Config:
    return {key: value for key, value in config.items() if key != "field"}


LEAF = Field()
