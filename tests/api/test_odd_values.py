"""Values that are good JSON and that no database, no number and no path of ours can hold."""

import base64
import json

import pytest

from accounts.models import List
from accounts.tenancy import in_account
from contacts.api.crosschannel import event_uid
from contacts.models import Contact, Event, Order, Product, Review
from tests.api.conftest import FORM
from tests.factories import ExternalEventFactory, PhoneListFactory, SubscriptionFactory

LISTS = "/email/v1/List"
HUGE = "9" * 5_000
# 255 characters as it is typed, each of four of them one when they are put together.
DECOMPOSED = "a\u0302\u0301" * 62 + "@" + "x" * 60 + ".example"


@pytest.fixture
def event(acme, shop):
    with in_account(acme.pk):
        return ExternalEventFactory.create(list=shop)


@pytest.fixture
def people(acme, shop):
    with in_account(acme.pk):
        SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")


class TestNumberBeyondADouble:
    def test_is_kept_as_it_is_written(self, wire, acme):
        rows = b'[{"sku": "a", "meta1": 1e400, "depth": [-1e400]}, {"sku": "b"}]'

        assert wire.call("POST", "/data/v1/Product", data=rows).status_code == 201
        with in_account(acme.pk):
            kept = dict(Product.objects.values_list("sku", "extra"))
        assert kept == {"a": {"meta1": "1e400", "depth": ["-1e400"]}, "b": {}}

    def test_is_judged_with_its_row(self, wire, acme):
        rows = b"""[
            {"orderNumber": "1", "email": "g@mail.example", "orderTotal": 1e400},
            {"orderNumber": "2", "email": "g@mail.example", "meta1": 1e400}
        ]"""

        assert wire.call("POST", "/data/v1/Order", data=rows).status_code == 201
        with in_account(acme.pk):
            assert [order.order_number for order in Order.objects.all()] == ["2"]

    def test_is_kept_with_an_event(self, wire, acme, event, people):
        wanted = {"identifierValue": "grace@mail.example", "identifierType": "EmailAddress"}
        body = json.dumps({"events": [{"identifiers": [wanted], "dataFields": {"a": "HERE"}}]})

        wire.call(
            "POST",
            f"/crosschannel/v1/eventConfigurations/{event_uid(event)}/events",
            data=body.replace('"HERE"', "1e400").encode(),
        )

        with in_account(acme.pk):
            assert Event.objects.get().properties == {"a": "1e400"}


class TestHalfALetter:
    def test_in_a_name_is_left_out(self, wire, acme):
        rows = b'[{"sku": "a", "m\\ud800": "x", "n\\u0000": "x", "meta1": "y"}]'

        assert wire.call("POST", "/data/v1/Product", data=rows).status_code == 201
        with in_account(acme.pk):
            assert Product.objects.get().extra == {"meta1": "y"}

    @pytest.mark.parametrize("properties", ['{"a": "\\ud800"}', '{"\\ud800": 1}'])
    def test_in_an_event_is_refused(self, wire, shop, event, properties):
        body = (
            f'{{"emailAddress": "g@mail.example", "event": {event.pk}, "properties": {properties}}}'
        )

        answer = wire.call("POST", f"/conductor/v1/List/{shop.pk}/Event/Raise", data=body.encode())

        assert (answer.status_code, "properties" in answer.json()["message"]) == (400, True)

    @pytest.mark.parametrize("domain", ["\\u0000", "\\ud800"])
    def test_in_an_array_of_texts_is_refused(self, wire, domain):
        body = f'{{"listName": "A", "googleTrackingDomains": ["a.example", "{domain}"]}}'

        answer = wire.call("POST", LISTS, data=body.encode())

        assert (answer.status_code, "googleTrackingDomains" in answer.json()["message"]) == (
            400,
            True,
        )


class TestIdOfThousandsOfDigits:
    @pytest.mark.parametrize(
        ("method", "path", "body", "parameter"),
        [
            ("POST", "/email/v1/List/{0}/Contact?eventIds=" + HUGE, {"emailAddress": "g@mail.example"}, "eventIds"),
            ("GET", "/email/v1/List/{0}/Contact?segmentationFieldIds=" + HUGE, None, "segmentationFieldIds"),
            ("POST", "/conductor/v1/List/{0}/Event/Raise", {"emailAddress": "g@mail.example", "event": HUGE}, "event"),
            ("POST", "/conductor/v1/List/{0}/Event/Raise", {"emailAddress": "g@mail.example", "event": True}, "event"),
        ],
    )  # fmt: skip
    def test_is_refused(self, wire, shop, method, path, body, parameter):
        refusal = wire.refused(method, path.format(shop.pk), body)

        assert refusal[0] == 400
        assert refusal[2].endswith(f"for {parameter}.")

    def test_names_no_check_box(self, wire, acme, shop):
        with in_account(acme.pk):
            numbers = PhoneListFactory.create(short_code__email_list=shop)
        body = {
            "phoneListId": numbers.pk,
            "messageContent": "Hi",
            "messageTitle": "Hi",
            "segmentationFieldId": HUGE,
        }

        path = f"/sms/v1/ShortCode/{numbers.short_code_id}/Broadcast/Immediate"
        assert wire.refused("POST", path, body)[:2] == (400, "ERROR_INVALID_SEGMENTATION_FIELD_ID")


class TestAddress:
    def test_of_a_list_has_at_most_254_characters(self, wire):
        address = "a" * 260 + "@mail.example"

        refusal = wire.refused("POST", LISTS, {"listName": "A", "fromEmail": address})

        assert (refusal[0], refusal[2]) == (400, "An invalid value was supplied for fromEmail.")
        assert not List.objects.exists()

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/email/v1/List/{0}/Contact", {"emailAddress": DECOMPOSED}),
            ("/data/v1/Customer", [{"email": DECOMPOSED}]),
            (
                "/conductor/v1/List/{0}/Event/Batch",
                [{"emailAddress": DECOMPOSED, "event": "{1}", "createContact": True}],
            ),
        ],
    )
    def test_that_fits_only_in_its_normal_form_is_kept_so(
        self, wire, acme, shop, event, path, body
    ):
        text = json.dumps(body).replace("{1}", event.name)

        answer = wire.call("POST", path.format(shop.pk), data=text.encode())

        assert answer.status_code in {200, 201}
        with in_account(acme.pk):
            contact = Contact.objects.get()
        assert contact.email == contact.email_norm != ""


class TestFile:
    @pytest.mark.parametrize("mark", ["''", "|", "\\", "\u00ab"])
    def test_has_texts_between_marks_that_there_are(self, wire, shop, mark):
        body = {
            "fileMappings": [{"fileColumn": 0, "fileColumnType": "Email"}],
            "fileName": "a.csv",
            "fileStream": base64.b64encode(b"a@mail.example\n").decode(),
            "importType": "AddSubscribers",
            "textQualifier": mark,
        }

        refusal = wire.refused("POST", f"{LISTS}/{shop.pk}/ListImport", body)

        assert refusal[0] == 400
        assert "textQualifier" in refusal[2]


class TestParameters:
    def test_by_the_thousand_are_refused(self, wire):
        assert wire.refused("GET", f"{LISTS}?{'a&' * 1_100}")[:2] == (
            400,
            "ERROR_INVALID_PARAMETER",
        )

    @pytest.mark.parametrize(
        "cursor", ['{"query":{},"after":1e400}', '{"after":1e400,"query":{}}', "[" * 3_000]
    )
    def test_have_a_cursor_of_ours(self, wire, shop, cursor):
        token = base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")

        refusal = wire.refused("GET", f"{LISTS}/{shop.pk}/Contact?cursor={token}")

        assert refusal[2] == "An invalid value was supplied for cursor."


class TestToken:
    @pytest.mark.parametrize(
        "data",
        [
            b"a&" * 1_100,
            b'{"grant_type":"client_credentials","client_id":"\\ud800","client_secret":"x"}',
            b'{"grant_type":"client_credentials","client_id":"ID","client_secret":"\\ud800"}',
            b'{"grant_type":"client_credentials","client_id":1e400,"client_secret":"x"}',
            b'{"a":' + b"[" * 5_000,
        ],
    )
    def test_is_not_given_for_what_is_no_text(self, wire, data):
        answer = wire.client.generic(
            "POST",
            "/OAuth2/Token",
            data=data.replace(b"ID", wire.client_id.encode()),
            content_type=FORM,
        )

        assert answer.status_code == 400
        assert set(answer.json()) == {"error"}


class TestExponent:
    @pytest.mark.parametrize("number", ["1e9999999", "-1e9999999"])
    def test_of_an_order_is_refused_with_its_row(self, wire, acme, number):
        orders = [
            {"orderNumber": "1", "email": "g@mail.example", "orderTotal": number},
            {"orderNumber": "2", "email": "g@mail.example"},
        ]

        assert wire.call("POST", "/data/v1/Order", orders).status_code == 201
        with in_account(acme.pk):
            assert [order.order_number for order in Order.objects.all()] == ["2"]

    @pytest.mark.parametrize("number", ["1e9999999", "-1e9999999"])
    def test_of_a_review_is_refused_with_its_row(self, wire, acme, number):
        review = {"provider": "a", "providerProductID": "b", "title": "t"}
        reviews = [
            {**review, "providerReviewID": "1", "feedbackCount": number},
            {**review, "providerReviewID": "2"},
        ]

        assert wire.call("POST", "/data/v1/Review", reviews).status_code == 201
        with in_account(acme.pk):
            assert [kept.provider_review_id for kept in Review.objects.all()] == ["2"]


class TestDepth:
    def test_that_can_be_read_and_not_written_is_refused(self, wire, acme, shop, event):
        """How deep that is depends on who calls: about what Python's stack holds."""
        body = f'{{"emailAddress": "g@mail.example", "event": {event.pk}, "properties": {{"a": DEEP}}}}'
        statuses = set()
        for depth in (100, *range(860, 990, 4)):
            data = body.replace("DEEP", "[" * depth + "]" * depth).encode()
            path = f"/conductor/v1/List/{shop.pk}/Event/Raise"
            statuses.add(wire.call("POST", path, data=data).status_code)

        assert statuses == {201, 400}
