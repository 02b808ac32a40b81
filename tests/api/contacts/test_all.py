"""All contacts of a list, its events, and an event that is raised."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.tenancy import in_account
from contacts.models import Contact, Event, Intake, Listener, Subscription
from tests.api.conftest import connect
from tests.api.contacts.answers import GRACE, invalid
from tests.factories import (
    SubscriptionFactory,
)


class TestAllContacts:
    def test_pages_to_the_end_while_others_subscribe(self, wire, contact_url, acme, shop):
        with in_account(acme.pk):
            SubscriptionFactory.create_batch(5, list=shop)

        seen: list[str] = []
        cursor: Any = "Start"
        while cursor is not None:
            page = wire.page(contact_url, cursor=cursor, count=2)
            assert list(page) == ["status", "nextPageCursor", "data"]
            seen += [each["emailAddress"] for each in page["data"]]
            cursor = page["nextPageCursor"]
            with in_account(acme.pk):
                if len(seen) == 2:
                    SubscriptionFactory.create(list=shop)
        assert len(seen) == len(set(seen)) == 6

    def test_gives_a_cursor_that_goes_into_a_url_as_it_is_and_keeps_the_query(
        self, wire, contact_url, acme, shop
    ):
        with in_account(acme.pk):
            SubscriptionFactory.create_batch(3, list=shop, state="Unsubscribed")
            SubscriptionFactory.create_batch(3, list=shop)

        query = {"subscriptionState": "unsubscribed", "COUNT": "2", "externalContactId": ""}
        cursor = wire.page(contact_url, **query)["nextPageCursor"]

        assert cursor.replace("-", "").replace("_", "").isalnum()
        assert cursor.isascii()
        last = wire.page(f"{contact_url}?cursor={cursor}")
        assert [each["subscriptionState"] for each in last["data"]] == ["Unsubscribed"]
        assert last["nextPageCursor"] is None

    @pytest.mark.parametrize("count", ["0", "-5", "1", "99999999999"])
    def test_brings_the_count_into_its_range(self, wire, contact_url, acme, shop, count):
        with in_account(acme.pk):
            SubscriptionFactory.create_batch(2, list=shop)

        assert len(wire.page(contact_url, count=count)["data"]) == (2 if len(count) > 2 else 1)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("cursor", "nonsense"),
            ("cursor", "WzFd"),
            ("count", "many"),
            ("subscriptionState", "Maybe"),
            ("startDate", "yesterday"),
            ("endDate", "13/13/2026"),
            ("segmentationFieldIds", "1,x"),
            ("segmentationFieldIds", "9999999"),
        ],
    )
    def test_names_what_is_wrong(self, wire, contact_url, name, value):
        assert wire.refused("GET", contact_url, query_params={name: value}) == invalid(name)

    def test_takes_no_more_than_30_fields(self, wire, contact_url):
        ids = ",".join(str(number) for number in range(31))

        refusal = wire.refused("GET", contact_url, query_params={"segmentationFieldIds": ids})

        assert refusal[1] == "ERROR_TOO_MANY_SEGMENTATION_FIELDS"

    def test_reads_dates_in_the_zone_of_the_account(self, wire, contact_url, acme, shop):
        """Midnight in New York is five in the morning UTC; both ends are inside."""
        moment = datetime(2026, 11, 18, 5, 0, 0, 123456, tzinfo=UTC)
        with in_account(acme.pk):
            SubscriptionFactory.create(list=shop, subscribed_at=moment)

        def shown(**query):
            return [each["subscribeDate"] for each in wire.page(contact_url, **query)["data"]]

        date = "2026-11-18T00:00:00.123"
        assert shown(startDate="2026-11-18") == [date]
        assert shown(startDate="2026-11-18T05:00:00Z") == [date]
        assert shown(startDate="11-19-2026") == []
        assert shown(startDate=date, endDate=date) == [date]
        assert shown(endDate="2026-11-18") == []
        assert shown(endDate=date, useOriginalSubscribeDate="False") == []

    def test_asks_for_the_date_of_the_state(self, wire, contact_url, acme, shop, now):
        with in_account(acme.pk):
            SubscriptionFactory.create(
                list=shop,
                state="Unsubscribed",
                subscribed_at=now - timedelta(days=30),
                unsubscribed_at=now,
            )

        since = {"startDate": "2026-11-18", "subscriptionState": "Unsubscribed"}
        assert len(wire.get(contact_url, **since)) == 1

    def test_finds_by_external_id(self, wire, contact_url):
        wire.post(contact_url, {"emailAddress": GRACE, "externalContactID": "C-1"})
        wire.post(contact_url, {"emailAddress": "ada@mail.example"})

        shown = wire.get(contact_url, externalContactId="C-1")

        assert [each["emailAddress"] for each in shown] == [GRACE]

    def test_wants_the_level_contact(self, acme, now, contact_url):
        reader = connect(acme, now, types=["email"], levels=["List"])

        assert reader.refused("GET", contact_url)[0] == 401


class TestEvents:
    def test_make_and_read(self, wire, base):
        made = wire.post(f"{base}/Event", {"eventName": "Test", "status": "Active"})

        shown = {
            "eventId": int(made["resourceId"]),
            "eventName": "Test",
            "eventGroupId": 0,
            "status": "Active",
        }
        assert wire.get(f"{base}/Event") == [shown]
        assert wire.get(f"{base}/Event/{made['resourceId']}") == shown

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({"eventName": "test"}, "eventName"),
            ({"eventName": ""}, "eventName"),
            ({"eventName": "Other", "status": "Asleep"}, "status"),
            ({"eventName": "Other", "eventGroupId": 4}, "eventGroupId"),
        ],
    )
    def test_name_what_is_wrong(self, wire, base, body, name):
        wire.post(f"{base}/Event", {"eventName": "Test"})

        assert wire.refused("POST", f"{base}/Event", body) == invalid(name)

    def test_names_both_parameters_of_what_is_missing(self, wire, base):
        assert wire.refused("GET", f"{base}/Event/99999")[2] == (
            "Unable to locate a resource associated with the listId and eventId supplied."
        )


class TestRaiseEvent:
    @pytest.fixture
    def url(self, shop):
        return f"/conductor/v1/List/{shop.pk}/Event/Raise"

    @pytest.mark.parametrize(
        "identifier",
        [
            {"emailAddress": "Grace@mail.example"},
            {"phoneNumber": "+1 212 555 2368"},
            {"externalContactID": "C-1"},
        ],
    )
    def test_finds_the_contact(self, wire, url, acme, shop, order_imported, identifier):
        with in_account(acme.pk):
            grace = SubscriptionFactory.create(
                list=shop,
                external_contact_id="C-1",
                contact__email="grace@mail.example",
                contact__phone_e164="+12125552368",
            )

        made = wire.post(
            url,
            {
                **identifier,
                "event": "order imported",
                "occurredAt": "2026-11-01T12:00:00",
                "properties": {"total": 12.5},
            },
        )

        with in_account(acme.pk):
            event = Event.objects.get(pk=int(made["resourceId"]))
            assert event.contact_id == grace.contact_id
            assert event.occurred_at == datetime(2026, 11, 1, 17, 0, tzinfo=UTC)
            assert event.properties == {"total": 12.5}

    def test_refuses_what_is_more_than_a_day_ahead(self, wire, url, order_imported):
        body = {"emailAddress": "grace@mail.example", "event": order_imported.pk}
        tomorrow = datetime.now(UTC) + timedelta(hours=25)

        refusal = wire.refused("POST", url, {**body, "occurredAt": tomorrow.isoformat()})

        assert refusal[2] == "An invalid value was supplied for occurredAt."

    def test_makes_a_contact_without_a_subscription(self, wire, url, acme, order_imported):
        wire.post(url, {"emailAddress": "new@mail.example", "event": order_imported.pk})

        with in_account(acme.pk):
            assert Contact.objects.get().email_norm == "new@mail.example"
            assert not Subscription.objects.exists()

    def test_tells_who_listens(self, wire, url, acme, shop, order_imported):
        with in_account(acme.pk):
            Listener.objects.create(
                conversation_id=1, list=shop, kind="external_event", external_event=order_imported
            )

        wire.post(url, {"emailAddress": "new@mail.example", "event": str(order_imported.pk)})

        with in_account(acme.pk):
            assert Intake.objects.get().external_event_id == order_imported.pk

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({"event": "Order Imported"}, "emailAddress"),
            ({"event": "Order Imported", "emailAddress": "nobody"}, "emailAddress"),
            ({"event": "Order Imported", "phoneNumber": "12"}, "phoneNumber"),
            ({"event": "Order Imported", "externalContactID": "?"}, "externalContactID"),
            ({"event": "Nothing", "emailAddress": GRACE}, "event"),
            ({"event": 999999, "emailAddress": GRACE}, "event"),
            ({"emailAddress": GRACE}, "event"),
            ({"event": "Order Imported", "emailAddress": GRACE, "occurredAt": "x"}, "occurredAt"),
            ({"event": "Order Imported", "emailAddress": GRACE, "properties": [1]}, "properties"),
            (
                {"event": "Order Imported", "emailAddress": GRACE, "properties": {"a": "\x00"}},
                "properties",
            ),
        ],
    )
    def test_names_what_is_wrong_and_stores_nothing(
        self, wire, url, acme, order_imported, body, name
    ):
        assert wire.refused("POST", url, body) == invalid(name)
        with in_account(acme.pk):
            assert not Contact.objects.exists()
            assert not Event.objects.exists()
