"""Subscription: how the contact stands with the list, since when and by which way."""

from collections.abc import Mapping
from typing import Any

from contacts.durations import parse_duration
from contacts.filters.clock import Clock
from contacts.filters.leaf import Config, Heard, LeafType
from contacts.filters.reading import Reader, within
from contacts.filters.scope import Scope, Test, every
from contacts.filters.sentences import listed, span
from contacts.filters.values import value_tests
from contacts.models import SubscriptionState

# When the present state began, and how it came about.
BEGAN = (
    "CASE subscription.state WHEN 'Unsubscribed' THEN subscription.unsubscribed_at "
    "WHEN 'Pending' THEN subscription.created_at "
    "ELSE greatest(subscription.subscribed_at, subscription.resubscribed_at) END"
)
METHOD = (
    "CASE subscription.state WHEN 'Unsubscribed' THEN subscription.unsubscribe_method "
    "ELSE subscription.subscribe_method END"
)

CHANGED_BY = ("added", "subscribed", "resubscribed", "unsubscribed")


class SubscriptionLeaf(LeafType):
    """`{subscription: {state, within, method}}`; `within` is of the state's beginning."""

    kind = "subscription"

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """Read the state, the window and the method: at least one of them."""
        given = reader.mapping(written, path, ("state", "within", "method"), "A subscription rule")
        if not written:
            reader.fault(path, "This says nothing: give state, within or method.")
        config: Config = {}
        if "state" in given:
            config["state"] = _state(reader, given["state"], within(path, "state"))
        if "within" in given:
            config["within"] = reader.duration(given["within"], within(path, "within"))
        if "method" in given:
            config["method"] = reader.texts(given["method"], within(path, "method"))
        return config

    def test(self, resolved: Config, scope: Scope) -> Test:
        """Ask the subscription's own columns."""
        tests: list[Test] = []
        if "state" in resolved:
            states = resolved["state"]
            states = states if isinstance(states, list) else [states]
            bound = ", ".join(scope.bind(state, "text") for state in states)
            tests.append(Test(f"subscription.state IN ({bound})"))
        if "within" in resolved:
            start = scope.ago(parse_duration(resolved["within"]))
            tests.append(Test(f"{BEGAN} BETWEEN {start} AND {scope.now}", nullable=True))
        if "method" in resolved:
            methods = resolved["method"]
            operators = {"in": methods if isinstance(methods, list) else [methods]}
            tests += value_tests(operators, "text", METHOD, scope)
        return every(tests)

    def moments(self, resolved: Config, clock: Clock) -> list[str]:
        """Ask again when the state's beginning leaves the window."""
        if "within" not in resolved:
            return []
        return [clock.window(f"({BEGAN})", f"({BEGAN})", resolved["within"])]

    def hears(self, resolved: Config) -> set[Heard]:
        """Return the facts that may change the answer."""
        return {(kind, None, None) for kind in CHANGED_BY}

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say `is Subscribed in the last 3 days by Popup`."""
        state = listed(config.get("state", "on the list"))
        by = f" by {listed(config['method'])}" if "method" in config else ""
        return f"{'is not' if negated else 'is'} {state}{span(config)}{by}"


def _state(reader: Reader, value: Any, path: str) -> str | list[str]:
    def one(item: Any, at: str) -> str:
        return reader.choice(item, at, SubscriptionState.values)

    return reader.several(value, path, one) if isinstance(value, list) else one(value, path)


LEAF = SubscriptionLeaf()
