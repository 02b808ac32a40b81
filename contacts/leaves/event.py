"""Event: external events of the contact, counted in a window of time."""

from collections.abc import Mapping
from typing import Any

from contacts.filters.clock import Clock
from contacts.filters.facts import (
    AT_LEAST_ONE,
    aggregated,
    holds_for_nothing,
    is_any,
    number_tests,
    once_there,
    read_number,
    read_window,
    some,
    window_tests,
)
from contacts.filters.leaf import Config, Heard, LeafType
from contacts.filters.properties import (
    property_moments,
    property_sentence,
    property_tests,
    read_property,
)
from contacts.filters.reading import Fault, Reader, within
from contacts.filters.scope import Names, Scope, Test, every
from contacts.filters.sentences import operators_sentence, span

KEYS = ("name", "within", "since", "count", "where")


class EventLeaf(LeafType):
    """`{event: {name, within | since, count, where}}`; `where` asks for properties."""

    kind = "event"

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """Read the event's name, the window, the count and the properties."""
        given = reader.mapping(written, path, KEYS, "An event rule")
        if "name" not in given:
            reader.fault(path, "Name the external event: {event: {name: ...}}.")
        config: Config = {"name": reader.text(given.get("name", "-"), within(path, "name"))}
        config.update(read_window(reader, given, path))
        if "count" in given:
            config["count"] = read_number(reader, given["count"], within(path, "count"))
        if "where" in given:
            config["where"] = _read_where(reader, given["where"], within(path, "where"))
        return config

    def problems(self, config: Config, names: Names, path: str) -> list[Fault]:
        """Ask for the event."""
        if names.event(config["name"]) is None:
            return [(within(path, "name"), unknown_event(config["name"]))]
        return []

    def resolve(self, config: Config, names: Names) -> Config:
        """Name the event by its id."""
        event = names.event(config["name"])
        if event is None:
            raise LookupError(unknown_event(config["name"]))
        rest = {key: value for key, value in config.items() if key != "name"}
        return {"external_event_id": event.pk, **rest}

    def test(self, resolved: Config, scope: Scope) -> Test:
        """Look for one event where one is enough, else count them."""
        return once_there(resolved, _asked(resolved, scope), scope)

    def moments(self, resolved: Config, clock: Clock) -> list[str]:
        """Ask again when an event comes into or leaves the window, or a date a span of days."""
        at, recorded, span_ = "happened.occurred_at", "happened.recorded_at", resolved.get("within")
        where = resolved.get("where", [])
        days = [
            moment
            for asked in (where if isinstance(where, list) else [where])
            for moment in property_moments(asked, "happened.properties", clock)
        ]
        event_id = clock.scope.bind(int(resolved["external_event_id"]), "bigint")
        return [
            clock.of_facts(
                "contacts_event AS happened",
                "happened.contact_id",
                [
                    f"happened.external_event_id = {event_id}",
                    *([] if days else clock.recent(at, recorded, span_)),
                ],
                [clock.window(at, recorded, span_), *days],
            )
        ]

    def hears(self, resolved: Config) -> set[Heard]:
        """Return the facts that may change the answer."""
        return {("external_event", int(resolved["external_event_id"]), None)}

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say `had Cart Abandoned in the last 3 days`."""
        words = f"{'no' if negated else 'had'} {config['name']}{span(config)}"
        if "where" in config:
            where = config["where"]
            asked = where if isinstance(where, list) else [where]
            words += f" where {' and '.join(property_sentence(one) for one in asked)}"
        if "count" in config:
            words += f", {operators_sentence('count', config['count'])}"
        return words


def unknown_event(name: str) -> str:
    """Say that the list has no such event."""
    return f"There is no external event “{name}” on this list."


def _read_where(reader: Reader, value: Any, path: str) -> Config | list[Config]:
    def one(item: Any, at: str) -> Config:
        return read_property(reader, item, at)

    return reader.several(value, path, one) if isinstance(value, list) else one(value, path)


def _asked(resolved: Config, scope: Scope) -> Test:
    event_id = scope.bind(int(resolved["external_event_id"]), "bigint")
    conditions = [
        f"happened.external_event_id = {event_id}",
        *window_tests(resolved, "happened.occurred_at", "happened.recorded_at", scope),
    ]
    where = resolved.get("where", [])
    conditions += [
        every(property_tests(asked, "happened.properties", scope)).sql
        for asked in (where if isinstance(where, list) else [where])
    ]
    count = resolved.get("count", AT_LEAST_ONE)
    if is_any(count):
        return some(
            "contacts_event AS happened",
            ["happened.contact_id = subscription.contact_id", *conditions],
        )
    return aggregated(
        "contacts_event AS happened",
        "happened.contact_id",
        conditions,
        every(number_tests(count, "count(*)", scope)),
        empty=holds_for_nothing(count),
        scope=scope,
    )


LEAF = EventLeaf()
