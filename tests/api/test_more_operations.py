"""What is behind the routes of lists, fields, imports, reviews, privacy and the desks' texts."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import List
from accounts.tenancy import in_account
from contacts.actions.event_groups import create_event_group
from contacts.imports.running import run_import
from contacts.models import (
    Contact,
    Event,
    Import,
    ProfileField,
    RatingSummary,
    Review,
    Subscription,
)
from messaging.models import Delivery, InboundText, PhoneSubscription, SandboxMessage
from tests.api.test_broadcasts import clock, send_all
from tests.factories import (
    ContactFactory,
    ConversationFactory,
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    SavedMessageFactory,
    SubscriptionFactory,
    make,
)


class TestList:
    def test_is_deleted_with_its_settings(self, wire, acme, now):
        with in_account(acme.pk):
            empty = ListFactory.create()
            ProfileFieldFactory.create(group__list=empty)
            SavedMessageFactory.create(list=empty)
            create_event_group(list=empty, name="Carts", now=now)

        assert wire.call("DELETE", f"/email/v1/List/{empty.pk}").content == b'{"status":200}'

        with in_account(acme.pk):
            assert not List.objects.filter(pk=empty.pk).exists()
            assert not ProfileField.objects.exists()

    @pytest.mark.parametrize("kept_by", [SubscriptionFactory, ConversationFactory])
    def test_is_kept_while_something_lives_on_it(self, wire, acme, shop, kept_by):
        with in_account(acme.pk):
            kept_by.create(list=shop)

        refusal = wire.refused("DELETE", f"/email/v1/List/{shop.pk}")

        assert refusal[:2] == (400, "ERROR_RESOURCE_DEPENDENCY")
        with in_account(acme.pk):
            assert List.objects.filter(pk=shop.pk).exists()


class TestValues:
    def test_are_cleared_in_the_background(self, wire, acme, shop):
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(group__list=shop)
            other = ProfileFieldFactory.create(group__list=shop)
            values = {str(field.pk): "Blue", str(other.pk): "Large"}
            make(SubscriptionFactory, 3, list=shop, profile=values)
            SubscriptionFactory.create(list=shop, profile=values, state="Unsubscribed")
        url = (
            f"/email/v1/List/{shop.pk}/SegmentationFieldGroup/{field.group_id}"
            f"/SegmentationField/{field.pk}/Values"
        )

        answer = wire.call("DELETE", url)

        assert answer.status_code == 202
        import_id = answer.json()["resourceId"]
        run_import(int(import_id), clock(), account_id=acme.pk)
        status = wire.get(f"/email/v1/List/{shop.pk}/ListImport/{import_id}/Status")
        assert status["status"] == "ProcessingCompleted"
        with in_account(acme.pk):
            profiles = Subscription.objects.filter(state="Subscribed").values_list(
                "profile", flat=True
            )
            assert list(profiles) == [{str(other.pk): "Large"}] * 3
            assert Subscription.objects.get(state="Unsubscribed").profile == values


class TestListImport:
    def test_tells_what_became_of_each_address(self, wire, acme, shop):
        with in_account(acme.pk):
            SubscriptionFactory.create(list=shop, contact__email="known@mail.example")
            SubscriptionFactory.create(
                list=shop,
                contact__email="left@mail.example",
                state="Unsubscribed",
                unsubscribed_at=clock(),
            )
        lines = b"new@mail.example\nknown@mail.example\nleft@mail.example\nnobody\n"
        body = {
            "fileDelimiter": ",",
            "fileMappings": [{"fileColumn": 0, "fileColumnType": "Email"}],
            "fileName": "some.csv",
            "fileStream": base64.b64encode(lines).decode(),
            "importType": "AddSubscribers",
            "segmentationImportType": "Update",
        }
        url = f"/email/v1/List/{shop.pk}/ListImport"
        import_id = wire.post(url, body)["resourceId"]
        assert wire.get(f"{url}/{import_id}/Contact") == []
        run_import(int(import_id), clock(), account_id=acme.pk)

        first = wire.page(f"{url}/{import_id}/Contact", count=3)
        second = wire.page(f"{url}/{import_id}/Contact", cursor=first["nextPageCursor"])

        assert second["nextPageCursor"] is None
        assert [(row["emailAddress"], row["importResult"]) for row in first["data"]] == [
            ("new@mail.example", "Subscribed"),
            ("known@mail.example", "AlreadySubscribed"),
            ("left@mail.example", "AlreadyUnSubscribed"),
        ]
        assert second["data"] == [{"emailAddress": "nobody", "importResult": "Invalid"}]

    def test_names_nobody_who_was_forgotten(self, wire, acme, shop):
        body = {
            "fileDelimiter": ",",
            "fileMappings": [{"fileColumn": 0, "fileColumnType": "Email"}],
            "fileName": "some.csv",
            "fileStream": base64.b64encode(b"ada@mail.example\ngrace@mail.example\n").decode(),
            "importType": "AddSubscribers",
            "segmentationImportType": "Update",
        }
        url = f"/email/v1/List/{shop.pk}/ListImport"
        import_id = wire.post(url, body)["resourceId"]
        run_import(int(import_id), clock(), account_id=acme.pk)
        wire.post("/privacy/v1/Forget", {"emailAddress": "ada@mail.example"})

        shown = wire.get(f"{url}/{import_id}/Contact")

        assert [(row["emailAddress"], row["importResult"]) for row in shown] == [
            ("", "Skipped"),
            ("grace@mail.example", "Subscribed"),
        ]


REVIEW = {
    "featured": True,
    "provider": "Stars",
    "providerProductID": "hat",
    "providerReviewID": "r1",
    "recommended": True,
    "title": "Fits",
    "reviewerEmail": "Grace@mail.example",
    "reviewerName": "Grace",
    "ratings": [{"providerRatingID": "1", "ratingValue": 4, "ratingMin": 1, "ratingMax": 5}],
}


class TestReviews:
    def test_are_kept_once_and_taken_back(self, wire, acme):
        wire.post("/data/v1/Review", [REVIEW, {**REVIEW, "title": "Fits well"}, {"title": "x"}])

        with in_account(acme.pk):
            review = Review.objects.get()
            assert (review.title, review.ratings[0]["value"]) == ("Fits well", 4.0)
            assert Import.objects.get().counts["rejected"] == 1
        wire.post("/data/v1/Review", [{**REVIEW, "deleted": True}])
        with in_account(acme.pk):
            assert not Review.objects.exists()

    def test_keep_ratings_of_a_product(self, wire, acme):
        measures = [{"providerRatingSummaryID": "1", "rating": 4.5, "ratingMax": 5, "count": 12}]
        body = {"provider": "Stars", "providerProductID": "hat", "ratingSummaries": measures}

        wire.post("/data/v1/RatingSummary", [body, {"provider": "Stars"}])

        with in_account(acme.pk):
            summary = RatingSummary.objects.get()
            assert (float(summary.rating), summary.number) == (4.5, 12)

    def test_are_taken_back_by_one_question(self, wire, acme):
        rows = [{**REVIEW, "providerReviewID": name} for name in ("r1", "r2", "r3")]
        measures = [
            {"providerRatingSummaryID": name, "rating": 4.5, "ratingMax": 5} for name in "123"
        ]
        body = {"provider": "Stars", "providerProductID": "hat"}
        wire.post("/data/v1/Review", rows)
        wire.post("/data/v1/RatingSummary", [{**body, "ratingSummaries": measures}])

        with CaptureQueriesContext(connections["default"]) as asked:
            wire.post("/data/v1/Review", [{**row, "deleted": True} for row in rows[:2]])
            gone = [{**measure, "deleted": True} for measure in measures[:2]]
            wire.post("/data/v1/RatingSummary", [{**body, "ratingSummaries": gone}])

        with in_account(acme.pk):
            assert Review.objects.get().provider_review_id == "r3"
            assert RatingSummary.objects.get().summary_id == "3"
        removals = [one["sql"] for one in asked if one["sql"].strip().startswith("DELETE")]
        assert len(removals) == 2
        assert not any(" OR " in removal for removal in removals)

    def test_forget_their_writer(self, wire, acme):
        with in_account(acme.pk):
            ContactFactory.create(email="grace@mail.example")
        wire.post("/data/v1/Review", [REVIEW])

        forget = wire.post("/privacy/v1/Forget", {"emailAddress": "grace@mail.example"})

        shown = wire.get(f"/privacy/v1/Forget/{forget['resourceId']}")
        assert (shown["requestID"], shown["status"]) == (forget["resourceId"], "COMPLETE")
        assert shown["processedDate"] is not None
        with in_account(acme.pk):
            review = Review.objects.get()
            assert (review.title, review.reviewer_email, review.reviewer_name) == ("Fits", "", "")
            assert not Contact.objects.exists()


class TestForget:
    def test_is_limited(self, wire, time_machine):
        time_machine.move_to(datetime.now(UTC), tick=False)  # all of it within the ten seconds
        body = {"emailAddress": "nobody@mail.example"}
        statuses = [wire.call("POST", "/privacy/v1/Forget", body).status_code for _ in range(21)]

        assert statuses == [201] * 20 + [429]


class TestCrossChannel:
    def test_raises_events_of_who_is_known(self, wire, acme, shop):
        with in_account(acme.pk):
            event = ExternalEventFactory.create(list=shop, name="Back in stock")
            SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")
            ada = ContactFactory.create(email="", phone_e164="+12125552368")
        base = "/crosschannel/v1/eventConfigurations"
        (shown,) = wire.get(base)
        assert shown["eventName"] == "Back in stock"
        detail = wire.get(f"{base}/{shown['eventUID']}")
        assert detail["featureAccess"] == ["Workflow"]

        def of(kind, value):
            identifiers = [{"identifierType": kind, "identifierValue": value}]
            return {"identifiers": identifiers, "dataFields": {"sku": "hat"}}

        given = [
            of("EmailAddress", "grace@mail.example"),
            of("EmailAddress", "nobody@mail.example"),
            of("MobileContactUid", "x"),
            {
                "identifiers": [
                    *of("EmailAddress", "nobody@mail.example")["identifiers"],
                    *of("PhoneNumber", "12125552368")["identifiers"],
                ],
                "dataFields": {"sku": "coat"},
            },
            {
                "identifiers": [
                    *of("EmailAddress", "nobody@mail.example")["identifiers"],
                    *of("PhoneNumber", "12")["identifiers"],
                ]
            },
        ]
        answer = wire.call("POST", f"{base}/{shown['eventUID']}/events", {"events": given})

        data = answer.json()["data"]
        assert [row["statusCode"] for row in data] == [200, 404, 400, 200, 404]
        assert data[0]["identifiers"] == given[0]["identifiers"]
        with in_account(acme.pk):
            raised, by_number = Event.objects.order_by("pk")
            assert (raised.external_event_id, raised.properties) == (event.pk, {"sku": "hat"})
            assert (by_number.contact_id, by_number.properties) == (ada.pk, {"sku": "coat"})
        wrong = f"{base}/00000000-0000-0000-0000-{event.pk:012x}"
        assert wire.refused("GET", wrong)[0] == 404


class TestNumber:
    @pytest.fixture
    def consent(self, acme, shop):
        with in_account(acme.pk):
            person = SubscriptionFactory.create(list=shop, contact__phone_e164="+12125552368")
            return PhoneSubscriptionFactory.create(
                phone_list=PhoneListFactory.create(short_code__email_list=shop),
                phone_e164="+12125552368",
                contact=person.contact,
            )

    @pytest.fixture
    def code_url(self, consent):
        return f"/sms/v1/ShortCode/{consent.phone_list.short_code_id}"

    def test_is_changed_and_opted_out_never_in(self, wire, acme, code_url, consent):
        url, body = f"{code_url}/Contact", {"phoneNumber": "12125552368"}

        changed = wire.call("PUT", url, {**body, "firstName": "Ada", "optedOut": True})
        wire.call("PUT", f"{url}/12125552368", {"lastName": "Lovelace", "optedOut": False})

        assert changed.json() == {"status": 200, "resourceId": "12125552368"}
        with in_account(acme.pk):
            consent.refresh_from_db()
            assert consent.state == "Unsubscribed"
            assert (consent.contact.first_name, consent.contact.last_name) == ("Ada", "Lovelace")
        (left,) = wire.get(f"{code_url}/OptOut")
        assert (left["phoneNumber"], left["optOutReason"]) == ("12125552368", "API")
        assert wire.get(f"{code_url}/OptOut", endDate="2020-01-01") == []
        unknown = wire.refused("PUT", url, {"phoneNumber": "12125552369"})
        assert unknown[1] == "ERROR_PHONE_NUMBER_NOT_FOUND"

    def test_gets_values_by_file(self, wire, acme, shop, code_url, consent):
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(group__list=shop)
            ada = ContactFactory.create(phone_e164="+12125552369")  # on no list
        body = {
            "fileName": "sizes.csv",
            "fileStream": base64.b64encode(b"12125552368,Large\n12125552369,Small\n").decode(),
            "importType": "UpdateSubscribers",
            "hasColumnNames": False,
            "textQualifier": "",
            "fileMappings": [
                {"fileColumnType": "Phone", "segmentationFieldId": 0, "fileColumn": 0},
                {
                    "fileColumnType": "SegmentationField",
                    "segmentationFieldId": field.pk,
                    "fileColumn": 1,
                },
            ],
        }

        import_id = wire.post(f"{code_url}/ContactImport", body)["resourceId"]
        run_import(int(import_id), clock(), account_id=acme.pk)

        shown = wire.get(f"{code_url}/ContactImport/{import_id}")
        assert (shown["status"], shown["fileName"]) == ("ProcessingCompleted", "sizes.csv")
        with in_account(acme.pk):
            assert Subscription.objects.get().profile == {str(field.pk): "Large"}
            ada.refresh_from_db()
            assert ada.profile == {str(field.pk): "Small"}
            counted = Import.objects.get().counts
            assert (counted["updated"], counted["skipped"]) == (2, 0)

    def test_names_a_hundred_columns_as_fast_as_two(self, wire, acme, shop, code_url):
        with in_account(acme.pk):
            fields = ProfileFieldFactory.create_batch(100, group__list=shop)
        columns: list[dict[str, Any]] = [{"fileColumnType": "Phone", "fileColumn": 0}]
        for number, field in enumerate(fields, start=1):
            kind = {"fileColumnType": "SegmentationField", "segmentationFieldId": field.pk}
            columns.append({**kind, "fileColumn": number})

        def asked(some):
            body = {
                "fileName": "sizes.csv",
                "fileStream": base64.b64encode(b"12125552368" + b",a" * 100).decode(),
                "importType": "UpdateSubscribers",
                "hasColumnNames": False,
                "textQualifier": "",
                "fileMappings": some,
            }
            with CaptureQueriesContext(connections["default"]) as queries:
                wire.post(f"{code_url}/ContactImport", body)
            # How often the integration called is written down once a second, besides.
            return sum("contacts_profilefield" in one["sql"] for one in queries)

        assert asked(columns[:2]) > 0
        assert asked(columns) == asked(columns[:2])
        unknown = {**columns[1], "segmentationFieldId": 2**70}
        assert wire.refused("POST", f"{code_url}/ContactImport", {
            "fileName": "a.csv", "fileStream": "YQ==", "importType": "UpdateSubscribers",
            "hasColumnNames": False, "textQualifier": "", "fileMappings": [columns[0], unknown],
        })[1] == "ERROR_INVALID_SEGMENTATION_FIELD_ID"  # fmt: skip

    def test_is_answered_by_a_desk(self, wire, acme, consent, now):
        with in_account(acme.pk):
            InboundText.objects.create(
                short_code=consent.phone_list.short_code,
                phone_e164=consent.phone_e164,
                text="Where is my order?",
                meaning="unknown",
                provider="sandbox",
                received_at=now,
            )
        ticket = {"integrationType": "Gorgias", "phoneId": consent.pk, "externalTicketId": "T-1"}
        answer = {**ticket, "messageBody": "On its way"}
        assert wire.refused("POST", "/twowaysms/send", answer)[0] == 404
        assert wire.post("/twowaysms/tickets", ticket)["status"] == 201
        assert wire.refused("POST", "/twowaysms/tickets", ticket)[0] == 409

        assert wire.post("/twowaysms/send", answer, status=202)["resourceId"]
        send_all(acme)

        talk = wire.get(f"/twowaysms/messagestream/{consent.pk}")
        assert [(text["direction"], text["messageBody"]) for text in talk] == [
            ("Inbound", "Where is my order?"),
            ("Outbound", "On its way"),
        ]
        assert len(wire.get(f"/twowaysms/messagestream/{consent.pk}", batchSize=1)) == 1
        with in_account(acme.pk):
            assert SandboxMessage.objects.get().text == "On its way"
        long = {**answer, "messageBody": "x" * 1001}
        assert wire.refused("POST", "/twowaysms/send", long)[2] == (
            "An invalid value was supplied for messageBody."
        )
        closed = wire.client.generic(
            "DELETE",
            "/twowaysms/tickets",
            data=f'{{"integrationType": "gorgias", "phoneId": {consent.pk}}}',
            content_type="application/json",
            headers={"Authorization": f"Bearer {wire.token}"},
        )
        assert (closed.status_code, closed.content) == (204, b"")
        assert not {"Content-Type", "Content-Length"} & set(closed.headers)
        assert wire.refused("POST", "/twowaysms/send", answer)[0] == 404

    def test_that_opted_out_is_not_answered(self, wire, acme, consent):
        ticket = {"integrationType": "custom", "phoneId": consent.pk, "externalTicketId": "T-1"}
        wire.post("/twowaysms/tickets", ticket)
        with in_account(acme.pk):
            PhoneSubscription.objects.update(state="Unsubscribed")

        refusal = wire.refused("POST", "/twowaysms/send", {**ticket, "messageBody": "Hello"})

        assert refusal[0] == 400
        with in_account(acme.pk):
            assert not Delivery.objects.exists()
