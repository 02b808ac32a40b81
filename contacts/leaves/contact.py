"""Contact: what is known of the person, whatever the list."""

from collections.abc import Mapping
from typing import Any

from contacts.filters.clock import Clock
from contacts.filters.leaf import Config, Heard, LeafType
from contacts.filters.reading import Reader, within
from contacts.filters.scope import Scope, Test, every
from contacts.filters.sentences import operators_sentence
from contacts.filters.values import Family, compare_date, read_operators, value_tests

# What may be asked for: its column and the family of its values.
ATTRIBUTES: dict[str, tuple[str, Family]] = {
    "email": ("email_norm", "text"),
    "phone": ("phone_e164", "text"),
    "external_id": ("external_id", "text"),
    "time_zone": ("time_zone", "text"),
    "locale": ("locale", "text"),
    "first_name": ("first_name", "text"),
    "last_name": ("last_name", "text"),
    "postal_code": ("postal_code", "text"),
    "birthday": ("birthday", "date"),
}


class ContactLeaf(LeafType):
    """`{contact: email, <operators>}`."""

    kind = "contact"
    flat = True

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """Read the attribute and its operators."""
        name = reader.choice(written["contact"], within(path, "contact"), ATTRIBUTES)
        operators = {key: value for key, value in written.items() if key != "contact"}
        return {"contact": name, **read_operators(reader, operators, path, ATTRIBUTES[name][1])}

    def test(self, resolved: Config, scope: Scope) -> Test:
        """Read the contact's column."""
        column, family = ATTRIBUTES[resolved["contact"]]
        operators = {
            key: value for key, value in resolved.items() if key not in {"contact", "leaf"}
        }
        if family == "date":
            return every(
                [
                    compare_date(name, argument, f"contact.{column}", scope)
                    for name, argument in operators.items()
                ]
            )
        return every(value_tests(operators, family, f"contact.{column}", scope))

    def moments(self, resolved: Config, clock: Clock) -> list[str]:
        """Ask a birthday again when it may come to lie in a span about today, or cease to."""
        column, family = ATTRIBUTES[resolved["contact"]]
        return clock.days(resolved, f"contact.{column}") if family == "date" else []

    def hears(self, resolved: Config) -> set[Heard]:
        """Return the facts that may change the answer."""
        return {("contact_updated", None, None)}

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say `first name is Ada`."""
        operators = {key: value for key, value in config.items() if key != "contact"}
        return operators_sentence(config["contact"].replace("_", " "), operators, negated=negated)


LEAF = ContactLeaf()
