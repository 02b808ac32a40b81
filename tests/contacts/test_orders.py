"""Orders and customers, many at once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from contacts import actions
from contacts.actions import Customer, NewItem, NewOrder
from contacts.models import Contact, Intake, Listener, Order
from tests.factories import ContactFactory, ListFactory, SubscriptionFactory

DAY = timedelta(days=1)


def order(number="A-1", *, at, email="g@mail.example", **fields):
    fields.setdefault("items", [NewItem("SHOE", 2, "10.50"), NewItem("SOCK", 1, 4)])
    customer = fields.pop("customer", Customer(email=email))
    return NewOrder(order_number=number, customer=customer, ordered_at=at, **fields)


@pytest.mark.usefixtures("inside_acme")
class TestSaveOrders:
    def test_stores_orders_with_their_items_and_people(self, now):
        outcome = actions.save_orders(orders=[order(at=now - DAY)], now=now, source="api")

        stored = Order.objects.get()
        assert (outcome.created, outcome.rejects) == (1, [])
        assert (stored.contact.email_norm, stored.total) == ("g@mail.example", Decimal("25.00"))
        assert list(stored.items.order_by("position").values_list("sku", "quantity", "total")) == [
            ("SHOE", 2, Decimal("21.00")),
            ("SOCK", 1, Decimal("4.00")),
        ]

    def test_the_same_orders_again_change_nothing(self, now):
        orders = [order(f"A-{number}", at=now - DAY) for number in range(3)]
        actions.save_orders(orders=orders, now=now, source="api")

        again = actions.save_orders(orders=orders, now=now + DAY, source="api")

        assert (again.created, again.updated, again.unchanged) == (0, 0, 3)
        assert not Order.objects.exclude(updated_at=now).exists()

    def test_a_number_sent_again_replaces_the_order_with_its_items(self, now):
        actions.save_orders(orders=[order(at=now - DAY)], now=now, source="api")

        outcome = actions.save_orders(
            orders=[order(at=now - 2 * DAY, items=[NewItem("BELT", 1, 30)], status="Shipped")],
            now=now,
            source="api",
        )

        stored = Order.objects.get()
        assert (outcome.updated, stored.status) == (1, "Shipped")
        assert stored.ordered_at == now - 2 * DAY
        assert [item.sku for item in stored.items.all()] == ["BELT"]

    def test_an_order_of_a_day_ahead_is_a_reject_and_stores_nothing(self, now):
        hour = timedelta(hours=1)
        outcome = actions.save_orders(
            orders=[order("A-1", at=now + 23 * hour), order("A-2", at=now + 25 * hour)],
            now=now,
            source="api",
        )

        assert [order.order_number for order in Order.objects.all()] == ["A-1"]
        assert [(remark.index, remark.field) for remark in outcome.rejects] == [(1, "dateEntered")]

    def test_a_bad_row_leaves_the_others_alone(self, now):
        outcome = actions.save_orders(
            orders=[
                order("", at=now),
                order("A-2", at=now, email="nobody"),
                order("A-3", at=now, items=[NewItem("", 1, 1)]),
                order("A-4", at=now, total="lots"),
                order("A-5", at=now, customer=Customer()),
                order("A-6", at=now),
            ],
            now=now,
            source="api",
        )

        assert [remark.field for remark in outcome.rejects] == [
            "orderNumber",
            "emailAddress",
            "sku",
            "total",
            "email",
        ]
        assert (Order.objects.count(), Contact.objects.count()) == (1, 1)

    def test_finds_the_customer_by_number_without_an_email(self, now):
        known = ContactFactory(external_id="17")

        actions.save_orders(
            orders=[
                order("A-1", at=now, customer=Customer(customer_number="17")),
                order(
                    "A-2", at=now, customer=Customer(email="new@m.example", customer_number="18")
                ),
                order("A-3", at=now, customer=Customer(customer_number="18")),
            ],
            now=now,
            source="api",
        )

        whose = dict(Order.objects.values_list("order_number", "contact__email_norm"))
        assert whose == {
            "A-1": known.email_norm,
            "A-2": "new@m.example",
            "A-3": "new@m.example",
        }

    def test_identifiers_of_two_contacts_warn_and_the_email_wins(self, now):
        ContactFactory(external_id="17")
        grace = ContactFactory(email="g@mail.example")

        outcome = actions.save_orders(
            orders=[order(at=now, customer=Customer(email="g@mail.example", customer_number="17"))],
            now=now,
            source="api",
        )

        assert [remark.message for remark in outcome.warnings] == ["identifiers of two contacts"]
        assert Order.objects.get().contact == grace

    def test_starts_conversations_only_when_asked_and_once_per_status(self, now):
        store = ListFactory()
        subscription = SubscriptionFactory(
            list=store, contact=ContactFactory(email="g@mail.example")
        )
        Listener.objects.create(conversation_id=7, list=store, kind="order")

        for starts, status in ((False, "Pending"), (True, "Pending"), (True, "Shipped")):
            actions.save_orders(
                orders=[order(at=now, status=status)],
                now=now,
                source="api",
                start_conversations=starts,
            )

        queued = Intake.objects.get()
        assert queued.subscription_id == subscription.pk
        assert queued.properties["status"] == "Shipped"

    def test_reads_the_status_in_any_spelling(self, now):
        orders = [
            order(f"A-{number}", at=now, status=status)
            for number, status in enumerate(["cancelled", "pre-order", None, "gift wrapped"])
        ]

        actions.save_orders(orders=orders, now=now, source="api")

        assert list(Order.objects.order_by("order_number").values_list("status", flat=True)) == [
            "Canceled",
            "PreOrder",
            "NotSet",
            "Unknown",
        ]


@pytest.mark.usefixtures("inside_acme")
class TestSaveCustomers:
    def test_creates_updates_and_leaves_alone(self, now):
        customers = [
            Customer(email="A@mail.example", first_name="Ann", phone="(212) 555-0100"),
            Customer(customer_number="17", last_name="Hopper"),
        ]
        first = actions.save_customers(customers=customers, now=now)
        again = actions.save_customers(customers=customers, now=now)
        changed = actions.save_customers(
            customers=[Customer(email="a@mail.example", first_name="Anna")], now=now
        )

        assert (first.created, again.unchanged, changed.updated) == (2, 2, 1)
        ann = Contact.objects.get(email_norm="a@mail.example")
        assert (ann.first_name, ann.phone_e164, ann.email) == (
            "Anna",
            "+12125550100",
            "A@mail.example",
        )

    def test_a_shared_phone_stays_with_the_first(self, now):
        outcome = actions.save_customers(
            customers=[
                Customer(email="a@mail.example", phone="2125550100"),
                Customer(email="b@mail.example", phone="2125550100"),
            ],
            now=now,
        )

        phones = dict(Contact.objects.values_list("email_norm", "phone_e164"))
        assert phones == {"a@mail.example": "+12125550100", "b@mail.example": ""}
        assert [remark.index for remark in outcome.warnings] == [1]

    def test_an_unreadable_phone_is_left_out_with_a_warning(self, now):
        outcome = actions.save_customers(
            customers=[Customer(email="a@mail.example", phone="12345")], now=now
        )

        assert (outcome.created, outcome.warnings[0].field) == (1, "phoneNumber")

    def test_agrees_with_the_single_form(self, now):
        rows: list[dict[str, Any]] = [
            {"email": "a@m.example", "external_id": "1"},
            {"external_id": "1", "first_name": "Ann"},
            {"external_id": "2", "phone": "2125550101"},
            {"phone": "2125550101", "last_name": "Two"},
            {"email": "b@m.example", "external_id": "2"},
            {"email": "a@m.example", "phone": "2125550102"},
            {"phone": "2125550102", "last_name": "Last"},
            {"email": "b@m.example", "phone": "2125550102"},
        ]
        for row in rows:
            actions.save_contact(**row, now=now)
        columns = ("email_norm", "external_id", "phone_e164", "first_name", "last_name")
        single = sorted(Contact.objects.values_list(*columns))
        Contact.objects.all().delete()

        actions.save_customers(
            customers=[
                Customer(
                    email=row.get("email", ""),
                    customer_number=row.get("external_id", ""),
                    phone=row.get("phone", ""),
                    first_name=row.get("first_name", ""),
                    last_name=row.get("last_name", ""),
                )
                for row in rows
            ],
            now=now,
        )

        assert sorted(Contact.objects.values_list(*columns)) == single
