"""Entry: how this enrollment began; false of a contact that is in no conversation."""

from collections.abc import Mapping
from typing import Any

from contacts.filters.leaf import Config, LeafType
from contacts.filters.properties import property_sentence, property_tests, read_property
from contacts.filters.reading import Fault, Reader, within
from contacts.filters.scope import Names, Scope, Test, every
from contacts.filters.sentences import listed
from contacts.filters.values import value_tests

KEYS = ("event", "thread", "method", "property")


class Entry(LeafType):
    """`{entry: {event, thread, method, property}}`; all that is given must hold."""

    kind = "entry"

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """Read the event, thread, method and property: at least one of them."""
        given = reader.mapping(written, path, KEYS, "An entry rule")
        if not written:
            reader.fault(path, f"This says nothing: give at least one of {', '.join(KEYS)}.")
        config: Config = {
            key: reader.texts(given[key], within(path, key))
            for key in ("event", "thread", "method")
            if key in given
        }
        if "property" in given:
            config["property"] = _read_properties(reader, given["property"], path)
        return config

    def problems(self, config: Config, names: Names, path: str) -> list[Fault]:
        """Ask for the events."""
        return [
            (within(path, "event"), f"There is no external event “{name}” on this list.")
            for name in _several(config.get("event", []))
            if names.event(name) is None
        ]

    def resolve(self, config: Config, names: Names) -> Config:
        """Name the events by their ids."""
        resolved = {key: value for key, value in config.items() if key != "event"}
        if "event" in config:
            events = [names.event(name) for name in _several(config["event"])]
            resolved["external_event_ids"] = [event.pk for event in events if event is not None]
        return resolved

    def test(self, resolved: Config, scope: Scope) -> Test:
        """Ask the enrollment's entry_ columns."""
        if not scope.enrolled:
            return Test("false")
        tests: list[Test] = []
        if "external_event_ids" in resolved:
            ids = ", ".join(
                scope.bind(int(event_id), "bigint") for event_id in resolved["external_event_ids"]
            )
            # NULL keeps the list legal where it is empty, and matches nothing.
            tests.append(
                Test(
                    f"enrollment.entry_external_event_id IN ({ids or 'NULL::bigint'})",
                    nullable=True,
                )
            )
        for key in ("thread", "method"):
            if key in resolved:
                operators = {"in": _several(resolved[key])}
                tests += value_tests(operators, "text", f"enrollment.entry_{key}", scope)
        for asked in _several(resolved.get("property", [])):
            tests += property_tests(asked, "enrollment.entry_properties", scope)
        return every(tests)

    def asks_enrollment(self, config: Config) -> bool:
        """Every entry is one of an enrollment."""
        return True

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say `entered by Order Imported`."""
        parts = [f"by {listed(config[key])}" for key in ("event", "method") if key in config]
        if "thread" in config:
            parts.append(f"through {listed(config['thread'])}")
        parts += [f"with {property_sentence(one)}" for one in _several(config.get("property", []))]
        return f"{'did not enter' if negated else 'entered'} {' '.join(parts)}"


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _read_properties(reader: Reader, value: Any, path: str) -> Config | list[Config]:
    def one(item: Any, at: str) -> Config:
        return read_property(reader, item, at)

    at = within(path, "property")
    return reader.several(value, at, one) if isinstance(value, list) else one(value, at)


LEAF = Entry()
