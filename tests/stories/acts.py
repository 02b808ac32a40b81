"""What happens in a story, done to the product and told to the oracle."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from conductor.conversations import actions as conversing
from conductor.conversations.actions.by_hand import (
    Chosen,
    end_by_hand,
    enter_by_hand,
    move_on,
    skip_wait,
)
from conductor.conversations.actions.held import end_held, retry_held
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation, Enrollment
from contacts import actions
from contacts.actions.editing import update_contact
from contacts.actions.erasure import erase
from contacts.actions.products import NewProduct, save_products
from contacts.actions.segments import add_members, remove_members
from contacts.models import Contact, Subscription
from messaging.actions import record_receipts
from messaging.actions.phones import unsubscribe_phone
from messaging.actions.provider_events import (
    REPLAYED,
    ProviderEvent,
    record_provider_events,
)
from messaging.actions.receipts import tell_of_deliveries
from messaging.actions.replies import take_inbound
from messaging.models import Delivery, Receipt, ShortCode
from tests.factories import PhoneSubscriptionFactory
from tests.oracle import conversations as told
from tests.oracle.interpreter import Oracle
from tests.oracle.people import Person
from tests.oracle.times import after, span
from tests.stories.ground import Ground
from tests.stories.story import CODE, FIELDS, LIST, SHOP


class Acts:
    """A telling under way: what the product and the oracle know of it, and what befalls both."""

    def __init__(self, ground: Ground, *, zone: str, starts: datetime) -> None:
        self.ground, self.now, self.zone = ground, starts, ZoneInfo(zone)
        self.oracle = Oracle(zone=zone, types=FIELDS)
        self.conversations: dict[str, Conversation] = {}
        self.contacts: dict[str, Contact] = {}
        self.segments: dict[str, Any] = {}

    # --- people

    def act_event(self, who: str, name: str, about: dict[str, Any] | None = None) -> None:
        about = about or {}
        occurred_at = self.now
        if "ago" in about:
            occurred_at = after(self.now, span(f"-{about['ago']}"), self.zone)
        if "ahead" in about:
            occurred_at = after(self.now, span(about["ahead"]), self.zone)
        properties = about.get("properties", {})
        actions.raise_event(
            external_event=self.ground.events[name], contact=self.contacts[who], now=self.now,
            source="api", occurred_at=occurred_at, properties=properties,
        )  # fmt: skip
        self.oracle.happen(
            self.oracle.people[who], LIST, name, self.now,
            occurred_at=occurred_at, properties=properties, method="api",
        )  # fmt: skip

    def act_profile(self, who: str, profile: dict[str, Any]) -> None:
        contact = self.contacts[who]
        row = Subscription.objects.filter(list__name=LIST, contact=contact).first()
        if row is None:
            return
        values = {self.ground.fields[name].pk: value for name, value in profile.items()}
        actions.set_profile(subscription=row, profile=values, now=self.now)
        self.oracle.set_profile(self.oracle.people[who], LIST, self.now, profile)

    def act_subscribe(self, who: str, in_list: str = LIST) -> None:
        person = self.oracle.people[who]
        if not person.email:
            return
        done = actions.subscribe(
            list=self.ground.lists[in_list], contact=self.contacts[who], now=self.now,
            method="Popup", override_unsubscribe=True,
        )  # fmt: skip
        self.oracle.subscribe(person, in_list, self.now, method="Popup")
        person.lists[in_list].id = done.subscription.pk

    def act_unsubscribe(self, who: str, in_list: str = LIST) -> None:
        person = self.oracle.people[who]
        if in_list in person.lists:
            actions.unsubscribe(
                list=self.ground.lists[in_list], contact=self.contacts[who], now=self.now,
                method="Link",
            )  # fmt: skip
            self.oracle.unsubscribe(person, in_list, self.now, method="Link")

    def act_order(self, who: str, number: str, status: str, total: Any, ago: str) -> None:
        ordered_at = after(self.now, span(f"-{ago}"), self.zone)
        order = actions.NewOrder(
            order_number=number, customer=actions.Customer(customer_number=f"id-{who}"),
            ordered_at=ordered_at, status=status, total=total,
        )  # fmt: skip
        outcome = actions.save_orders(
            orders=[order], now=self.now, source="api", start_conversations=True
        )
        assert not outcome.rejects, outcome
        self.oracle.order(
            self.oracle.people[who], self.now, number=number, status=status, total=total,
            ordered_at=ordered_at,
        )  # fmt: skip

    def act_import(self, who: str, profile: dict[str, Any], starts: str) -> None:
        """Bring a file of one row; those who left or have not confirmed are left out."""
        person = self.oracle.people[who]
        standing = person.lists.get(LIST)
        if not person.email or (standing is not None and standing.state != "Subscribed"):
            return
        header = ",".join(["email", *profile])
        row = ",".join([person.email, *(str(value) for value in profile.values())])
        imported = actions.create_import(
            kind="contacts", list=self.ground.lists[LIST], file_name="people.csv",
            file=f"{header}\n{row}\n".encode(), now=self.now,
            options={"start_conversations": starts == "starts"},
        )  # fmt: skip
        actions.start_import(imported=imported, now=self.now)
        actions.run_import(imported.pk, self.now)
        imported.refresh_from_db()
        assert imported.counts["rejected"] == 0, imported.counts
        self.oracle.bring_in(person, LIST, self.now, profile, starts=starts == "starts")
        self.find_subscriptions()

    def act_product(self, sku: str, about: dict[str, Any]) -> None:
        outcome = save_products(products=[NewProduct(sku=sku, **about)], now=self.now)
        assert not outcome.rejects, outcome
        self.oracle.change_product(sku, self.now, **about)

    def act_address(self, who: str, new: str) -> None:
        old = self.oracle.people[who]
        standing = old.lists.get(LIST)
        if standing is None or standing.state != "Subscribed" or new in self.oracle.people:
            return
        email = f"{new}@mail.example"
        done = actions.change_address(
            list=self.ground.lists[LIST], email=old.email, new_email=email, now=self.now,
            method="api",
        )  # fmt: skip
        contact = done.subscription.contact
        person = Person(new, contact.pk, email)
        self.oracle.people[new], self.contacts[new] = person, contact
        self.oracle.change_address(old, person, LIST, self.now, method="api")
        person.lists[LIST].id = done.subscription.pk

    def act_contact(self, who: str, values: dict[str, Any]) -> None:
        contact = self.contacts[who]
        contact.refresh_from_db()
        known = {
            "first_name": contact.first_name, "last_name": "", "phone": contact.phone_e164,
            "external_id": contact.external_id, "birthday": contact.birthday,
            "postal_code": "", "time_zone": contact.time_zone,
        }  # fmt: skip
        update_contact(contact=contact, now=self.now, **{**known, **values})
        self.oracle.change_contact(self.oracle.people[who], self.now, **values)

    def act_send(self) -> None:
        """Let the queued messages go, without a provider."""
        queued = Delivery.objects.filter(state="queued", enrollment_id__isnull=False).order_by("id")
        ids = list(queued.values_list("id", flat=True))
        Delivery.objects.filter(pk__in=ids).update(state="sent", sent_at=self.now)
        tell_of_deliveries(ids=ids, now=self.now)
        self.oracle.send_all(self.now)

    def act_receipt(self, who: str, title: str, step: str, did: str) -> None:
        """Let what is queued go, and something come back of the latest such message."""
        self.act_send()
        conversation = self.conversations[title]
        found = Delivery.objects.filter(
            conversation_id=conversation.pk, contact=self.contacts[who], step_key=step, state="sent"
        ).last()
        if found is None or (did == "bounced" and self._bounced_long_ago(found)):
            return
        one, sent = self._told_of(found)
        if did == "bounced":
            bounce = ProviderEvent(
                "sandbox", "", "bounced", self.now, detail={"bounce": "hard"}, delivery_id=found.pk
            )
            assert record_provider_events([bounce], now=self.now)
            self.oracle.bounce(one, sent, self.now)
        else:
            record_receipts(delivery=found, kind=did, now=self.now)
            self.oracle.receipt(one, sent, did, self.now)

    def _bounced_long_ago(self, found: Delivery) -> bool:
        """Say whether a message's bounce is old: told of anew it is an old call, and counts for nothing."""
        return Receipt.objects.filter(
            delivery=found, kind="bounced", recorded_at__lt=self.now - REPLAYED
        ).exists()

    def act_reply(self, who: str, text: str) -> None:
        """Let what is queued go, and somebody answer by text, whatever was sent to the number."""
        self.act_send()
        number = self.oracle.people[who].phone
        if not number:
            return
        found = Delivery.objects.filter(
            contact=self.contacts[who], channel="sms", address=number, state="sent",
            enrollment_id__isnull=False,
        ).last()  # fmt: skip
        take_inbound(
            short_code=ShortCode.objects.get(code=CODE), phone_e164=number, text=text,
            provider="sandbox", provider_message_id="", now=self.now,
        )  # fmt: skip
        one, sent = self._told_of(found) if found is not None else (None, None)
        self.oracle.reply(one, sent, text, self.now)
        if text == "stop":
            self.oracle.stop(number, self.now)

    def _told_of(self, found: Delivery) -> tuple[told.Enrollment, told.Delivery]:
        """Return a delivery as the oracle knows it."""
        row = Enrollment.objects.select_related("conversation").get(pk=found.enrollment_id or 0)
        (name,) = [name for name, one in self.contacts.items() if one.pk == row.contact_id]
        return next(
            (one, sent)
            for one in self.oracle.conversations[row.conversation.name].enrollments
            if (one.person.name, one.number) == (name, row.entry_number)
            for sent in one.deliveries
            if (sent.step, sent.visit) == (found.step_key, found.visit_number)
        )

    def act_erase(self, who: str) -> None:
        """Forget somebody, who is heard of no more."""
        erase(contacts=[self.contacts[who].pk], now=self.now, source="api")
        self.oracle.erase(self.oracle.people[who], self.now)

    def act_member(self, who: str, name: str) -> None:
        self._move_member(add_members, who, name)
        self.oracle.add_member(self.oracle.people[who], name, self.now)

    def act_no_member(self, who: str, name: str) -> None:
        self._move_member(remove_members, who, name)
        self.oracle.remove_member(self.oracle.people[who], name, self.now)

    def _move_member(self, act: Any, who: str, name: str) -> None:
        row = Subscription.objects.filter(
            list=self.ground.lists[LIST], contact=self.contacts[who]
        ).first()
        if row is not None:
            act(segment=self.segments[name], subscription_ids=[row.pk], now=self.now)

    def act_consent(self, number: str, state: str) -> None:
        owners = [name for name, one in self.oracle.people.items() if one.phone == number]
        PhoneSubscriptionFactory(
            contact=self.contacts[owners[0]] if owners else None,
            phone_list=self.ground.phone_list, phone_e164=number,
            state="Pending" if state == "Age" else state, pending_age_gate=state == "Age",
        )  # fmt: skip
        self.oracle.phones[number] = state

    def act_stop(self, who: str) -> None:
        """Let the owner of a number answer STOP."""
        number = self.oracle.people[who].phone
        if self.oracle.phones.get(number) is not None:
            unsubscribe_phone(
                phone_list=self.ground.phone_list,
                phone_e164=number,
                reason="Workflow",
                now=self.now,
            )
            self.oracle.stop(number, self.now)

    # --- conversations

    def act_pause(self, name: str) -> None:
        conversing.pause_conversation(conversation=self.conversations[name], now=self.now)
        self.oracle.conversations[name].is_paused = True

    def act_resume(self, name: str) -> None:
        conversing.resume_conversation(conversation=self.conversations[name], now=self.now)
        self.oracle.conversations[name].is_paused = False

    def act_enter(self, who: str, title: str) -> None:
        enter_by_hand(
            conversation=self.conversations[title], chosen=Chosen(contact=self.contacts[who]),
            now=self.now,
        )  # fmt: skip
        self.oracle.enter_by_hand(
            self.oracle.people[who], self.oracle.conversations[title], self.now
        )

    def act_end(self, who: str, title: str) -> None:
        self._send_on(end_by_hand, who, title, "!end")

    def act_move_on(self, who: str, title: str) -> None:
        self._send_on(move_on, who, title, "on")

    def act_skip(self, who: str, title: str) -> None:
        self._send_on(skip_wait, who, title, "wait")

    def _send_on(self, act: Any, who: str, title: str, told_: str) -> None:
        chosen = Chosen(contact=self.contacts[who])
        act(conversation=self.conversations[title], chosen=chosen, now=self.now)
        self.oracle.send_on(
            self.oracle.people[who], self.oracle.conversations[title], told_, self.now
        )

    def act_retry(self, title: str) -> None:
        retry_held(conversation=self.conversations[title], now=self.now)
        self.oracle.retry(self.oracle.conversations[title], self.now)

    def act_end_held(self, title: str) -> None:
        end_held(conversation=self.conversations[title], now=self.now)
        self.oracle.end_held(self.oracle.conversations[title], self.now)

    def act_publish(self, structure: dict[str, Any]) -> None:
        """Bring a file to life: a new conversation, or the next version of one."""
        name, in_list = structure["conversation"], structure.get("list", LIST)
        structure = json.loads(
            json.dumps(structure).replace(SHOP, f"{SHOP}:{self.ground.shop.port}")
        )
        applied = conversing.apply_file(
            list=self.ground.lists[in_list], document=parse_document(structure), now=self.now
        )
        conversation = applied.conversation
        found = conversing.publish_conversation(conversation=conversation, now=self.now)
        self.conversations[name] = conversation
        known = self.oracle.conversations.setdefault(
            name, told.Conversation(name, in_list, conversation.pk)
        )
        if found.is_new:
            self.oracle.publish(known, structure, self.now)
        known.is_paused = False

    # --- what both have to know

    def find_subscriptions(self) -> None:
        """Tell the oracle the ids of the subscriptions that actions made."""
        for name, contact in self.contacts.items():
            for in_list, standing in self.oracle.people[name].lists.items():
                if not standing.id:
                    row = Subscription.objects.filter(
                        list=self.ground.lists[in_list], contact=contact
                    ).first()
                    standing.id = row.pk if row else 0
