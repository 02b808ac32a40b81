"""Saved messages, short codes, phone lists, SMS contacts, deliveries."""

import pytest

from accounts.models import List
from accounts.tenancy import in_account
from contacts.models import Contact, Subscription
from messaging.models import Delivery, PhoneList, PhoneSubscription
from tests.api.conftest import connect
from tests.factories import (
    ContactFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    ShortCodeFactory,
    SubscriptionFactory,
)

PHONE = "12125552368"


def invalid(name):
    return (400, "ERROR_INVALID_PARAMETER", f"An invalid value was supplied for {name}.")


@pytest.fixture
def phone_list(acme, shop):
    with in_account(acme.pk):
        code = ShortCodeFactory.create(code="54321", email_list=shop)
        return PhoneListFactory.create(short_code=code, name="Transactional")


@pytest.fixture
def code_url(phone_list):
    return f"/sms/v1/ShortCode/{phone_list.short_code_id}"


@pytest.fixture
def list_url(code_url, phone_list):
    return f"{code_url}/PhoneList/{phone_list.pk}"


class TestSavedMessages:
    BODY = {
        "savedMessageName": "We miss you",
        "subject": "Come back",
        "fromName": "Acme",
        "fromEmail": "shop@acme.example",
        "bodyHtml": "<p>Hi {{ contact.first_name }}</p>",
        "bodyText": "Hi",
    }

    @pytest.fixture
    def url(self, shop):
        return f"/email/v1/List/{shop.pk}/SavedMessage"

    def test_are_made_and_read(self, wire, url):
        made = wire.post(url, self.BODY)

        row = wire.get(url)[0]
        assert list(row) == [
            "savedMessageId",
            "savedMessageName",
            "campaignId",
            "createDate",
            "lastModifiedDate",
            "externalCampaignId",
            "subject",
        ]
        shown = wire.get(f"{url}/{made['resourceId']}")
        assert shown["bodyHtml"] == self.BODY["bodyHtml"]
        assert (shown["codePage"], shown["campaignId"], shown["toName"]) == (65001, 0, "")
        assert shown["enableTracking"] is True
        assert None not in shown.values()

    def test_are_tracked_as_their_list_says(self, wire, acme, shop, url):
        with in_account(acme.pk):
            List.objects.filter(pk=shop.pk).update(track_clicks=False)
        made = wire.post(url, self.BODY)["resourceId"]

        assert wire.get(f"{url}/{made}")["enableTracking"] is False

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"savedMessageName": ""}, "savedMessageName"),
            ({"subject": None}, "subject"),
            ({"subject": " "}, "subject"),
            ({"fromEmail": "nobody"}, "fromEmail"),
            ({"replyEmail": "nobody"}, "replyEmail"),
            ({"bodyHtml": "{% if %}"}, "bodyHtml"),
            ({"bodyText": "{{ "}, "bodyText"),
            ({"campaignId": 9}, "campaignId"),
        ],
    )
    def test_name_what_is_wrong(self, wire, url, change, name):
        status, error, message = wire.refused("POST", url, {**self.BODY, **change})

        assert (status, error) == invalid(name)[:2]
        assert message.startswith(invalid(name)[2])
        assert wire.get(url) == []

    def test_say_where_a_template_is_wrong(self, wire, url):
        body = {**self.BODY, "bodyHtml": "<p>\n{{ contact.email.upper() }}</p>"}

        message = wire.refused("POST", url, body)[2]

        assert message.startswith("An invalid value was supplied for bodyHtml. ")
        assert "line 2" in message


class TestShortCodes:
    def test_are_made_and_read(self, wire, shop):
        made = wire.post(
            "/conductor/v1/ShortCode",
            {
                "code": "54321",
                "country": "us",
                "merchantName": "Acme",
                "emailListId": shop.pk,
                "messageTypes": ["transactional"],
            },
        )

        shown = wire.get("/sms/v1/ShortCode")
        assert shown == [wire.get(f"/sms/v1/ShortCode/{made['resourceId']}")]
        assert shown[0] == {
            "shortCodeId": int(made["resourceId"]),
            "code": "54321",
            "country": "US",
            "merchantName": "Acme",
            "emailListId": shop.pk,
            "emailListName": shop.name,
            "externalEventId": 0,
            "externalEventName": "",
            "phoneNumberSegmentationFieldGroupId": 0,
            "phoneNumberSegmentationFieldGroupName": "",
            "phoneNumberSegmentationFieldId": 0,
            "phoneNumberSegmentationFieldName": "",
            "acquisitionSourceSegmentationFieldGroupId": 0,
            "acquisitionSourceSegmentationFieldGroupName": "",
            "acquisitionSourceSegmentationFieldId": 0,
            "acquisitionSourceSegmentationFieldName": "",
        }

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"code": "abc"}, "code"),
            ({"country": "ZZ"}, "country"),
            ({"emailListId": 999999}, "emailListId"),
            ({"messageTypes": ["Rude"]}, "messageTypes"),
            ({"messageTypes": []}, "messageTypes"),
        ],
    )
    def test_name_what_is_wrong(self, wire, shop, change, name):
        body = {"code": "54321", "country": "US", "emailListId": shop.pk, **change}

        assert wire.refused("POST", "/conductor/v1/ShortCode", body) == invalid(name)

    def test_need_the_type_sms(self, acme, now, shop):
        email = connect(acme, now, types=["email"])

        for method, url in (
            ("GET", "/sms/v1/ShortCode"),
            ("POST", "/conductor/v1/ShortCode"),
            ("POST", "/conductor/v1/ShortCode/1/PhoneList"),
        ):
            assert email.refused(method, url, {})[0] == 401

    def test_have_phone_lists(self, wire, code_url, phone_list, acme):
        url = f"/conductor{code_url.removeprefix('/sms')}/PhoneList"
        made = wire.post(url, {"phoneListName": "News", "smsListType": "marketing"})
        with_cursor = wire.page(f"{code_url}/PhoneList", count=1)

        assert list(with_cursor) == ["status", "nextPageCursor", "data"]
        assert with_cursor["data"][0]["phoneListId"] == phone_list.pk
        assert wire.get(f"{code_url}/PhoneList/{made['resourceId']}") == [
            {
                "phoneListId": int(made["resourceId"]),
                "phoneListName": "News",
                "createDate": wire.get(f"{code_url}/PhoneList")[1]["createDate"],
                "status": "Active",
                "smsListType": "Marketing",
                "messageLimit": 0,
                "messageLimitTimeFrame": "",
                "requireDoubleOptIn": False,
                "requireAgeGate": False,
            }
        ]
        assert wire.get(f"{code_url}/PhoneList", status="inactive") == []
        with in_account(acme.pk):
            PhoneList.objects.filter(name="News").update(is_active=False)
        assert len(wire.get(f"{code_url}/PhoneList")) == 1
        assert len(wire.get(f"{code_url}/PhoneList", status="inactive")) == 1
        assert wire.refused("POST", url, {"phoneListName": "News"}) == invalid("phoneListName")
        bad = {"phoneListName": "More", "smsListType": "Rude"}
        assert wire.refused("POST", url, bad) == invalid("smsListType")

    def test_show_profile_fields_in_words_of_their_own(self, wire, code_url, acme, shop):
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(
                group__list=shop, name="Shoe size", data_type="Numeric"
            )

        shown = {
            "segmentationFieldId": field.pk,
            "segmentationFieldName": "Shoe size",
            "dataType": "Number",
            "maxLength": 0,
            "statusFlag": "Active",
        }
        assert wire.get(f"{code_url}/SegmentationField") == [shown]
        assert wire.get(f"{code_url}/SegmentationField/{field.pk}") == shown

    def test_name_what_is_missing(self, wire, code_url):
        assert wire.refused("GET", f"{code_url}/PhoneList/999999")[2] == (
            "Unable to locate a resource associated with the senderCodeId and phoneListId supplied."
        )


class TestSmsMessages:
    def test_are_made_and_read_as_transactional_messages(self, wire, list_url):
        url = f"/conductor{list_url.removeprefix('/sms')}/SmsMessage"
        made = wire.post(url, {"name": "Winback text", "text": "10% off. Reply STOP to end."})
        number = int(made["resourceId"])

        assert wire.get(url) == [
            {
                "smsMessageId": number,
                "name": "Winback text",
                "text": "10% off. Reply STOP to end.",
                "mediaUrl": "",
            }
        ]
        shown = {
            "transactionalMessageId": number,
            "transactionalMessageName": "Winback text",
            "transactionalMessageStatus": "Active",
        }
        assert wire.get(f"{list_url}/TransactionalMessage") == [shown]
        assert wire.get(f"{list_url}/TransactionalMessage/{number}") == shown

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"name": ""}, "name"),
            ({"text": ""}, "text"),
            ({"text": "x" * 1601}, "text"),
            ({"mediaUrl": "ftp://x"}, "mediaUrl"),
        ],
    )
    def test_name_what_is_wrong(self, wire, list_url, change, name):
        url = f"/conductor{list_url.removeprefix('/sms')}/SmsMessage"

        assert wire.refused("POST", url, {"name": "A", "text": "B", **change}) == invalid(name)

    def test_say_where_the_text_is_wrong(self, wire, list_url):
        url = f"/conductor{list_url.removeprefix('/sms')}/SmsMessage"

        status, _, message = wire.refused("POST", url, {"name": "A", "text": "{{ "})

        assert status == 400
        assert message.startswith(f"{invalid('text')[2]} The text does not compile: line 1: ")


class TestPhoneContacts:
    def test_are_created_once_per_short_code(self, wire, list_url, acme, phone_list):
        body = {
            "shortCodeId": 1,
            "phoneListId": 2,
            "PhoneNumber": PHONE,
            "emailAddress": "grace@mail.example",
            "firstName": "Grace",
            "birthday": "",
        }

        assert wire.post(f"{list_url}/Contact", body)["resourceId"] == PHONE
        assert wire.refused("POST", f"{list_url}/Contact", body)[1] == "ERROR_PHONE_NUMBER_FOUND"
        with in_account(acme.pk):
            subscription = PhoneSubscription.objects.get()
            contact = Contact.objects.get()
            assert (subscription.state, subscription.phone_e164) == ("Subscribed", f"+{PHONE}")
            assert subscription.contact == contact
            assert subscription.consent_text
            assert (contact.first_name, contact.email) == ("Grace", "grace@mail.example")
            assert not Subscription.objects.exists()

    @pytest.mark.parametrize("written", [PHONE, f"+{PHONE}", "2125552368"])
    def test_leave_and_come_back(self, wire, code_url, list_url, phone_list, written):
        wire.post(f"{list_url}/Contact", {"phoneNumber": written})
        one = f"{code_url}/Contact/{written}"
        leave = f"{code_url}/ContactUnsubscribe/{written}/PhoneList/{phone_list.pk}"

        assert wire.call("DELETE", leave).content == b'{"status":200}'
        assert wire.refused("DELETE", leave) == (
            400,
            "ERROR_PHONE_NUMBER_NOT_SUBSCRIBED",
            "The phone number provided is not subscribed to the list.",
        )
        left = wire.get(one)
        assert left["optedOut"] is True
        assert wire.get(f"{list_url}/Contact") == []
        assert len(wire.get(f"{list_url}/Contact", optedOut=True)) == 1
        assert left["unsubscribeDate"] is not None
        # Body-less and without a content type, as the tag template sends it.
        back = wire.call("POST", f"{one}/PhoneList/{phone_list.pk}", content_type="")
        assert back.status_code == 201
        again = wire.page(f"{one}/PhoneList")
        assert again["nextPageCursor"] is None
        assert [each["subscriptionState"] for each in again["data"]] == ["Subscribed"]
        refusal = wire.refused("POST", f"{one}/PhoneList/{phone_list.pk}")
        assert refusal[1] == "ERROR_SUBSCRIBED_PHONE_NUMBER"

    def test_are_read(self, wire, code_url, list_url, acme, shop):
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(group__list=shop)
            contact = ContactFactory.create(email="grace@mail.example")
            SubscriptionFactory.create(list=shop, contact=contact)
        values = [{"segmentationFieldId": field.pk, "value": "Blue"}]
        wire.post(
            f"{list_url}/Contact",
            {
                "phoneNumber": PHONE,
                "emailAddress": "grace@mail.example",
                "birthday": "1906-12-09",
                "postalCode": "22201",
                "segmentationFieldValues": values,
            },
        )

        shown = wire.get(f"{code_url}/Contact/{PHONE}")

        assert list(shown)[:3] == ["subscribeDate", "unsubscribeDate", "phoneNumber"]
        person = {
            "phoneNumber": PHONE,
            "emailAddress": "grace@mail.example",
            "firstName": "Grace",
            "lastName": None,
            "birthday": "1906-12-09T00:00:00",
            "postalCode": "22201",
            "optedOut": False,
            "segmentationFieldValues": values,
        }
        assert shown == {
            "subscribeDate": shown["subscribeDate"],
            "unsubscribeDate": None,
            **person,
        }
        assert wire.get(f"{list_url}/Contact") == [person]
        assert wire.get(f"{list_url}/Contact", optedOut="TRUE") == []
        assert wire.get(f"{list_url}/Contact", endSubscribeDate="2020-01-01") == []

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"phoneNumber": "12"}, "ERROR_INVALID_PHONE_NUMBER"),
            ({"emailAddress": "nobody"}, "ERROR_INVALID_EMAIL_ADDRESS"),
            ({"birthday": "someday"}, "ERROR_INVALID_PARAMETER"),
            ({"phoneNumber": None}, "ERROR_INVALID_PARAMETER"),
            (
                {"segmentationFieldValues": [{"segmentationFieldId": 999999, "value": "x"}]},
                "ERROR_INVALID_SEGMENTATION_FIELD_ID",
            ),
        ],
    )
    def test_name_what_is_wrong_and_store_nothing(self, wire, list_url, acme, change, error):
        refusal = wire.refused("POST", f"{list_url}/Contact", {"phoneNumber": PHONE, **change})

        assert refusal[:2] == (400, error)
        with in_account(acme.pk):
            assert not Contact.objects.exists()
            assert not PhoneSubscription.objects.exists()

    def test_wait_for_their_opt_in(self, wire, code_url, list_url, acme, phone_list):
        with in_account(acme.pk):
            phone_list.require_double_opt_in = True
            phone_list.save()
        wire.post(f"{list_url}/Contact", {"phoneNumber": PHONE})

        refusal = wire.refused("POST", f"{list_url}/Contact", {"phoneNumber": PHONE})

        assert refusal == (
            400,
            "ERROR_PENDING_PHONE_NUMBER",
            "The phone number provided is already pending subscription through double opt in.",
        )
        shown = wire.get(f"{code_url}/Contact/{PHONE}/PhoneList")
        assert (shown[0]["subscriptionState"], shown[0]["pendingDoubleOptIn"]) == ("Pending", True)

    def test_cannot_join_an_inactive_list_or_pass_an_age_gate_without_a_birthday(
        self, wire, list_url, acme, phone_list
    ):
        url, body = f"{list_url}/Contact", {"phoneNumber": PHONE}
        with in_account(acme.pk):
            phone_list.is_active, phone_list.require_age_gate = False, True
            phone_list.save()
        assert wire.refused("POST", url, body)[1] == "ERROR_BIRTHDAY_FIELD_NULL"

        body["birthday"] = "1906-12-09"
        assert wire.refused("POST", url, body)[1] == "ERROR_LIST_INACTIVE"

    def test_are_not_found_where_the_short_code_does_not_know_them(self, wire, code_url):
        for number in (PHONE, "nonsense"):
            assert wire.refused("GET", f"{code_url}/Contact/{number}")[2] == (
                "Unable to locate a resource associated with the senderCodeId and phoneNumber "
                "supplied."
            )


class TestDeliveries:
    @pytest.fixture
    def rows(self, acme, shop, now):
        with in_account(acme.pk):
            common = {"list": shop, "queued_at": now, "thread": "Winback", "step_key": "text"}
            return [
                Delivery.objects.create(
                    channel="sms",
                    address=f"+{PHONE}",
                    state="skipped",
                    reason="missing address",
                    conversation_id=7,
                    **common,
                ),
                Delivery.objects.create(
                    channel="email", address="grace@mail.example", state="queued", **common
                ),
                Delivery.objects.create(
                    channel="email", address="t@x.example", state="sent", is_test=True, **common
                ),
            ]

    def test_are_listed_with_state_and_reason(self, wire, shop, rows):
        url = f"/conductor/v1/List/{shop.pk}/Delivery"

        assert wire.get(url) == [
            {
                "deliveryId": rows[0].pk,
                "channel": "sms",
                "emailAddress": None,
                "phoneNumber": f"+{PHONE}",
                "state": "skipped",
                "reason": "missing address",
                "conversationId": 7,
                "thread": "Winback",
                "stepKey": "text",
                "queuedDate": "2026-11-18T07:00:00",
                "sentDate": None,
            },
            {
                "deliveryId": rows[1].pk,
                "channel": "email",
                "emailAddress": "grace@mail.example",
                "phoneNumber": None,
                "state": "queued",
                "reason": None,
                "conversationId": None,
                "thread": "Winback",
                "stepKey": "text",
                "queuedDate": "2026-11-18T07:00:00",
                "sentDate": None,
            },
        ]

    def test_are_chosen_and_paged(self, wire, shop, rows):
        url = f"/conductor/v1/List/{shop.pk}/Delivery/"

        def ids(**query):
            return [each["deliveryId"] for each in wire.get(url, **query)]

        assert ids(channel="Email") == [rows[1].pk]
        assert ids(state="skipped") == [rows[0].pk]
        assert ids(conversationId="7") == [rows[0].pk]
        assert ids(conversationId="8") == []
        cursor = wire.page(url, count=1)["nextPageCursor"]
        assert ids(cursor=cursor) == [rows[1].pk]
        assert wire.refused("GET", f"{url}?state=lost") == invalid("state")
        assert wire.refused("GET", f"{url}?conversationId=x") == invalid("conversationId")
