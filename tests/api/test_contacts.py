"""Profile fields, contacts, events."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.tenancy import in_account
from contacts.models import Contact, Event, Intake, Listener, Subscription
from tests.api.conftest import connect
from tests.factories import (
    ExternalEventFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SubscriptionFactory,
)

GRACE = "Grace.Hopper+shoes@mail.example"
LEFT = (
    400,
    "ERROR_UNSUBSCRIBED_EMAIL_ADDRESS",
    "The emailAddress has already been unsubscribed from the list.",
)


def invalid(name):
    return (400, "ERROR_INVALID_PARAMETER", f"An invalid value was supplied for {name}.")


@pytest.fixture
def base(shop):
    return f"/email/v1/List/{shop.pk}"


@pytest.fixture
def contact_url(base):
    return f"{base}/Contact"


@pytest.fixture
def order_imported(acme, shop):
    with in_account(acme.pk):
        return ExternalEventFactory.create(list=shop, name="Order Imported")


@pytest.fixture
def fields(acme, shop):
    """Text, number, check box, date: in this order."""
    with in_account(acme.pk):
        group = ProfileFieldGroupFactory.create(list=shop, name="Profile")
        return [
            ProfileFieldFactory.create(group=group, name=kind, data_type=kind)
            for kind in ("Text", "Numeric", "CheckBox", "Date")
        ]


class TestProfileFields:
    def test_make_a_group_and_a_field(self, wire, base):
        group = wire.post(f"{base}/SegmentationFieldGroup", {"segmentationFieldGroupName": "Shoes"})
        url = f"{base}/SegmentationFieldGroup/{group['resourceId']}"
        field = wire.post(
            f"{url}/SegmentationField",
            {"segmentationFieldName": "Size", "dataType": "Numeric", "maxLength": 0, "position": 3},
        )

        shown_group = {
            "segmentationFieldGroupId": int(group["resourceId"]),
            "segmentationFieldGroupName": "Shoes",
            "position": 1,
        }
        shown_field = {
            "segmentationFieldId": int(field["resourceId"]),
            "segmentationFieldName": "Size",
            "segmentationFieldGroupId": int(group["resourceId"]),
            "dataType": "Numeric",
            "maxLength": 0,
            "position": 3,
        }
        assert wire.get(f"{base}/SegmentationFieldGroup") == [shown_group]
        assert wire.get(url) == shown_group
        assert wire.get(f"{url}/SegmentationField") == [shown_field]
        assert wire.get(f"{url}/SegmentationField/{field['resourceId']}") == shown_field

    def test_name_what_is_wrong(self, wire, base):
        group = wire.post(f"{base}/SegmentationFieldGroup", {"segmentationFieldGroupName": "Shoes"})
        url = f"{base}/SegmentationFieldGroup"

        again = {"segmentationFieldGroupName": "shoes"}
        assert wire.refused("POST", url, again) == invalid("segmentationFieldGroupName")
        bad = {"segmentationFieldName": "Size", "dataType": "Fraction"}
        fields = f"{url}/{group['resourceId']}/SegmentationField"
        assert wire.refused("POST", fields, bad) == invalid("dataType")
        assert wire.refused("GET", f"{fields}/9999999")[2] == (
            "Unable to locate a resource associated with the listId, "
            "segmentationFieldGroupId, and segmentationFieldId supplied."
        )


class TestSaveContact:
    def test_creates_with_201_and_changes_with_200(self, wire, contact_url):
        assert wire.post(contact_url, {"emailAddress": GRACE, "segmentationFieldValues": None}) == {
            "status": 201,
            "resourceId": GRACE,
        }
        assert wire.post(contact_url, {"EmailAddress": GRACE.lower()}, status=200) == {
            "status": 200,
            "resourceId": GRACE.lower(),
        }

    def test_is_read_back_as_recorded(self, wire, contact_url, shop):
        wire.post(contact_url, {"emailAddress": GRACE, "externalContactID": "C-1"})

        shown = wire.get(f"{contact_url}/{GRACE}")

        assert list(shown) == [
            "emailAddress",
            "emailKey",
            "universalEmailKey",
            "subscriptionState",
            "subscribeDate",
            "resubscribeDate",
            "subscribeMethod",
            "unsubscribeDate",
            "unsubscribeMethod",
            "externalContactID",
            "segmentationFieldValues",
        ]
        assert shown["emailAddress"] == GRACE
        assert shown["universalEmailKey"] == hashlib.sha256(GRACE.lower().encode()).hexdigest()
        assert shown["subscribeMethod"] == "Administrator"
        assert shown["externalContactID"] == "C-1"
        assert shown["segmentationFieldValues"] == []
        assert shown["unsubscribeDate"] is shown["unsubscribeMethod"] is None
        assert len(shown["emailKey"]) == 26
        assert wire.get(f"{contact_url}/{shown['emailKey']}") == shown
        assert wire.get(f"{contact_url}/{GRACE.replace('@', '%40')}") == shown

    def test_unsubscribes_and_subscribes_again(self, wire, contact_url):
        """The story of the storefront client, as recorded."""
        wire.post(contact_url, {"emailAddress": GRACE})
        first = wire.get(f"{contact_url}/{GRACE}")["subscribeDate"]
        leaving = {
            "emailAddress": GRACE,
            "subscriptionState": "Unsubscribed",
            "segmentationFieldValues": None,
        }
        back = {"emailAddress": GRACE, "subscriptionState": "Subscribed"}

        assert wire.post(contact_url, leaving, status=200)["resourceId"] == GRACE
        left = wire.get(f"{contact_url}/{GRACE}")
        assert (left["subscriptionState"], left["subscribeMethod"]) == ("Unsubscribed", None)
        assert left["unsubscribeMethod"] == "Administrator"
        assert left["unsubscribeDate"]
        assert wire.refused("POST", contact_url, back) == LEFT
        assert wire.refused("POST", f"{contact_url}?overrideUnsubscribe=False", back) == LEFT

        wire.post(f"{contact_url}/?overrideunsubscribe=True", back, status=200)
        again = wire.get(f"{contact_url}/{GRACE}")
        assert (again["subscriptionState"], again["subscribeMethod"]) == (
            "Subscribed",
            "Administrator",
        )
        assert again["subscribeDate"] == first
        assert again["resubscribeDate"] is not None
        assert again["unsubscribeDate"] is None
        wire.post(f"{contact_url}?overrideUnsubscribe=true", back, status=200)

    def test_keeps_values_by_type_and_returns_one_for_each_id_asked(
        self, wire, contact_url, fields
    ):
        text, number, check, date = (field.pk for field in fields)
        given = [
            {"segmentationFieldId": str(text), "value": "Blue"},
            {"segmentationFieldId": number, "value": 41.5},
            {"segmentationFieldId": check, "value": True},
        ]
        wire.post(contact_url, {"emailAddress": GRACE, "segmentationFieldValues": given})
        wire.post(
            contact_url,
            {
                "emailAddress": GRACE,
                "segmentationFieldValues": [{"segmentationFieldId": date, "value": "12/31/2020"}],
            },
            status=200,
        )

        shown = wire.get(
            f"{contact_url}/{GRACE}", segmentationFieldIds=f"{date},{text},{check},{number}"
        )["segmentationFieldValues"]

        assert [(each["segmentationFieldId"], each["value"]) for each in shown] == [
            (date, "12/31/2020"),
            (text, "Blue"),
            (check, "on"),
            (number, "41.5"),
        ]
        assert shown[0]["segmentationFieldGroupId"] == fields[0].group_id

    def test_appends_and_overwrites(self, wire, contact_url, fields):
        def save(update_type, values, status=200):
            body = {
                "emailAddress": GRACE,
                "segmentationFieldValues": [
                    {"segmentationFieldId": field.pk, "value": value}
                    for field, value in zip(fields, values, strict=False)
                ],
            }
            wire.post(f"{contact_url}?updateType={update_type}", body, status=status)
            ids = f"{fields[0].pk},{fields[1].pk}"
            shown = wire.get(f"{contact_url}/{GRACE}", segmentationFieldIds=ids)
            return [each["value"] for each in shown["segmentationFieldValues"]]

        assert save("", ["Blue", 1], status=201) == ["Blue", "1"]
        assert save("append", ["Red"]) == ["Blue,Red", "1"]
        assert save("Overwrite", ["Green"]) == ["Green", ""]

    def test_raises_events_after_it_is_saved(self, wire, contact_url, acme, order_imported):
        url = f"{contact_url}?eventIds={order_imported.pk}&overrideUnsubscribe=true"

        wire.post(url, {"emailAddress": GRACE})

        with in_account(acme.pk):
            event = Event.objects.get()
            assert event.external_event_id == order_imported.pk
            assert event.contact_id == Contact.objects.get().pk

    @pytest.mark.parametrize(
        ("query", "body", "error"),
        [
            ("eventIds={event}", {"subscriptionState": "Unsubscribed"}, "UNSUBSCRIBE_WITH_EVENTS"),
            (
                "",
                {"subscriptionState": "Unsubscribed", "segmentationFieldValues": "{values}"},
                "UNSUBSCRIBE_WITH_SEGMENTATION_DATA",
            ),
            ("newEmailAddress=b@c.example&eventIds={event}", {}, "CHANGE_ADDRESS_WITH_EVENTS"),
            (
                "newEmailAddress=b@c.example",
                {"segmentationFieldValues": "{values}"},
                "CHANGE_ADDRESS_WITH_SEGMENTATION_DATA",
            ),
            ("", {"subscriptionState": "Unsubscribed"}, "NOT_SUBSCRIBED_EMAIL_ADDRESS"),
        ],
    )
    def test_refuses_what_does_not_go_together(
        self, wire, contact_url, acme, order_imported, fields, query, body, error
    ):
        if body.get("segmentationFieldValues"):
            body = {
                **body,
                "segmentationFieldValues": [{"segmentationFieldId": fields[0].pk, "value": "x"}],
            }

        url = f"{contact_url}?{query.format(event=order_imported.pk)}"
        refusal = wire.refused("POST", url, {"emailAddress": GRACE, **body})

        assert refusal[:2] == (400, f"ERROR_{error}")
        with in_account(acme.pk):
            assert not Contact.objects.exists()

    def test_changes_an_address(self, wire, contact_url):
        wire.post(contact_url, {"emailAddress": "old@mail.example"})

        url = f"{contact_url}?newEmailAddress=new%2Btag@mail.example"
        wire.post(url, {"emailAddress": "old@mail.example"}, status=200)

        assert wire.get(f"{contact_url}/new+tag@mail.example")["subscriptionState"] == "Subscribed"
        old = wire.get(f"{contact_url}/old@mail.example")
        assert (old["subscriptionState"], old["unsubscribeMethod"]) == (
            "Unsubscribed",
            "AddressChange",
        )

    @pytest.mark.parametrize(
        ("query", "body", "name"),
        [
            ("", {}, "emailAddress"),
            ("", {"emailAddress": "nobody"}, "emailAddress"),
            ("", {"emailAddress": GRACE, "subscriptionState": "Maybe"}, "subscriptionState"),
            ("eventIds=1,x", {"emailAddress": GRACE}, "eventIds"),
            ("eventIds=999999", {"emailAddress": GRACE}, "eventIds"),
            ("updateType=Merge", {"emailAddress": GRACE}, "updateType"),
            ("overrideUnsubscribe=perhaps", {"emailAddress": GRACE}, "overrideUnsubscribe"),
            (
                "",
                {
                    "emailAddress": GRACE,
                    "segmentationFieldValues": [{"segmentationFieldId": 99999, "value": "x"}],
                },
                "segmentationFieldId",
            ),
            (
                "",
                {"emailAddress": GRACE, "segmentationFieldValues": [{"value": "x"}]},
                "segmentationFieldId",
            ),
        ],
    )
    def test_names_what_is_wrong_and_stores_nothing(
        self, wire, contact_url, acme, query, body, name
    ):
        assert wire.refused("POST", f"{contact_url}?{query}", body) == invalid(name)
        with in_account(acme.pk):
            assert not Contact.objects.exists()

    def test_waits_for_a_double_opt_in(self, wire, contact_url):
        wire.post(f"{contact_url}?sendDoubleOptIn=true", {"emailAddress": GRACE})

        assert wire.get(f"{contact_url}/{GRACE}")["subscriptionState"] == "Pending"
        assert wire.get(contact_url) == []

    def test_writes_down_who_began(self, wire, contact_url):
        wire.post(f"{contact_url}?subscribedByContact=True", {"emailAddress": GRACE})

        assert wire.get(f"{contact_url}/{GRACE}")["subscribeMethod"] == "Contact"

    def test_does_not_reach_the_list_of_another(self, wire, foreign, globex):
        url = f"/email/v1/List/{foreign.pk}/Contact"

        assert wire.refused("POST", url, {"emailAddress": GRACE})[:2] == (
            404,
            "ERROR_UNABLE_TO_LOCATE_RESOURCE",
        )
        with in_account(globex.pk):
            assert not Contact.objects.exists()

    def test_says_which_contact_is_missing(self, wire, contact_url):
        message = (
            "Unable to locate a resource associated with the listId and contactIdentifier supplied."
        )
        for nobody in ("nobody@mail.example", "0" * 26, "no address@", "SegmentationField"):
            assert wire.refused("GET", f"{contact_url}/{nobody}")[2] == message


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
