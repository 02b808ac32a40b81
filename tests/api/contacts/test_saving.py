"""One contact is saved and read."""

import hashlib

import pytest

from accounts.tenancy import in_account
from contacts.models import Contact, Event
from tests.api.contacts.answers import GRACE, LEFT, invalid


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

    @pytest.mark.parametrize("value", [{"a": [1]}, ["a"], {}, []])
    def test_takes_no_object_for_a_value(self, wire, contact_url, acme, fields, value):
        given = [{"segmentationFieldId": fields[0].pk, "value": value}]
        body = {"emailAddress": GRACE, "segmentationFieldValues": given}

        assert wire.refused("POST", contact_url, body) == invalid("value")
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

    def test_says_first_that_there_is_no_such_list(self, wire):
        refusal = wire.refused("POST", "/email/v1/List/0/Contact", {"emailAddress": "nobody"})

        assert refusal[:2] == (404, "ERROR_UNABLE_TO_LOCATE_RESOURCE")

    def test_says_which_contact_is_missing(self, wire, contact_url):
        message = (
            "Unable to locate a resource associated with the listId and contactIdentifier supplied."
        )
        for nobody in ("nobody@mail.example", "0" * 26, "no address@", "SegmentationField"):
            assert wire.refused("GET", f"{contact_url}/{nobody}")[2] == message
