"""
Rules about messages: what was sent to a contact of the list, and what came back of it.

`sent` and `failed` are asked of deliveries, all else of receipts. Tests are in no rule. A
saved message is found by its name in the copies that were committed of it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

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
from contacts.filters.leaf import STEP_KEY, Config, Heard, LeafType
from contacts.filters.reading import Fault, Reader, within
from contacts.filters.scope import Names, Scope, Test, every
from contacts.filters.sentences import operators_sentence, span
from messaging.models.message import Channel

DELIVERIES = "messaging_delivery AS delivery"
RECEIPTS = (
    "messaging_receipt AS receipt "
    "INNER JOIN messaging_delivery AS delivery ON delivery.id = receipt.delivery_id"
)
# Asked of the delivery itself: its state, and when it came to that.
OF_DELIVERY = {"sent": "delivery.sent_at", "failed": "delivery.queued_at"}


class Trace(LeafType):
    """`{did, conversation, step, saved_message, within | since, count}`, of one channel."""

    channel: ClassVar[Channel]
    noun: ClassVar[str]
    # The setting that names the message.
    named: ClassVar[str]
    # What may have been done, and what is said of it and of its opposite.
    verbs: ClassVar[Mapping[str, tuple[str, str]]]

    def read(self, reader: Reader, written: Mapping[str, Any], path: str) -> Config:
        """Read what was done, of which message, in which window, how often."""
        keys = ("did", "conversation", "step", self.named, "within", "since", "count")
        given = reader.mapping(written, path, keys, f"A rule about {self.noun}s")
        if "did" not in given:
            reader.fault(path, f"Say what was done: did: {' | '.join(self.verbs)}.")
        config: Config = {
            "did": reader.choice(given.get("did", "sent"), within(path, "did"), self.verbs)
        }
        for key in ("conversation", "step", self.named):
            if key in given:
                config[key] = reader.text(given[key], within(path, key))
        if not STEP_KEY.fullmatch(config.get("step", "step")):
            reader.fault(within(path, "step"), f"{config['step']!r} is no step's key.")
        config.update(read_window(reader, given, path))
        if "count" in given:
            config["count"] = read_number(reader, given["count"], within(path, "count"))
        return config

    def problems(self, config: Config, names: Names, path: str) -> list[Fault]:
        """Ask for the conversation and the message."""
        found = []
        if "conversation" in config and names.conversation(config["conversation"]) is None:
            text = f"There is no conversation “{config['conversation']}” on this list."
            found.append((within(path, "conversation"), text))
        if self.named in config and not self.is_message(config[self.named], names):
            text = f"There is no {self.noun} “{config[self.named]}” on this list."
            found.append((within(path, self.named), text))
        return found

    def is_message(self, name: str, names: Names) -> bool:
        """Say whether the list has such a message."""
        raise NotImplementedError

    def resolve(self, config: Config, names: Names) -> Config:
        """Name the list and the conversation by their ids."""
        kept = {key: value for key, value in config.items() if key != "conversation"}
        resolved: Config = {**kept, "list_id": names.list.pk}
        if "conversation" in config:
            found = names.conversation(config["conversation"])
            if found is None:
                raise LookupError(config["conversation"])
            resolved["conversation_id"] = found.conversation_id
        return resolved

    def test(self, resolved: Config, scope: Scope) -> Test:
        """Look for one where one is enough, else count them."""
        if _is_of_this_visit(resolved) and not scope.enrolled:
            return Test("false")
        return once_there(resolved, self._asked(resolved, scope), scope)

    def moments(self, resolved: Config, clock: Clock) -> list[str]:
        """Ask again when one comes into or leaves the window."""
        if _is_of_this_visit(resolved):
            return []
        table, at, contact = _source(resolved)
        recorded = at if table == DELIVERIES else "receipt.recorded_at"
        conditions = self.conditions(resolved, clock.scope)
        span_ = resolved.get("within")
        return [
            clock.of_facts(
                table,
                contact,
                [*conditions, *clock.recent(at, recorded, span_)],
                [clock.window(at, recorded, span_)],
            )
        ]

    def hears(self, resolved: Config) -> set[Heard]:
        """Hear of what is sent and fails, or of what comes back."""
        return {("delivery" if resolved["did"] in OF_DELIVERY else "receipt", None, None)}

    def asks_enrollment(self, config: Config) -> bool:
        """Take a step without a conversation for one of the conversation that asks."""
        return super().asks_enrollment(config) or (
            "step" in config and "conversation" not in config
        )

    def steps_named(self, config: Config) -> list[tuple[str, str]]:
        """Name the step that is meant in the conversation that asks."""
        own = [] if "conversation" in config or "step" not in config else [(config["step"], "step")]
        return super().steps_named(config) + own

    def sentence(self, config: Config, *, negated: bool) -> str:
        """Say `opened “We miss you” in the last 3 days`."""
        words = f"{self.verbs[config['did']][negated]} "
        words += f"“{config[self.named]}”" if self.named in config else f"a {self.noun}"
        if "step" in config:
            words += f" of step {config['step']}"
        if "conversation" in config:
            words += f" of {config['conversation']}"
        words += span(config)
        return words + (
            f", {operators_sentence('count', config['count'])}" if "count" in config else ""
        )

    def _asked(self, resolved: Config, scope: Scope) -> Test:
        table, at, contact = _source(resolved)
        conditions = self.conditions(resolved, scope)
        recorded = at if table == DELIVERIES else "receipt.recorded_at"
        conditions += window_tests(resolved, at, recorded, scope)
        count = resolved.get("count", AT_LEAST_ONE)
        if is_any(count):
            return some(table, [f"{contact} = subscription.contact_id", *conditions])
        return aggregated(
            table,
            contact,
            conditions,
            every(number_tests(count, "count(*)", scope)),
            empty=holds_for_nothing(count),
            scope=scope,
        )

    def conditions(self, resolved: Config, scope: Scope) -> list[str]:
        """Return what keeps the deliveries or receipts that are meant, at whatever time."""
        list_id = scope.bind(int(resolved["list_id"]), "bigint")
        did = scope.bind(resolved["did"], "text")
        channel = scope.bind(self.channel.value, "text")
        asked = [
            f"delivery.list_id = {list_id}",
            f"delivery.channel = {channel}",
            "NOT delivery.is_test",
            f"delivery.state = {did}"
            if resolved["did"] in OF_DELIVERY
            else f"receipt.kind = {did}",
        ]
        if "conversation_id" in resolved:
            number = scope.bind(int(resolved["conversation_id"]), "bigint")
            asked.append(f"delivery.conversation_id = {number}")
        elif "step" in resolved:
            asked.append("delivery.conversation_id = enrollment.conversation_id")
        if "step" in resolved:
            asked.append(f"delivery.step_key = {scope.bind(resolved['step'], 'text')}")
        if self.named in resolved:
            name = scope.bind(resolved[self.named], "text")
            asked.append(
                "delivery.message_id = ANY(ARRAY(SELECT committed.id "
                "FROM messaging_committedmessage AS committed "
                f"WHERE committed.list_id = {list_id} AND committed.channel = {channel} "
                f"AND committed.name = {name}))"
            )
        return asked


def _is_of_this_visit(resolved: Config) -> bool:
    return "step" in resolved and "conversation_id" not in resolved


def _source(resolved: Config) -> tuple[str, str, str]:
    """Return the tables that are asked, the column of the time, and that of the contact."""
    if resolved["did"] in OF_DELIVERY:
        return DELIVERIES, OF_DELIVERY[resolved["did"]], "delivery.contact_id"
    return RECEIPTS, "receipt.occurred_at", "receipt.contact_id"
