"""What befalls people: events, files that bring them, products, segments kept by hand."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.hands import Hands
from tests.oracle.hearing import BOTH, WATCH
from tests.oracle.people import SUBSCRIBED, Fact, Person
from tests.oracle.things import ListEvent
from tests.oracle.times import after, span

# Pieces of a product that are few.
LOW = 10


def lately(wanted: dict[str, Any], at: datetime, now: datetime, zone: ZoneInfo) -> bool:
    """Whether an interest is not too old for a trigger."""
    return at >= after(now, span(f"-{wanted['within']}"), zone)


class Acts(Hands):
    """What happens in an account."""

    def happen(
        self,
        person: Person,
        in_list: str,
        name: str,
        now: datetime,
        *,
        occurred_at: datetime | None = None,
        properties: dict[str, Any] | None = None,
        **told: Any,
    ) -> None:
        """Let an external event happen."""
        occurred_at = occurred_at or now
        person.events.append(ListEvent(name, occurred_at, now, properties or {}, in_list))
        self.tell(
            "external_event", person, in_list, now, occurred_at=occurred_at, name=name,
            properties=properties or {}, **told,
        )  # fmt: skip

    def bring_in(
        self, person: Person, in_list: str, now: datetime, profile: dict[str, Any], *, starts: bool
    ) -> None:
        """Take a row of a file: who has left, or has not confirmed, stays so."""
        roles = BOTH if starts else WATCH
        if in_list not in person.lists or person.lists[in_list].state == SUBSCRIBED:
            self.subscribe(person, in_list, now, method="Import", profile=profile, roles=roles)
            self.tell("import", person, in_list, now, method="Import", roles=roles)

    def change_product(
        self, sku: str, now: datetime, *, quantity: int | None = None, price: Any = None
    ) -> None:
        """Change a product; it is news to those with an event for it."""
        known = self.products.setdefault(sku, {})
        before = dict(known)
        known.update(
            {name: value for name, value in (("quantity", quantity), ("price", price))
             if value is not None}
        )  # fmt: skip
        changes = []
        if "quantity" in before and "quantity" in known:
            old, new = before["quantity"], known["quantity"]
            changes += ["back_in_stock"] if old <= 0 < new else []
            changes += ["low_stock"] if old > LOW >= new >= 1 else []
        if "price" in before and known["price"] < before["price"]:
            changes.append("price_drop")
        for change in changes:
            self._tell_of_product(change, sku, now)

    def _tell_of_product(self, change: str, sku: str, now: datetime) -> None:
        for conversation in self.conversations.values():
            wanted = [
                step.config["product"][change]
                for step in conversation.live.triggers
                if change in step.config.get("product", {})
            ]
            zone = self.zone_of_ages(conversation)
            for person in self.people.values():
                asked = [(one, self._asked_for(person, one, sku, now)) for one in wanted]
                ever = [(one, at) for one, at in asked if at is not None]
                # Of whose interest is too old nobody makes anything, should they hear of it.
                counts = [(one, at) for one, at in ever if lately(one, at, now, zone)]
                name = counts[0][0]["event"] if counts else ""
                if ever:
                    conversation.queue.append(
                        Fact(
                            change,
                            person,
                            conversation.in_list,
                            now,
                            now,
                            name=name,
                            told_at=now,
                            about=(counts or ever)[0][1].isoformat(),
                        )
                    )

    def _asked_for(
        self, person: Person, wanted: dict[str, Any], sku: str, now: datetime
    ) -> datetime | None:
        """Return when somebody last had an event for a product."""
        return max(
            (
                event.occurred_at
                for event in person.events
                if event.name == wanted["event"]
                and event.properties.get("sku") == sku
                and event.occurred_at <= now
            ),
            default=None,
        )

    # --- segments

    def erase(self, person: Person, now: datetime) -> None:
        """Forget somebody: what is under way ends, figures stay, nothing more is heard."""
        for conversation in self.conversations.values():
            conversation.queue = [one for one in conversation.queue if one.person is not person]
            conversation.refusals = [
                one for one in conversation.refusals if one.person != person.name
            ]
            for one in conversation.of(person):
                if one.is_active and one.told != "!end":
                    one.told = "!gone"
                for sent in one.deliveries:
                    sent.address = ""
                    if sent.state in {"queued", "deferred"}:
                        sent.take_back("contact deleted")
            # Heard of whatever lists the person was on.
            gone = Fact("deleted", person, conversation.in_list, now, now, told_at=now)
            conversation.queue += [gone.for_watching() for _ in range(conversation.wakes(gone))]
        for segment in self.segments.values():
            segment.members.discard(person.name)
        self.calls = [call for call in self.calls if call.one.person is not person]
        self.phones.pop(person.phone, None)
        person.is_erased, person.phone = True, ""
        person.lists, person.orders, person.events, person.receipts = {}, {}, [], []

    def add_member(self, person: Person, name: str, now: datetime, **told: Any) -> None:
        """Put a person into a segment kept by hand."""
        segment = self.segments[name]
        if person.name not in segment.members and segment.in_list in person.lists:
            segment.members.add(person.name)
            self.tell("segment_entered", person, segment.in_list, now, name=name, **told)

    def remove_member(self, person: Person, name: str, now: datetime, **told: Any) -> None:
        """Take a person out of a segment kept by hand."""
        segment = self.segments[name]
        if person.name in segment.members:
            segment.members.remove(person.name)
            self.tell("segment_left", person, segment.in_list, now, name=name, **told)
