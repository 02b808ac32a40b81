"""Customer, Order and Product."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.tenancy import in_account
from contacts.models import (
    Contact,
    Import,
    ImportReject,
    Order,
    OrderItem,
    Product,
)
from tests.api.conftest import connect

CREATED = {"status": 201, "resourceId": None}


class TestCustomers:
    def test_are_created_and_updated(self, wire, acme):
        body = [
            {
                "Email": "Grace@mail.example",
                "customerNumber": 7,
                "firstName": "Grace",
                "lastName": None,
                "zipcode": "22201",
                "mobilePhone": "212-555-2368",
                "birthday": "",
                "customerGroup": "gold",
                "address": {"city": "Arlington"},
            },
            {"customerNumber": "8"},
        ]

        assert wire.post("/data/v1/Customer/", body) == CREATED
        assert wire.post("/data/v1/Customer", body) == CREATED

        with in_account(acme.pk):
            grace = Contact.objects.get(email_norm="grace@mail.example")
            assert (grace.external_id, grace.first_name, grace.postal_code, grace.phone_e164) == (
                "7",
                "Grace",
                "22201",
                "+12125552368",
            )
            assert Contact.objects.count() == 2
            assert not Import.objects.exists()

    def test_keep_what_has_no_column_of_its_own(self, wire, acme):
        first = {
            "email": "grace@mail.example",
            "address": {"city": "Arlington", "country": "US"},
            "gender": "F",
            "homePhone": "2125550000",
            "loyalty": {"availablePoints": 7},
            "Meta1": "early",
            "registered": True,
            "workPhone": None,
        }
        again = {"email": "Grace@mail.example", "gender": "", "loyalty": {"availablePoints": 9}}
        wire.post("/data/v1/Customer", [first, {"email": "ada@mail.example", "meta5": "a"}])

        wire.post("/data/v1/Customer", [again, {"email": "grace@mail.example", "meta2": "late"}])
        order = {"orderNumber": "1", "customer": {"email": "ada@mail.example", "meta4": "b"}}
        wire.post("/data/v1/Order", [order])

        with in_account(acme.pk):
            grace = Contact.objects.get(email_norm="grace@mail.example")
            assert grace.extra == {
                "address": {"city": "Arlington", "country": "US"},
                "gender": "F",
                "homePhone": "2125550000",
                "loyalty": {"availablePoints": 9},
                "meta1": "early",
                "meta2": "late",
                "registered": True,
            }
            ada = Contact.objects.get(email_norm="ada@mail.example")
            assert ada.extra == {"meta5": "a", "meta4": "b"}

    def test_leave_rejects_where_they_are_seen(self, wire, acme):
        body: list[Any] = [
            {"firstName": "Nobody"},
            {"email": "grace@mail.example"},
            "x",
            None,
            {"email": {}},
        ]

        assert wire.post("/data/v1/Customer", body) == CREATED

        with in_account(acme.pk):
            assert Contact.objects.count() == 1
            kept = Import.objects.get()
            assert (kept.kind, kept.status, kept.list_id) == (
                "contacts",
                "ProcessingCompleted",
                None,
            )
            assert list(ImportReject.objects.order_by("line").values_list("line", flat=True)) == [
                *(1, 3, 4, 5)
            ]

    def test_may_all_be_bad(self, wire, acme):
        assert wire.post("/data/v1/Customer", [{"email": "nobody"}]) == CREATED
        assert wire.post("/data/v1/Order", [{"orderNumber": "A-1"}]) == CREATED

        with in_account(acme.pk):
            assert not Contact.objects.exists()
            assert ImportReject.objects.count() == 2

    @pytest.mark.parametrize("body", [{}, "x", 3, {"customers": []}])
    def test_come_in_an_array(self, wire, body):
        refusal = wire.refused("POST", "/data/v1/Customer", body)

        assert refusal[:2] == (400, "ERROR_MALFORMED_REQUEST_BODY")

    def test_need_type_and_level(self, acme, now):
        email = connect(acme, now, types=["email"])
        orders = connect(acme, now, types=["data"], levels=["Order"])

        assert email.refused("POST", "/data/v1/Customer", [])[0] == 401
        assert orders.refused("POST", "/data/v1/Customer", [])[0] == 401
        assert orders.post("/data/v1/Order", []) == CREATED


class TestOrders:
    ORDER = {
        "orderNumber": "A-1",
        "email": "grace@mail.example",
        "customerNumber": "7",
        "dateEntered": "2026-11-01T12:00:00",
        "orderTotal": 55.5,
        "taxTotal": "5.50",
        "status": "completed",
        "shippingMethod": "pigeon",
        "BillingAddress": {"city": "Arlington"},
        "items": [
            {"orderNumber": "A-1", "sku": "SHOE", "quantity": 2, "price": 25, "meta1": "blue"},
        ],
    }

    def test_are_stored_with_their_items(self, wire, acme):
        assert wire.post("/data/v1/Order/", [self.ORDER]) == CREATED

        with in_account(acme.pk):
            order = Order.objects.select_related("contact").get()
            assert (order.order_number, order.status) == ("A-1", "Completed")
            assert (str(order.total), str(order.tax_total)) == ("55.50", "5.50")
            assert order.ordered_at == datetime(2026, 11, 1, 17, tzinfo=UTC)
            assert order.contact.email_norm == "grace@mail.example"
            assert order.contact.external_id == "7"
            assert order.extra == {
                "shippingMethod": "pigeon",
                "billingAddress": {"city": "Arlington"},
            }
            item = OrderItem.objects.get()
            assert (item.sku, item.quantity, str(item.total), item.extra) == (
                "SHOE",
                2,
                "50.00",
                {"meta1": "blue"},
            )

    def test_are_replaced_by_their_number(self, wire, acme):
        wire.post("/data/v1/Order", [self.ORDER])
        shipped = {**self.ORDER, "status": "Shipped", "dateEntered": None, "items": None}

        wire.post("/data/v1/Order", [shipped])

        with in_account(acme.pk):
            order = Order.objects.get()
            assert order.status == "Shipped"
            assert order.ordered_at == datetime(2026, 11, 1, 17, tzinfo=UTC)
            assert not OrderItem.objects.exists()

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"orderNumber": ""}, "orderNumber"),
            ({"orderNumber": "A\x00"}, "orderNumber"),
            ({"email": None, "customerNumber": None}, "email"),
            ({"email": "nobody"}, "emailAddress"),
            ({"dateEntered": "someday"}, "dateEntered"),
            ({"dateEntered": "tomorrow"}, "dateEntered"),
            ({"orderTotal": "much"}, "total"),
            ({"items": [{"quantity": 1}]}, "sku"),
            ({"items": "x"}, "items"),
            ({"items": ["x"]}, "items"),
            ({"customer": []}, None),
            ({"customer": "x"}, "customer"),
        ],
    )
    def test_that_are_bad_are_answered_201_and_shown_as_rejects(self, wire, acme, change, field):
        if change.get("dateEntered") == "tomorrow":
            later = datetime.now(UTC) + timedelta(hours=30)
            change = {"dateEntered": later.isoformat()}

        assert (
            wire.post(
                "/data/v1/Order", [self.ORDER, {**self.ORDER, "orderNumber": "A-2", **change}]
            )
            == CREATED
        )

        with in_account(acme.pk):
            rejects = list(ImportReject.objects.all())
            if field is None:
                assert Order.objects.count() == 2
                return
            assert Order.objects.get().order_number == "A-1"
            assert [(each.line, each.code, each.severity) for each in rejects] == [
                (2, field, "reject")
            ]
            assert rejects[0].reason

    def test_leave_out_what_no_database_keeps(self, wire, acme):
        odd = {**self.ORDER, "meta1": "\x00", "meta2": {"a": "\ud800"}, "meta3": "fine"}

        assert wire.post("/data/v1/Order", [odd]) == CREATED

        with in_account(acme.pk):
            extra = Order.objects.get().extra
            assert "meta1" not in extra
            assert "meta2" not in extra
            assert extra["meta3"] == "fine"

    def test_are_shown_under_imports_of_every_list(self, wire, acme, ada, shop, client):
        wire.post("/data/v1/Order", [{**self.ORDER, "orderNumber": ""}])
        client.force_login(ada)

        page = client.get(f"/a/{acme.slug}/lists/{shop.pk}/imports/")

        assert "API: Shop" in page.content.decode()


class TestProducts:
    def test_are_kept_and_added_to(self, wire, acme):
        body = [
            {
                "sku": "A-1",
                "Title": "Shoe",
                "price": 49.9,
                "salePrice": None,
                "qoh": "0",
                "inStock": None,
                "onSale": "false",
                "saleEndDate": "2026-11-30T00:00:00",
                "linkUrl": "https://acme.example/a-1",
                "relatedProducts": [{"sku": "A-2", "rank": 1}],
            },
            {"sku": "A-2", "qoh": None, "title": ""},
        ]

        assert wire.post("/data/v1/Product/", body) == CREATED
        assert wire.post("/data/v1/Product", [{"sku": "A-1", "salePrice": 39}]) == CREATED

        with in_account(acme.pk):
            shoe = Product.objects.get(sku="A-1")
            assert (shoe.title, str(shoe.price), str(shoe.sale_price)) == ("Shoe", "49.90", "39.00")
            assert (shoe.quantity, shoe.in_stock) == (0, False)
            assert shoe.extra["onSale"] is False
            assert shoe.extra["linkUrl"] == "https://acme.example/a-1"
            assert shoe.extra["relatedProducts"] == [{"sku": "A-2", "rank": 1}]
            # In the account's zone, New York.
            ends = datetime.fromisoformat(shoe.extra["saleEndDate"])
            assert ends.astimezone(UTC) == datetime(2026, 11, 30, 5, tzinfo=UTC)
            assert not Import.objects.exists()

    def test_leave_rejects_where_they_are_seen(self, wire, acme):
        body: list[Any] = [
            {"title": "Nothing"},
            {"sku": "A-1", "inStock": "perhaps"},
            {"sku": "A-2"},
        ]

        assert wire.post("/data/v1/Product", body) == CREATED

        with in_account(acme.pk):
            assert [product.sku for product in Product.objects.all()] == ["A-2"]
            assert Import.objects.get().kind == "products"
            rejects = ImportReject.objects.order_by("line").values_list("line", "reason")
            assert list(rejects) == [
                (1, "A product needs a sku of 1 to 100 characters."),
                (2, "inStock is neither true nor false."),
            ]

    def test_need_the_level(self, acme, now):
        orders = connect(acme, now, types=["data"], levels=["Order"])

        assert orders.refused("POST", "/data/v1/Product", [])[0] == 401
