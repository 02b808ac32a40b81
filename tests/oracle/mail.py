"""What comes back of messages: receipts, and the orders that are ascribed to them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.oracle.conversations import Conversation, Delivery, Enrollment
from tests.oracle.hearing import BOTH, WATCH
from tests.oracle.lists import Lists
from tests.oracle.people import Order, Person, money
from tests.oracle.things import Receipt


class Mail(Lists):
    """Messages under way, orders."""

    def send_all(self, now: datetime) -> None:
        """Let what is queued be sent."""
        for conversation in self.conversations.values():
            for one in conversation.enrollments:
                for sent in one.deliveries:
                    if sent.state == "queued":
                        sent.state, sent.sent_at = "sent", now
                        self._note(conversation, one.person, sent, "sent", now, {})
                        self.tell("delivery", one.person, conversation.in_list, now, roles=WATCH)

    def receipt(
        self, one: Enrollment, sent: Delivery, did: str, now: datetime, **detail: Any
    ) -> None:
        """Let something come back of a message."""
        self._note(one.conversation, one.person, sent, did, now, detail)
        self.tell("receipt", one.person, one.conversation.in_list, now, roles=WATCH)

    def bounce(self, one: Enrollment, sent: Delivery, now: datetime) -> None:
        """Let an email come back for good: its list writes to that address no more."""
        person, in_list = one.person, one.conversation.in_list
        self.receipt(one, sent, "bounced", now, bounce="hard")
        for known in person.lists:
            self.tell("bounced", person, known, now, roles=WATCH)
        self.suppressed.add((in_list, sent.address))
        self.unsubscribe(person, in_list, now, method="Bounce")

    def reply(
        self, one: Enrollment | None, sent: Delivery | None, text: str, now: datetime
    ) -> None:
        """Let somebody answer the latest text that the number got, if it got one."""
        if one is not None and sent is not None:
            self.receipt(one, sent, "replied", now, text=text)

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
