"""Facts and who hears of them: those inside, triggers, yearly dates, segments."""

import io
from datetime import timedelta
from typing import Any

import pytest

from accounts.tenancy import sql
from contacts import actions, filters
from contacts.actions import editing, facts
from contacts.actions.customers import Customer
from contacts.actions.events import SKU_OF, event_sku
from contacts.actions.orders import NewItem, NewOrder
from contacts.models import Event, Intake, Listener, OrderFact, Segment, SegmentTouch
from messaging.actions import record_receipts, unsubscribe_phone
from tests.factories import (
    ContactFactory,
    DeliveryFactory,
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SubscriptionFactory,
)

HERS = "g@mail.example"
DAY = timedelta(days=1)


@pytest.fixture
def store(inside_acme):
    return ListFactory(name="Store Customers")


@pytest.fixture
def grace(store):
    return SubscriptionFactory(list=store, contact=ContactFactory(email=HERS))


@pytest.fixture
def colour(store):
    return ProfileFieldFactory(group=ProfileFieldGroupFactory(list=store), name="Colour")


@pytest.fixture
def listen(store):
    def listen(*kinds, role="trigger", conversation_id=7, of=store, **more):
        for kind in kinds:
            Listener.objects.create(
                conversation_id=conversation_id, list=of, kind=kind, role=role, **more
            )

    return listen


@pytest.fixture
def segment(store, now):
    made = Segment.objects.create(list=store, name="Vips", created_at=now, modified_at=now)

    def hears(*kinds):
        for kind in kinds:
            Listener.objects.create(for_segment=made, list=store, kind=kind, role="watch")
        return made

    return hears


def queued():
    """Return (kind, method) of what is queued, in its order; of wakes and alarms the fact."""
    return list(Intake.objects.order_by("id").values_list("kind", "method"))


class TestAnnounce:
    def test_asks_those_inside_before_it_lets_anybody_in(self, grace, listen, now):
        listen("subscribed")
        listen("subscribed", role="alarm")
        listen("subscribed", role="watch")
        listen("subscribed", role="watch", conversation_id=8)

        count = facts.announce(kind=facts.SUBSCRIBED, subscription=grace, now=now, method="Page")

        assert count == 4
        assert queued() == [
            ("wake", "subscribed"),
            ("wake", "subscribed"),
            ("subscribed", "Page"),
            ("alarm", "subscribed"),
        ]

    def test_is_silent_to_triggers_only_when_quiet(self, grace, listen, segment, now):
        vips = segment("profile_updated")
        for role in facts.ROLES:
            listen("profile_updated", role=role)

        facts.announce(
            kind=facts.PROFILE_UPDATED,
            subscription=grace,
            now=now,
            properties={"fields": ["1"]},
            roles=facts.QUIET,
        )

        assert [kind for kind, _ in queued()] == ["wake", "alarm"]
        assert Intake.objects.values_list("properties", flat=True)[0] == {"fields": ["1"]}
        touch = SegmentTouch.objects.get()
        assert (touch.segment_id, touch.contact_id) == (vips.pk, grace.contact_id)
        assert touch.recorded_at == now

    def test_is_heard_by_who_watches_for_anything(self, grace, listen, now):
        event = ExternalEventFactory(list=grace.list, name="Order Imported")
        listen(facts.ANY, role="watch")

        actions.raise_event(external_event=event, contact=grace.contact, now=now, source="api")

        assert queued() == [("wake", "external_event")]
        assert facts.audience(list_id=grace.list_id) == facts.KINDS | {"any"}

    def test_counts_from_when_both_its_times_have_come(self, grace, listen, now):
        event = ExternalEventFactory(list=grace.list, name="Order Imported")
        listen("external_event", external_event=event)

        actions.raise_event(
            external_event=event,
            contact=grace.contact,
            now=now,
            source="api",
            occurred_at=now + DAY,
        )

        assert Intake.objects.get().recorded_at == now + DAY

    def test_of_a_person_is_heard_on_every_list_that_has_them(self, grace, listen, now):
        other, strange = ListFactory(), ListFactory()
        elsewhere = SubscriptionFactory(list=other, contact=grace.contact)
        listen("contact_updated", role="watch")
        listen("contact_updated", role="watch", conversation_id=8, of=other)
        listen("contact_updated", role="watch", conversation_id=9, of=strange)

        facts.announce_contact(kind=facts.CONTACT_UPDATED, contact_id=grace.contact_id, now=now)

        woken = dict(Intake.objects.values_list("conversation_id", "subscription_id"))
        assert woken == {7: grace.pk, 8: elsewhere.pk}

    def test_of_an_erased_person_is_heard_though_nothing_of_them_is_left(
        self, grace, listen, segment, now
    ):
        segment("deleted")
        listen("deleted", role="watch")
        contact_id = grace.contact_id
        grace.delete()
        grace.contact.delete()

        facts.announce_contact(kind=facts.DELETED, contact_id=contact_id, now=now)

        assert Intake.objects.get().contact_id == contact_id
        assert not SegmentTouch.objects.exists()

    def test_of_many_writes_nothing_where_nobody_listens(self, grace, now):
        rows = "SELECT 1 / 0"

        assert facts.announce_many(rows) == 0


class TestActs:
    def test_subscribing_adds_then_subscribes(self, store, colour, listen, now):
        listen("added", "subscribed", "profile_updated", role="watch")
        listen("subscribed", "profile_updated")

        actions.subscribe(
            list=store, email=HERS, method="API", profile={colour.pk: "red"}, now=now, quiet=True
        )

        assert queued() == [
            ("wake", "added"),
            ("wake", "subscribed"),
            ("wake", "profile_updated"),
        ]

    def test_unsubscribing_is_heard_once(self, grace, listen, now):
        listen("unsubscribed", role="watch")

        for _ in range(2):
            actions.unsubscribe(list=grace.list, email=HERS, method="API", now=now)

        assert queued() == [("wake", "unsubscribed")]

    def test_a_changed_address_ends_the_old_before_the_new_enters(self, grace, listen, now):
        listen("address_changed")
        listen("address_changed", "unsubscribed", "added", role="watch")

        new = actions.change_address(
            list=grace.list, email=HERS, new_email="new@mail.example", method="API", now=now
        ).subscription

        heard = Intake.objects.order_by("id").values_list("kind", "method", "contact_id")
        assert list(heard) == [
            ("wake", "address_changed", grace.contact_id),
            ("wake", "unsubscribed", grace.contact_id),
            ("wake", "added", new.contact_id),
            ("address_changed", "API", new.contact_id),
        ]

    def test_a_persons_own_values_are_heard_if_they_changed(self, grace, listen, now):
        listen("contact_updated", role="watch")
        values: dict[str, Any] = {
            "first_name": "Grace",
            "last_name": "",
            "phone": "",
            "external_id": "",
            "birthday": None,
            "postal_code": "",
            "time_zone": "",
        }
        editing.update_contact(contact=grace.contact, now=now, **values)
        assert queued() == []

        editing.update_contact(contact=grace.contact, now=now, **{**values, "first_name": "G"})

        assert queued() == [("wake", "contact_updated")]
        assert Intake.objects.get().properties == {"columns": ["first_name"]}

    def test_what_the_wire_changes_of_people_is_heard(self, grace, listen, now):
        listen("contact_updated", role="watch")
        rows = [
            Customer(email=HERS, first_name="Anna"),
            Customer(email="new@mail.example", first_name="New"),
        ]

        actions.save_customers(customers=rows, now=now)
        actions.save_customers(customers=rows, now=now)
        actions.save_contact(email=HERS, first_name="Ada", now=now)

        assert [fact.contact_id for fact in Intake.objects.all()] == [grace.contact_id] * 2

    def test_a_phone_that_opts_out_is_heard_of_its_contact(self, grace, listen, now):
        listen("stopped", role="watch")
        phone_list = PhoneListFactory()
        for phone, contact in (("+12125550100", grace.contact), ("+12125550101", None)):
            PhoneSubscriptionFactory(phone_list=phone_list, phone_e164=phone, contact=contact)
            for _ in range(2):
                unsubscribe_phone(
                    phone_list=phone_list, phone_e164=phone, reason="Campaign", now=now
                )

        assert queued() == [("wake", "stopped")]

    def test_a_bounce_is_heard_of_its_contact_on_every_list(self, grace, listen, now):
        other = ListFactory()
        SubscriptionFactory(list=other, contact=grace.contact)
        listen("bounced", role="watch")
        listen("bounced", role="watch", conversation_id=8, of=other)
        delivery = DeliveryFactory(list_id=grace.list_id, contact_id=grace.contact_id, state="sent")

        record_receipts(delivery=delivery, kind="opened", now=now)
        record_receipts(delivery=delivery, kind="bounced", now=now)

        assert queued() == [("wake", "bounced")] * 2


class TestSku:
    @pytest.mark.parametrize(
        ("properties", "sku"),
        [
            ({"sku": " A-1 \n"}, "A-1"),
            ({"sku": 17}, "17"),
            ({"sku": "x" * 120}, "x" * 100),
            ({"sku": None}, ""),
            ({"sku": ["A-1"]}, ""),
            ({"sku": True}, ""),
            ({"sku": 1.5}, ""),
            ({}, ""),
        ],
    )
    def test_is_the_same_in_sql(self, grace, properties, sku, now):
        event = ExternalEventFactory(list=grace.list)

        raised = actions.raise_event(
            external_event=event,
            contact=grace.contact,
            now=now,
            source="api",
            properties=properties,
        )

        of_sql = SKU_OF.format(properties="event.properties")
        again = sql.fetch_value(f"SELECT {of_sql} FROM contacts_event AS event")
        assert (raised.sku, again, event_sku(properties)) == (sku, sku, sku)


class TestImports:
    @pytest.fixture
    def load(self, store, now):
        def load(text, **options):
            imported = actions.create_import(
                kind="contacts",
                list=store,
                file_name="f.csv",
                file=io.BytesIO(text.encode()),
                now=now,
                options=options,
            )
            actions.start_import(imported=imported, now=now)
            actions.run_import(imported.pk, now)

        return load

    def test_without_conversations_still_reach_those_inside_alarms_and_segments(
        self, store, grace, colour, listen, segment, load, now
    ):
        kinds = ("added", "subscribed", "profile_updated", "contact_updated")
        listen("import")
        segment("added", "contact_updated")
        for role in facts.ROLES:
            listen(*kinds, role=role)

        load(f"email,first name,{colour.name}\n{HERS},Grace,blue\nnew@m.example,New,red\n")

        heard = Intake.objects.order_by("id").values_list("kind", "method", "contact_id")
        new = store.subscriptions.exclude(pk=grace.pk).get().contact_id
        assert list(heard) == [
            (role, kind, contact)
            for kind, contact in [
                ("added", new),
                ("subscribed", new),
                ("profile_updated", grace.contact_id),
                ("profile_updated", new),
            ]
            for role in ("wake", "alarm")
        ]
        assert SegmentTouch.objects.get().contact_id == new

    def test_tell_of_people_that_they_change(self, grace, listen, load):
        listen("contact_updated", role="watch")

        load(f"email,first name\n{HERS},Anna\nnew@m.example,New\n")

        assert [fact.contact_id for fact in Intake.objects.all()] == [grace.contact_id]

    def test_that_remove_tell_of_those_who_were_on_the_list(self, grace, listen, load):
        listen("unsubscribed", role="watch")
        SubscriptionFactory(
            list=grace.list, contact=ContactFactory(email="left@m.example"), state="Unsubscribed"
        )

        load(f"email\n{HERS}\nleft@m.example\n", import_type="RemoveSubscribers")

        assert [fact.contact_id for fact in Intake.objects.all()] == [grace.contact_id]

    def test_raise_events_for_those_who_listen_and_for_nobody(self, grace, listen, load):
        event = ExternalEventFactory(list=grace.list, name="Order Imported")
        file = f"email,event\n{HERS},Order Imported\n"

        load(file)
        assert (Event.objects.count(), queued()) == (1, [])

        listen("external_event", external_event=event)
        listen("external_event", external_event=event, role="watch")
        load(file)

        assert Event.objects.count() == 2
        assert queued() == [("wake", "external_event"), ("external_event", "import")]
        assert set(Intake.objects.values_list("event_id", flat=True)) == {
            Event.objects.latest("id").pk
        }


class TestOrders:
    @staticmethod
    def order(number="A-1", *, at, status="Pending", email=HERS, **more):
        return NewOrder(
            order_number=number,
            customer=Customer(email=email),
            ordered_at=at,
            status=status,
            **more,
        )

    def save(self, now, *orders, starts=True, source="api"):
        actions.save_orders(orders=orders, now=now, source=source, start_conversations=starts)

    def test_have_each_status_for_the_first_time_once(self, grace, listen, now):
        listen("order")

        for status in ("Pending", "Shipped", "Pending", "Shipped", "Completed"):
            self.save(now, self.order(at=now, status=status))

        statuses = ["Pending", "Shipped", "Completed"]
        found = OrderFact.objects.order_by("id")
        assert list(found.values_list("status", flat=True)) == statuses
        assert {fact.contact_id for fact in found} == {grace.contact_id}
        assert [fact.properties["status"] for fact in Intake.objects.order_by("id")] == statuses

    def test_are_remembered_though_nothing_starts(self, grace, listen, now):
        listen("order")

        self.save(now, self.order(at=now), starts=False)
        self.save(now, self.order(at=now))

        assert OrderFact.objects.count() == 1
        assert queued() == []

    @pytest.mark.parametrize(
        ("source", "age", "starts"),
        [("api", 2, True), ("api", 5, False), ("import", 300, True)],
    )
    def test_that_are_old_start_nothing_unless_from_a_file(
        self, grace, listen, now, source, age, starts
    ):
        listen("order", within={"months": 0, "days": 2, "seconds": 0})
        listen("order", role="watch")

        self.save(now, self.order(at=now - age * DAY), source=source)

        assert queued() == [("wake", "order"), *([("order", source)] if starts else [])]

    def test_are_heard_of_whenever_they_change(self, grace, listen, now):
        listen("order", role="watch")
        other = SubscriptionFactory(
            list=grace.list, contact=ContactFactory(email="other@mail.example")
        )
        first = self.order(at=now)

        for changed in (first, first, self.order(at=now, items=[NewItem("SKU-1", price=5)])):
            self.save(now, changed, starts=False, source="import")
        self.save(now, self.order(at=now, email="other@mail.example"), starts=False)

        woken = [fact.contact_id for fact in Intake.objects.order_by("id")]
        assert woken == [grace.contact_id] * 2 + [other.contact_id, grace.contact_id]


class TestHears:
    @pytest.mark.parametrize(
        ("resolved", "kinds"),
        [
            ({"leaf": "field", "field_id": 1}, {"profile_updated", "added"}),
            ({"leaf": "contact"}, {"contact_updated"}),
            (
                {"leaf": "subscription"},
                {"added", "subscribed", "resubscribed", "unsubscribed"},
            ),
            ({"leaf": "purchase"}, {"order"}),
            ({"leaf": "entry"}, set()),
        ],
    )
    def test_are_the_facts_that_change_the_answer(self, resolved, kinds):
        assert filters.hears(resolved) == {(kind, None, None) for kind in kinds}

    def test_are_those_of_all_parts(self):
        rule = {
            "any": [
                {"not": {"leaf": "purchase"}},
                {"all": [{"leaf": "event", "external_event_id": 5}]},
            ]
        }

        assert filters.hears(rule) == {("order", None, None), ("external_event", 5, None)}
