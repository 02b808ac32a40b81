"""Whose a number is: SMS contacts that are created and changed."""

import pytest

from accounts.tenancy import in_account
from contacts.models import Contact, Subscription
from messaging.models import Broadcast, PhoneList, PhoneSubscription
from tests.api.test_broadcasts import reached, send_all
from tests.factories import (
    ContactFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    SmsMessageFactory,
    SubscriptionFactory,
)

PHONE = "12125552368"
OLD, NEW, OTHER = "old@mail.example", "new@mail.example", "other@mail.example"


@pytest.fixture
def phone_list(acme, shop):
    with in_account(acme.pk):
        return PhoneListFactory.create(short_code__email_list=shop)


@pytest.fixture
def code_url(phone_list):
    return f"/sms/v1/ShortCode/{phone_list.short_code_id}"


@pytest.fixture
def create(wire, code_url, phone_list):
    def post(status=201, **given):
        url = f"{code_url}/PhoneList/{phone_list.pk}/Contact"
        return wire.post(url, {"phoneNumber": PHONE, **given}, status=status)

    return post


@pytest.fixture
def shown(wire, code_url):
    def read():
        contact = wire.get(f"{code_url}/Contact/{PHONE}")
        return contact["emailAddress"], contact["firstName"]

    return read


def people():
    return set(Contact.objects.values_list("email", "phone_e164", "first_name"))


class TestNumberThatIsChanged:
    def test_never_changes_another_person_whom_the_address_names(
        self, wire, acme, code_url, create, shown
    ):
        create(emailAddress=OLD, firstName="Grace")
        with in_account(acme.pk):
            ContactFactory.create(email=OTHER, first_name="Other")
        body = {"phoneNumber": PHONE, "emailAddress": OTHER, "firstName": "Ada", "optedOut": True}

        refusal = wire.refused("PUT", f"{code_url}/Contact", body)

        assert refusal == (
            400,
            "ERROR_INVALID_EMAIL_ADDRESS",
            "The emailAddress is another contact's.",
        )
        assert shown() == (OLD, "Grace")
        with in_account(acme.pk):
            assert people() == {(OLD, f"+{PHONE}", "Grace"), (OTHER, "", "Other")}
            assert PhoneSubscription.objects.get().state == "Subscribed"

    @pytest.mark.parametrize("before", [OLD, ""])
    def test_takes_an_address_that_nobody_has(self, wire, acme, code_url, create, shown, before):
        create(emailAddress=before, firstName="Grace")

        body = {"phoneNumber": PHONE, "emailAddress": "New@mail.example", "firstName": "Ada"}
        wire.call("PUT", f"{code_url}/Contact", body)

        assert shown() == ("New@mail.example", "Ada")
        with in_account(acme.pk):
            assert Contact.objects.get().email_norm == NEW

    def test_keeps_the_address_that_agreed_to_email_lists(
        self, wire, acme, shop, code_url, create, shown
    ):
        with in_account(acme.pk):
            person = ContactFactory.create(email=OLD, phone_e164=f"+{PHONE}", first_name="Grace")
            SubscriptionFactory.create(list=shop, contact=person)
        create()

        body = {"phoneNumber": PHONE, "emailAddress": NEW, "firstName": "Ada"}
        refusal = wire.refused("PUT", f"{code_url}/Contact", body)

        assert refusal[:2] == (400, "ERROR_INVALID_EMAIL_ADDRESS")
        assert "newEmailAddress" in refusal[2]
        assert shown() == (OLD, "Grace")

    def test_without_a_person_is_of_whom_the_address_names(
        self, wire, acme, code_url, create, shown
    ):
        create()
        with in_account(acme.pk):
            PhoneSubscription.objects.update(contact=None)
            Contact.objects.all().delete()
            ContactFactory.create(email=OTHER)

        body = {"phoneNumber": PHONE, "emailAddress": OTHER, "firstName": "Ada"}
        wire.call("PUT", f"{code_url}/Contact", body)

        assert shown() == (OTHER, "Ada")


class TestNumberThatIsCreated:
    def test_keeps_what_is_given_with_the_person_who_has_it(self, acme, create, shown):
        with in_account(acme.pk):
            ContactFactory.create(email=OLD, phone_e164=f"+{PHONE}", first_name="Bob")

        create(emailAddress=NEW, firstName="Ada")

        assert shown() == (NEW, "Ada")
        with in_account(acme.pk):
            assert people() == {(NEW, f"+{PHONE}", "Ada")}

    def test_is_refused_with_the_address_of_another(self, acme, create):
        with in_account(acme.pk):
            ContactFactory.create(email=OLD, phone_e164=f"+{PHONE}", first_name="Bob")
            ContactFactory.create(email=OTHER, first_name="Other")

        refusal = create(status=400, emailAddress=OTHER, firstName="Ada")

        assert refusal["error"] == "ERROR_INVALID_EMAIL_ADDRESS"
        with in_account(acme.pk):
            assert people() == {(OLD, f"+{PHONE}", "Bob"), (OTHER, "", "Other")}
            assert not PhoneSubscription.objects.exists()

    def test_of_nobody_is_of_whom_the_address_names(self, acme, create, shown):
        with in_account(acme.pk):
            ContactFactory.create(email=OTHER, first_name="Other")

        create(emailAddress=OTHER, firstName="Ada")

        assert shown() == (OTHER, "Ada")
        with in_account(acme.pk):
            assert people() == {(OTHER, f"+{PHONE}", "Ada")}


class TestValues:
    @pytest.fixture
    def field(self, acme, shop):
        with in_account(acme.pk):
            return ProfileFieldFactory.create(group__list=shop)

    @pytest.fixture
    def box(self, acme, shop):
        with in_account(acme.pk):
            return ProfileFieldFactory.create(group__list=shop, data_type="CheckBox")

    @pytest.fixture
    def values(self, wire, code_url):
        def read():
            shown = wire.get(f"{code_url}/Contact/{PHONE}")["segmentationFieldValues"]
            return {each["segmentationFieldId"]: each["value"] for each in shown}

        return read

    def test_are_kept_of_who_is_not_on_the_email_list(
        self, wire, code_url, phone_list, create, values, field, box
    ):
        create(segmentationFieldValues=[{"segmentationFieldId": field.pk, "value": "Blue"}])
        change = [{"segmentationFieldId": box.pk, "value": "on"}]

        wire.call(
            "PUT",
            f"{code_url}/Contact",
            {"phoneNumber": PHONE, "segmentationFieldValues": change},
        )

        assert values() == {field.pk: "Blue", box.pk: "on"}
        (shown,) = wire.get(f"{code_url}/PhoneList/{phone_list.pk}/Contact")
        assert len(shown["segmentationFieldValues"]) == 2
        clear = [{"segmentationFieldId": field.pk, "value": ""}]
        body = {"phoneNumber": PHONE, "segmentationFieldValues": clear}
        wire.call("PUT", f"{code_url}/Contact", body)
        assert values() == {box.pk: "on"}

    def test_come_onto_the_list_with_the_contact(
        self, wire, acme, shop, code_url, create, values, field
    ):
        given = [{"segmentationFieldId": field.pk, "value": "Blue"}]
        create(emailAddress=NEW, segmentationFieldValues=given)

        wire.post(f"/email/v1/List/{shop.pk}/Contact", {"emailAddress": NEW})

        with in_account(acme.pk):
            assert Subscription.objects.get().profile == {str(field.pk): "Blue"}
            assert Contact.objects.get().profile == {}
        clear = [{"segmentationFieldId": field.pk, "value": None}]
        body = {"phoneNumber": PHONE, "segmentationFieldValues": clear}
        wire.call("PUT", f"{code_url}/Contact", body)
        assert values() == {}

    def test_say_who_gets_a_broadcast(self, wire, acme, code_url, phone_list, create, box):
        for number, value in (("12125550101", "on"), ("12125550102", "off")):
            checked = [{"segmentationFieldId": box.pk, "value": value}]
            create(phoneNumber=number, segmentationFieldValues=checked)
        create(phoneNumber="12125550103")
        body = {"phoneListId": phone_list.pk, "messageContent": "hi", "messageTitle": "t"}

        wire.post(f"{code_url}/Broadcast/Immediate", {**body, "segmentationFieldId": str(box.pk)})
        send_all(acme)

        assert reached(acme) == ["+12125550101"]
        with in_account(acme.pk):
            counted = Broadcast.objects.get()
            assert (counted.status, counted.counts["eligible"]) == ("Sent", 1)


class TestWordsOfRefusals:
    def test_name_the_list_that_is_inactive(self, wire, acme, code_url, phone_list):
        with in_account(acme.pk):
            PhoneList.objects.update(is_active=False)
        body = {"phoneListId": phone_list.pk, "messageContent": "hi", "messageTitle": "t"}

        refusal = wire.refused("POST", f"{code_url}/Broadcast/Immediate", body)

        assert refusal == (400, "ERROR_LIST_INACTIVE", "The list is inactive.")

    def test_name_the_value_that_is_too_long(self, wire, acme, shop, code_url, create):
        with in_account(acme.pk):
            field = ProfileFieldFactory.create(group__list=shop, max_length=3)
        values = [{"segmentationFieldId": field.pk, "value": "Blue"}]

        refusal = create(status=400, segmentationFieldValues=values)

        assert refusal["error"] == "ERROR_SEGMENTATION_MAX_LENGTH"
        with in_account(acme.pk):
            assert not Contact.objects.exists()

    def test_name_the_content_that_is_too_long(self, wire, acme, code_url, phone_list, create):
        create()
        with in_account(acme.pk):
            message = SmsMessageFactory.create(phone_list=phone_list)
        url = f"{code_url}/PhoneList/{phone_list.pk}/TransactionalMessage/{message.pk}/Message"
        body = {"phoneNumber": PHONE, "messageContent": "x" * 2000}

        refusal = wire.refused("POST", url, body)

        assert refusal[:2] == (400, "ERROR_INVALID_PARAMETER")
        assert refusal[2].startswith("An invalid value was supplied for messageContent.")
