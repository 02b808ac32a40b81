"""What befalls people, and how the conversations of a list hear of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.conversations import Conversation, Delivery, Enrollment, Step
from tests.oracle.people import (
    PENDING,
    SUBSCRIBED,
    UNSUBSCRIBED,
    Fact,
    Order,
    Person,
    Standing,
    empty,
    money,
)
from tests.oracle.things import Call, ListEvent, Pool, Receipt, Segment
from tests.oracle.times import after, span

# Pieces of a product that are few.
LOW = 10
# Minutes between the attempts to ask another system.
PAUSES = [1, 4, 20]
WATCH, TRIGGER = {"watch"}, {"trigger"}
BOTH = WATCH | TRIGGER


class Acts:
    """An account's people and conversations."""

    def __init__(self, *, zone: str, types: dict[str, str]) -> None:
        self.account_zone, self.types = zone, types
        self.people: dict[str, Person] = {}
        self.conversations: dict[str, Conversation] = {}
        self.segments: dict[str, Segment] = {}
        self.phones: dict[str, str] = {}
        self.pools: dict[str, Pool] = {}
        self.calls: list[Call] = []
        self.products: dict[str, dict[str, Any]] = {}

    # --- lists and profiles

    def subscribe(
        self,
        person: Person,
        in_list: str,
        now: datetime,
        *,
        method: str,
        profile: dict[str, Any] | None = None,
        roles: set[str] = BOTH,
        **told: Any,
    ) -> None:
        """Put a person on a list, or change how it stands there."""
        is_new = in_list not in person.lists
        standing = person.lists.setdefault(in_list, Standing(0, state=PENDING, created_at=now))
        before, profile_before = standing.state, dict(standing.profile)
        kind = "resubscribed" if standing.subscribed_at else "subscribed"
        if before != SUBSCRIBED:
            if standing.subscribed_at:
                standing.resubscribed_at = now
            else:
                standing.subscribed_at = now
            standing.state, standing.subscribe_method = SUBSCRIBED, method
            standing.unsubscribed_at, standing.unsubscribe_method = None, ""
        self._merge(standing, profile or {})
        if is_new:
            self.tell("added", person, in_list, now, roles=WATCH, **told)
        if before != SUBSCRIBED:
            self.tell(kind, person, in_list, now, method=method, roles=roles, **told)
        self._tell_profile(person, in_list, profile_before, now, roles=roles, **told)

    def unsubscribe(
        self, person: Person, in_list: str, now: datetime, *, method: str, **told: Any
    ) -> None:
        """Take a person off a list; the first date stands."""
        standing = person.lists[in_list]
        if standing.state != UNSUBSCRIBED:
            standing.state, standing.unsubscribed_at = UNSUBSCRIBED, now
            standing.unsubscribe_method = method
            self.tell("unsubscribed", person, in_list, now, roles=WATCH, **told)

    def set_profile(
        self, person: Person, in_list: str, now: datetime, profile: dict[str, Any], **told: Any
    ) -> None:
        """Change a profile."""
        standing = person.lists[in_list]
        before = dict(standing.profile)
        self._merge(standing, profile)
        self._tell_profile(person, in_list, before, now, **told)

    def _merge(self, standing: Standing, profile: dict[str, Any]) -> None:
        for name, value in profile.items():
            if empty(value):
                standing.profile.pop(name, None)
            else:
                standing.profile[name] = value

    def _tell_profile(
        self, person: Person, in_list: str, before: dict[str, Any], now: datetime, **told: Any
    ) -> None:
        profile = person.lists[in_list].profile
        names = before.keys() | profile.keys()
        fields = {name for name in names if before.get(name) != profile.get(name)}
        if fields:
            self.tell("profile_updated", person, in_list, now, fields=fields, **told)

    def change_address(
        self, old: Person, new: Person, in_list: str, now: datetime, *, method: str
    ) -> None:
        """Move a subscription to a new address, a person of its own."""
        before = old.lists[in_list]
        new.lists[in_list] = Standing(
            0, SUBSCRIBED, now, subscribed_at=now, subscribe_method=method,
            profile=dict(before.profile),
        )  # fmt: skip
        before.state, before.unsubscribed_at = UNSUBSCRIBED, now
        before.unsubscribe_method = "AddressChange"
        self.tell("address_changed", old, in_list, now, roles=WATCH)
        self.tell("added", new, in_list, now, roles=WATCH)
        self.tell("address_changed", new, in_list, now, roles=TRIGGER, method=method)

    def change_contact(self, person: Person, now: datetime, **values: Any) -> None:
        """Change what is known of the person itself."""
        changed = {name: value for name, value in values.items() if getattr(person, name) != value}
        for name, value in changed.items():
            setattr(person, name, value)
        if changed:
            for in_list in person.lists:
                self.tell("contact_updated", person, in_list, now, roles=WATCH)

    def stop(self, number: str, now: datetime) -> None:
        """Take a number off the phone list, by its owner's STOP."""
        if self.phones.get(number) not in {None, UNSUBSCRIBED}:
            self.phones[number] = UNSUBSCRIBED
            for person in self.people.values():
                if person.phone == number:
                    for in_list in person.lists:
                        self.tell("stopped", person, in_list, now, roles=WATCH)

    # --- what happens

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

    def order(
        self,
        person: Person,
        now: datetime,
        *,
        number: str,
        status: str,
        total: Any,
        ordered_at: datetime,
    ) -> None:
        """Take an order, or one again with all that is told of it now; ascribe it to a message."""
        self._take_order(person, now, number, status, total, ordered_at)
        self._ascribe(person, person.orders[number], now)

    def _take_order(
        self, person: Person, now: datetime, number: str, status: str, total: Any,
        ordered_at: datetime,
    ) -> None:  # fmt: skip
        found = person.orders.get(number)
        told = (status, money(total), ordered_at)
        roles = set() if found and (found.status, found.total, found.ordered_at) == told else WATCH
        if found is None:
            found = Order(status, ordered_at, now, money(total), number=number)
            person.orders[number] = found
        found.status, found.total, found.ordered_at = told
        if status not in [known for known, _ in found.statuses]:
            found.statuses.append((status, now))
            roles = BOTH
        if not roles:
            return
        # An order is of no list: whoever is on none of theirs is refused by each.
        for in_list in {one.in_list for one in self.conversations.values()}:
            self.tell(
                "order", person, in_list, now, roles=roles, occurred_at=ordered_at, method="api",
                name=status,
                properties={"order_number": number, "status": status, "total": str(found.total)},
            )  # fmt: skip

    def _ascribe(self, person: Person, order: Order, now: datetime) -> None:
        """Ascribe an order to the last click of five days, else to the last open of one."""
        touch = None
        if order.status not in {"Canceled", "Returned"}:
            for did, days in (("opened", 1), ("clicked", 5)):
                since = order.ordered_at - timedelta(days=days)
                found = [
                    receipt
                    for receipt in person.receipts
                    if receipt.did == did and since < receipt.occurred_at <= order.ordered_at
                ]
                touch = max(reversed(found), key=lambda one: one.occurred_at, default=touch)
        before = order.converted
        if before is not None:
            person.receipts.remove(before)
        order.converted = None
        if touch is not None:
            stays = before is not None and before.delivery == touch.delivery
            known = before.recorded_at if before is not None and stays else now
            order.converted = replace(
                touch, did="converted", occurred_at=min(order.ordered_at, known),
                recorded_at=known,
                detail={"order_number": order.number, "total": float(order.total)},
            )  # fmt: skip
            person.receipts.append(order.converted)
        was, is_now = (one and one.delivery for one in (before, order.converted))
        for changed in (before, order.converted):
            if changed is not None and was != is_now:
                self.tell("receipt", person, changed.in_list, now, roles=WATCH)

    def send_all(self, now: datetime) -> None:
        """Let what is queued be sent."""
        for conversation in self.conversations.values():
            for one in conversation.enrollments:
                for sent in one.deliveries:
                    if sent.state == "queued":
                        sent.state = "sent"
                        self._note(conversation, one.person, sent, "sent", now, {})
                        self.tell("delivery", one.person, conversation.in_list, now, roles=WATCH)

    def receipt(self, one: Any, sent: Delivery, did: str, now: datetime, **detail: Any) -> None:
        """Let something come back of a message."""
        self._note(one.conversation, one.person, sent, did, now, detail)
        self.tell("receipt", one.person, one.conversation.in_list, now, roles=WATCH)

    def _note(
        self, conversation: Conversation, person: Person, sent: Delivery, did: str,
        now: datetime, detail: dict[str, Any],
    ) -> None:  # fmt: skip
        person.receipts.append(
            Receipt(
                did,
                sent.channel,
                conversation.in_list,
                conversation.name,
                sent.step,
                now,
                now,
                detail,
                id(sent),
            )
        )

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
            for person in self.people.values():
                name = next(
                    (
                        one["event"]
                        for one in wanted
                        if self._asked_for(person, one, sku, now, self.zone_of_ages(conversation))
                    ),
                    "",
                )
                if name:
                    conversation.queue.append(
                        Fact(change, person, conversation.in_list, now, now, name=name, told_at=now)
                    )

    def zone_of_ages(self, conversation: Conversation) -> ZoneInfo:
        """Return where the ages of orders and of interest are counted: no contact's own zone."""
        zone = conversation.live.setting("time_zone", "account")
        return ZoneInfo(self.account_zone if zone in {"account", "contact"} else zone)

    def _asked_for(
        self, person: Person, wanted: dict[str, Any], sku: str, now: datetime, zone: ZoneInfo
    ) -> bool:
        """Whether somebody has an event for a product that is not too old."""
        oldest = after(now, span(f"-{wanted['within']}"), zone)
        return any(
            event.name == wanted["event"]
            and event.properties.get("sku") == sku
            and oldest <= event.occurred_at <= now
            for event in person.events
        )

    # --- segments

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

    # --- other systems, and people of ours

    def make_calls(self, now: datetime) -> None:
        """Ask other systems whatever is to be asked by now."""
        for call in self.calls:
            if self.is_to_make(call, now):
                status = call.statuses[min(call.attempts, len(call.statuses) - 1)]
                call.attempts += 1
                if (status == 429 or status >= 500) and call.attempts <= len(PAUSES):
                    call.next_at = now + timedelta(minutes=PAUSES[call.attempts - 1])
                    continue
                call.outcome = status
                one = call.one
                if one.is_active and (one.step, one.visit) == (call.step, call.visit):
                    one.due_at = now

    def is_to_make(self, call: Call, now: datetime) -> bool:
        """Whether a call's time has come; those of a paused conversation wait."""
        is_waiting = call.outcome is None and call.next_at <= now
        return is_waiting and not call.one.conversation.is_paused

    def call_of(self, one: Enrollment) -> Call | None:
        """Return what is asked at the visit under way."""
        return next(
            (
                call
                for call in self.calls
                if call.one is one and (call.step, call.visit) == (one.step, one.visit)
            ),
            None,
        )

    def enter_by_hand(self, person: Person, conversation: Conversation, now: datetime) -> None:
        """Let somebody in at the start of the first thread."""
        if conversation.in_list in person.lists:
            first = next(iter(conversation.live.steps))
            conversation.queue.append(
                Fact(
                    "by_hand", person, conversation.in_list, now, now,
                    method="by hand", only=first, told_at=now,
                )
            )  # fmt: skip

    def send_on(self, person: Person, conversation: Conversation, told: str, now: datetime) -> None:
        """Say by hand that somebody ends ("!end"), goes on, or leaves its wait ("wait")."""
        one = conversation.active(person)
        if one is None or one.told:
            return
        step = one.here()
        if told == "wait" and step.kind not in {"wait", "wait_for"}:
            return
        if told in {"wait", "on"}:
            names = step.exit_names()
            onward = [name for name in ("next", "timed_out", "happened") if name in names]
            if not names:
                return
            told = [*onward, *names][0]
        one.told, one.due_at = told, now

    def retry(self, conversation: Conversation, now: datetime) -> None:
        """Let everybody who is held try again."""
        for one in conversation.enrollments:
            if one.is_active and one.held:
                one.due_at = now

    def end_held(self, conversation: Conversation, now: datetime) -> None:
        """End everybody who is held."""
        for one in conversation.enrollments:
            if one.is_active and one.held:
                one.told, one.due_at = "!end", now

    # --- facts

    def tell(
        self,
        kind: str,
        person: Person,
        in_list: str,
        now: datetime,
        *,
        roles: set[str] = BOTH,
        occurred_at: datetime | None = None,
        **more: Any,
    ) -> None:
        """Queue a fact for the conversations of its list: those inside are asked first."""
        person.touched_depth = max(person.touched_depth, more.get("depth", 0))
        # It counts from when both have come: its own time and ours.
        occurred_at = occurred_at or now
        counts_from = max(now, occurred_at)
        for conversation in self.conversations.values():
            if conversation.in_list != in_list or not conversation.versions:
                continue
            fact = Fact(kind, person, in_list, counts_from, occurred_at, told_at=now, **more)
            watching = in_list in person.lists and conversation.watches_for(fact)
            if "watch" in roles and watching:
                conversation.queue.append(fact.for_watching())
            if "trigger" in roles and any(
                self.hears(step, fact) for step in conversation.live.triggers
            ):
                conversation.queue.append(fact)

    def hears(self, step: Step, fact: Fact) -> bool:
        """Whether a trigger listens to facts of this kind, for this event or segment."""
        if fact.only:
            return step.key == fact.only
        kind = next(key for key in step.config if key != "filter")
        wanted = step.config[kind]
        if kind == "external_event":
            names = wanted if isinstance(wanted, list) else [wanted]
            return fact.kind == kind and fact.name in names
        if kind == "list":
            return bool(fact.kind == wanted)
        if kind == "segment":
            return fact.kind == f"segment_{wanted['on']}" and fact.name == wanted["name"]
        if kind == "product":
            return fact.kind in wanted and fact.name == wanted[fact.kind]["event"]
        return kind in {"order", "import"} and fact.kind == kind

    def means(self, step: Step, fact: Fact, zone: ZoneInfo) -> bool:
        """Whether a trigger takes a fact: it hears it, and it is what it is narrowed to."""
        if fact.only or not self.hears(step, fact):
            return self.hears(step, fact)
        if fact.kind == "order":
            return self._means_order(step.config["order"], fact, zone)
        narrowed = set(step.config.get("fields") or fact.fields)
        return not fact.fields or bool(narrowed & fact.fields)

    def _means_order(self, config: dict[str, Any], fact: Fact, zone: ZoneInfo) -> bool:
        statuses = config.get("status") or [fact.name]
        statuses = statuses if isinstance(statuses, list) else [statuses]
        oldest = span(f"-{config.get('max_age') or 'P2D'}")
        since = after(fact.told_at, oldest, zone)
        return fact.name in statuses and fact.occurred_at >= since
