"""Rules asked inside a conversation: the plain reading, with entries, visits and segments."""

from copy import copy
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.contacts.filters.oracle import Person as Read
from tests.contacts.filters.oracle import Reading, compare


class Asked(Reading):
    """A rule asked of one person on one list, maybe inside an enrollment."""

    def __init__(
        self,
        *,
        person: Any,
        in_list: str,
        types: dict[str, str],
        now: datetime,
        zone: str,
        segments: Any,
        account_zone: str,
        entry: dict[str, Any] | None = None,
        arrivals: dict[str, datetime] | None = None,
        title: str = "",
    ) -> None:
        standing = person.lists[in_list]
        read = Read(
            contact=person.columns(),
            subscription=standing.row(),
            profile=standing.profile,
            orders=list(person.orders.values()),
            events=[event for event in person.events if event.in_list == in_list],
            entry=entry,
        )
        super().__init__(read, types, now, ZoneInfo(zone))
        self.whole, self.in_list, self.segments = person, in_list, segments
        self.account_zone = account_zone
        self.arrivals, self.title = arrivals or {}, title

    def rule(self, rule: dict[str, Any]) -> bool:
        """Whether a rule holds; facts since a visit that never was are none: false."""
        for leaf in ("purchase", "event", "message", "sms"):
            if leaf in rule and self.counts_from_nothing(rule[leaf]):
                return False
        return bool(super().rule(rule))

    def counts_from_nothing(self, config: dict[str, Any]) -> bool:
        """Whether `since` names a step that was never come to."""
        since = config.get("since")
        return since is not None and not is_moment(since) and since not in self.arrivals

    def start(self, config: dict[str, Any]) -> datetime:
        """Return where the window opens."""
        since = config.get("since", "")
        return self.arrivals[since] if since in self.arrivals else super().start(config)

    def segment(self, name: str) -> bool:
        """Whether the person is in a segment: kept by hand, or by its own rule."""
        segment = self.segments[name]
        if segment.rule is None:
            return self.whole.name in segment.members
        # Its dates are the account's, whoever asks: there is one membership.
        in_account = copy(self)
        in_account.zone = ZoneInfo(self.account_zone)
        in_account.today = self.now.astimezone(in_account.zone).date()
        return in_account.rule(segment.rule)

    def message(self, config: dict[str, Any]) -> bool:
        """Whether enough came of the emails of this list."""
        return self._came_back("email", config)

    def sms(self, config: dict[str, Any]) -> bool:
        """Whether enough came of the texts of this list."""
        return self._came_back("sms", config)

    def _came_back(self, channel: str, config: dict[str, Any]) -> bool:
        title = config.get("conversation") or (self.title if "step" in config else "")
        found = {
            (receipt.conversation, receipt.step, receipt.delivery)
            for receipt in self.whole.receipts
            if (receipt.channel, receipt.did, receipt.in_list)
            == (channel, config["did"], self.in_list)
            and self.in_window(config, receipt.occurred_at, receipt.recorded_at)
            and (not title or receipt.conversation == title)
            and receipt.step == config.get("step", receipt.step)
        }
        operators = config.get("count", {"at_least": 1})
        return all(compare(name, arg, Decimal(len(found))) for name, arg in operators.items())


def is_moment(text: str) -> bool:
    """Whether `since` is a date-time and not a step."""
    return text[:1].isdigit()


def leaves(rule: Any) -> list[dict[str, Any]]:
    """Return the leaves of a rule."""
    if not rule:
        return []
    for group in ("all", "any"):
        if group in rule:
            return [leaf for inner in rule[group] for leaf in leaves(inner)]
    return leaves(rule["not"]) if "not" in rule else [rule]


# What a rule hears: at which facts its answer may change.
HEARD = {
    "field": [("profile_updated", ""), ("added", "")],
    "contact": [("contact_updated", "")],
    "subscription": [
        ("added", ""), ("subscribed", ""), ("resubscribed", ""), ("unsubscribed", ""),
    ],
    "purchase": [("order", "")],
    "entry": [],
}  # fmt: skip
ASKED_APART = {"event", "segment", "message", "sms"}


def heard_of_message(config: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the fact that says what became of a message: that it went, or what came back."""
    return {("delivery" if config["did"] in {"sent", "failed"} else "receipt", "")}


def heard(rule: Any, segments: Any) -> set[tuple[str, str]]:
    """Return the facts (kind, name) that a rule is asked again for."""
    found: set[tuple[str, str]] = set()
    for leaf in leaves(rule):
        kind = next(key for key in leaf if key in {*HEARD, *ASKED_APART})
        if kind == "event":
            found.add(("external_event", leaf["event"]["name"]))
        elif kind in {"message", "sms"}:
            found |= heard_of_message(leaf[kind])
        elif kind == "segment":
            segment = segments[leaf["segment"]]
            if segment.rule is None:
                found |= {("segment_entered", leaf["segment"]), ("segment_left", leaf["segment"])}
            else:
                found |= heard(segment.rule, segments)
        else:
            found |= set(HEARD[kind])
    return found


def reads(rule: Any, in_list: str, segments: Any) -> set[tuple[str, ...]]:
    """Return what a rule reads that an action of another conversation might write."""
    found: set[tuple[str, ...]] = set()
    for leaf in leaves(rule):
        if "field" in leaf:
            found.add(("field", in_list, leaf["field"]))
        elif "subscription" in leaf:
            found.add(("standing", in_list))
        elif "event" in leaf:
            found.add(("event", leaf["event"]["name"]))
        elif "segment" in leaf:
            found.add(("segment", leaf["segment"]))
            found |= reads(segments[leaf["segment"]].rule, in_list, segments)
    return found
