"""Contact/SegmentationField: values of many contacts in one call."""

import json

import pytest

from accounts.tenancy import in_account
from contacts.models import (
    Contact,
    Import,
    ImportReject,
    Intake,
    Listener,
    Subscription,
)
from tests.factories import (
    ProfileFieldFactory,
    SubscriptionFactory,
)


def invalid(name):
    return (400, "ERROR_INVALID_PARAMETER", f"An invalid value was supplied for {name}.")


@pytest.fixture
def base(shop):
    return f"/email/v1/List/{shop.pk}"


@pytest.fixture
def field(acme, shop):
    with in_account(acme.pk):
        return ProfileFieldFactory.create(group__list=shop, name="Engaged", data_type="CheckBox")


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

    @pytest.mark.parametrize(
        "row",
        [
            {"EMAILADDRESS": "Grace@mail.example", "segmentationfieldvalues": "values"},
            {"emailAddress": "grace@mail.example", "segmentationFieldValues": "values", "x": 1},
        ],
    )
    def test_takes_rows_of_any_form_beside_plain_ones(self, wire, base, acme, shop, field, row):
        with in_account(acme.pk):
            for name in ("grace", "ada"):
                SubscriptionFactory.create(list=shop, contact__email=f"{name}@mail.example")
        values = [
            {"segmentationFieldId": field.pk, "value": "on", "segmentationFieldGroupId": 1},
        ]
        plain = {"emailAddress": "ada@mail.example", "segmentationFieldValues": values}

        wire.post(
            f"{base}/Contact/SegmentationField",
            [plain, {key: values if given == "values" else given for key, given in row.items()}],
        )

        with in_account(acme.pk):
            profiles = Subscription.objects.values_list("profile", flat=True)
            assert list(profiles) == [{str(field.pk): "on"}] * 2
            assert not ImportReject.objects.exists()

    def test_shows_a_plain_row_that_was_not_taken(self, wire, base, acme, field):
        row = {
            "emailAddress": "nobody",
            "segmentationFieldValues": [{"segmentationFieldId": field.pk, "value": "on"}],
        }

        wire.post(f"{base}/Contact/SegmentationField", [row])

        with in_account(acme.pk):
            assert json.loads(ImportReject.objects.get().raw) == row

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"emailAddress": "a\0@mail.example"}, "emailAddress"),
            ({"value": "\ud800"}, "value"),
            ({"segmentationFieldId": "x"}, "segmentationFieldId"),
            ({"segmentationFieldId": None}, "segmentationFieldId"),
        ],
    )
    def test_refuses_what_no_row_may_hold(self, wire, base, field, given, named):
        value = {"segmentationFieldId": field.pk, "value": "on"}
        row = {
            "emailAddress": given.get("emailAddress", "grace@mail.example"),
            "segmentationFieldValues": [{key: given.get(key, value[key]) for key in value}],
        }

        url = f"{base}/Contact/SegmentationField"
        assert wire.refused("POST", url, [row]) == invalid(named)

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
