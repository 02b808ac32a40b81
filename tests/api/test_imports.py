"""ListImport, Contact/SegmentationField, Customer, Order and Product."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.tenancy import in_account
from contacts.actions.imports import run_import
from contacts.models import (
    Contact,
    Event,
    Import,
    ImportReject,
    Intake,
    Listener,
    Order,
    OrderItem,
    Product,
    Subscription,
)
from tests.api.conftest import connect
from tests.factories import (
    ExternalEventFactory,
    ProfileFieldFactory,
    SubscriptionFactory,
)

CREATED = {"status": 201, "resourceId": None}


def invalid(name):
    return (400, "ERROR_INVALID_PARAMETER", f"An invalid value was supplied for {name}.")


@pytest.fixture
def base(shop):
    return f"/email/v1/List/{shop.pk}"


@pytest.fixture
def field(acme, shop):
    with in_account(acme.pk):
        return ProfileFieldFactory.create(group__list=shop, name="Engaged", data_type="CheckBox")


def import_file(text, *columns, **change):
    """Return the body that the Shopware plug-in sends."""
    return {
        "fileDelimiter": ",",
        "fileMappings": [
            {"fileColumn": number, "fileColumnType": kind, **more}
            for number, (kind, more) in enumerate(columns)
        ],
        "fileName": "listrak_list_import.csv",
        "fileStream": base64.b64encode(text.encode()).decode(),
        "hasColumnNames": True,
        "importType": "AddSubscribersAndSegmentationData",
        "segmentationImportType": "Update",
        "suppressEmailNotifications": True,
        "textQualifier": '"',
        "triggerJourney": False,
        "includeUnsubscribed": False,
        **change,
    }


EMAIL: tuple[str, dict[str, Any]] = ("Email", {})


class TestListImport:
    def test_is_polled_until_it_is_done(self, wire, base, acme, shop, field, now):
        with in_account(acme.pk):
            event = ExternalEventFactory.create(list=shop, name="Winback Check")
            SubscriptionFactory.create(list=shop, contact__email="ada@mail.example")
        body = import_file(
            f'mail,on?,event,id\r\ngrace@mail.example,on,"Winback Check, {event.pk}",C-1\r\n'
            "ada@mail.example,,,\r\nnobody,,,\r\n",
            EMAIL,
            ("SegmentationField", {"segmentationFieldId": field.pk}),
            ("Event", {}),
            ("ExternalContactID", {"defaultValue": "none"}),
        )

        made = wire.post(f"{base}/ListImport", body)["resourceId"]

        url = f"{base}/ListImport/{made}"
        assert isinstance(made, str)
        assert wire.get(f"{url}/Status")["status"] == "DataReadyForProcessing"
        run_import(int(made), now, account_id=acme.pk)
        status = wire.get(f"{url}/Status")
        assert list(status) == ["startDate", "endDate", "status"]
        assert (status["status"], status["endDate"]) == (
            "ProcessingCompleted",
            "2026-11-18T07:00:00",
        )
        assert wire.get(f"{url}/Summary") == {
            "alreadySubscribedCount": 1,
            "alreadyUnsubscribedCount": 0,
            "bannedCount": 0,
            "invalidEmailCount": 1,
            "previouslyUnsubscribedCount": 0,
            "processedCount": 3,
            "skippedCount": 0,
            "subscribedCount": 1,
            "suppressedCount": 0,
            "unsubscribedCount": 0,
        }
        shown = wire.get(f"{base}/Contact/grace@mail.example", segmentationFieldIds=field.pk)
        assert shown["externalContactID"] == "C-1"
        assert shown["segmentationFieldValues"][0]["value"] == "on"
        with in_account(acme.pk):
            assert Event.objects.filter(external_event_id=event.pk).count() == 2

    def test_is_listed(self, wire, base):
        made = wire.post(f"{base}/ListImport", import_file("mail\na@b.example\n", EMAIL))

        page = wire.page(f"{base}/ListImport", startDate="2010-01-01T00:00:00Z")
        assert page["nextPageCursor"] is None
        assert page["data"] == [wire.get(f"{base}/ListImport/{made['resourceId']}")]
        assert list(page["data"][0]) == ["importFileId", "importFileName", "importDate"]
        assert wire.get(f"{base}/ListImport", endDate="2010-01-01") == []

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"fileStream": "not base64!"}, "fileStream"),
            ({"fileStream": None}, "fileStream"),
            ({"fileStream": ""}, "fileStream"),
            ({"fileDelimiter": ",,"}, "fileDelimiter"),
            ({"importType": "Whatever"}, "importType"),
            ({"segmentationImportType": "Whatever"}, "segmentationImportType"),
            ({"fileMappings": []}, "fileMappings"),
            ({"fileMappings": [{"fileColumn": 7, "fileColumnType": "Email"}]}, "fileMappings"),
            ({"fileMappings": [{"fileColumn": 0, "fileColumnType": "Soul"}]}, "fileColumnType"),
            ({"fileMappings": [{"fileColumn": "x", "fileColumnType": "Email"}]}, "fileColumn"),
            (
                {
                    "fileMappings": [
                        {"fileColumn": 0, "fileColumnType": "Email"},
                        {
                            "fileColumn": 1,
                            "fileColumnType": "SegmentationField",
                            "segmentationFieldId": 999999,
                        },
                    ]
                },
                "fileMappings",
            ),
        ],
    )
    def test_names_what_is_wrong_and_keeps_nothing(self, wire, base, acme, change, name):
        body = import_file("mail,x\na@b.example,1\n", EMAIL, **change)

        status, error, message = wire.refused("POST", f"{base}/ListImport", body)

        assert (status, error) == invalid(name)[:2]
        assert message.startswith(invalid(name)[2])
        with in_account(acme.pk):
            assert not Import.objects.exists()

    def test_says_where_a_file_is_wrong(self, wire, base):
        body = import_file("mail,x,x\na@b.example,1,2\n", EMAIL)

        assert wire.refused("POST", f"{base}/ListImport", body)[2] == (
            "An invalid value was supplied for fileStream."
            " Line 1: the header names 'x' twice, in columns 2 and 3."
        )

    def test_takes_the_wrappers_empty_type_and_a_written_tab(self, wire, base):
        body = import_file(
            "a@b.example\tx\n",
            EMAIL,
            segmentationImportType="",
            fileDelimiter="\\t",
            hasColumnNames="False",
            textQualifier=None,
        )

        assert wire.post(f"{base}/ListImport/", body)["status"] == 201

    def test_asks_for_all_levels(self, acme, now, base):
        narrow = connect(acme, now, types=["email"], levels=["List", "Contact"])
        made = narrow.post(f"{base}/ListImport", import_file("m\na@b.example\n", EMAIL))

        url = f"{base}/ListImport/{made['resourceId']}"
        assert narrow.get(url)
        assert narrow.refused("GET", f"{url}/Status")[0] == 401


class TestSegmentsRoute:
    def test_updates_who_is_on_the_list(self, wire, base, acme, shop, field):
        """As the destination sends it, an empty inner array included."""
        with in_account(acme.pk):
            SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")
            Listener.objects.create(conversation_id=1, list=shop, kind="profile_updated")
        values = [{"segmentationFieldId": field.pk, "value": "on"}]
        body = [
            {"emailAddress": "Grace@mail.example", "segmentationFieldValues": values},
            {"emailAddress": "grace@mail.example", "segmentationFieldValues": []},
            {"emailAddress": "nobody@mail.example", "segmentationFieldValues": values},
        ]

        made = wire.post(f"{base}/Contact/SegmentationField", body)

        assert made == {"status": 201, "resourceId": ""}
        shown = wire.get(f"{base}/Contact/grace@mail.example", segmentationFieldIds=field.pk)
        assert shown["segmentationFieldValues"][0]["value"] == "on"
        with in_account(acme.pk):
            assert Contact.objects.count() == 1
            assert Intake.objects.count() == 1
            reject = ImportReject.objects.get()
            assert (reject.line, reject.reason) == (3, "The address is not on the list.")

    def test_takes_thousands_and_tells_of_what_changed(self, wire, base, acme, shop, field):
        with in_account(acme.pk):
            Listener.objects.create(conversation_id=1, list=shop, kind="profile_updated")
            for number in range(30):
                SubscriptionFactory.create(
                    list=shop,
                    contact__email=f"p{number}@mail.example",
                    # The first ten have it already.
                    profile={str(field.pk): "on"} if number < 10 else {},
                    state="Unsubscribed" if number >= 28 else "Subscribed",
                )

        wire.post(
            f"{base}/Contact/SegmentationField",
            [
                {
                    "emailAddress": f"P{number % 2500}@mail.example",
                    "segmentationFieldValues": [{"segmentationFieldId": field.pk, "value": "on"}],
                }
                for number in range(3000)
            ],
        )

        with in_account(acme.pk):
            told = Intake.objects.order_by("id")
            assert len(told) == 18
            assert {tuple(row.properties["fields"]) for row in told} == {(str(field.pk),)}
            on = {str(field.pk): "on"}
            assert Subscription.objects.filter(profile__contains=on).count() == 28
            counts = Import.objects.get().counts
            assert counts["updated"] == 18
            assert (
                counts["processed"] == counts["updated"] + counts["unchanged"] + counts["rejected"]
            )

    def test_lets_the_later_row_of_an_address_win(self, wire, base, acme, shop, field):
        with in_account(acme.pk):
            person = SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")

        wire.post(
            f"{base}/Contact/SegmentationField",
            [
                {
                    "emailAddress": "grace@mail.example",
                    "segmentationFieldValues": [{"segmentationFieldId": field.pk, "value": value}],
                }
                for value in ("on", "off", "on", "off")
            ],
        )

        with in_account(acme.pk):
            person.refresh_from_db()
            assert person.profile == {str(field.pk): "off"}

    def test_refuses_a_field_that_the_list_has_not(self, wire, base, acme):
        body = [
            {
                "emailAddress": "grace@mail.example",
                "segmentationFieldValues": [{"segmentationFieldId": 9, "value": "on"}],
            }
        ]

        url = f"{base}/Contact/SegmentationField"
        assert wire.refused("POST", url, body) == invalid("segmentationFieldId")
        assert wire.refused("POST", url, {"emailAddress": "a"})[1] == "ERROR_MALFORMED_REQUEST_BODY"
        assert wire.refused("POST", url, [{}]) == invalid("emailAddress")


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
