"""The two refusals, case by case."""

import pytest

from accounts.tenancy import sql
from messaging.eligibility import Reason, email_refusal, sentence, sms_refusal
from tests.factories import (
    ContactFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    SubscriptionFactory,
)

pytestmark = pytest.mark.usefixtures("inside_acme")

ASK_EMAIL = f"""
    SELECT {email_refusal()} FROM contacts_contact AS contact
    LEFT JOIN contacts_subscription AS subscription
        ON subscription.contact_id = contact.id AND subscription.list_id = %(list_id)s
    WHERE contact.id = %(contact_id)s
"""
ASK_SMS = f"""
    SELECT {sms_refusal()} FROM (SELECT 1) AS one
    LEFT JOIN messaging_phonesubscription AS phone_subscription
        ON phone_subscription.phone_list_id = %(phone_list_id)s
        AND phone_subscription.phone_e164 = %(phone)s
"""


class TestEmailRefusal:
    @pytest.mark.parametrize(
        ("state", "reason"),
        [
            ("Subscribed", None),
            ("Unsubscribed", "suppressed"),
            ("Pending", "pending double opt-in"),
        ],
    )
    def test_follows_the_subscription(self, state, reason):
        subscription = SubscriptionFactory.create(state=state)

        asked = sql.fetch_value(
            ASK_EMAIL, list_id=subscription.list_id, contact_id=subscription.contact_id
        )

        assert asked == reason

    def test_needs_an_address(self):
        nameless = ContactFactory.create(email="", email_norm="", external_id="7")
        subscription = SubscriptionFactory.create(contact=nameless)

        asked = sql.fetch_value(
            ASK_EMAIL, list_id=subscription.list_id, contact_id=subscription.contact_id
        )

        assert asked == "missing address"

    def test_needs_a_subscription_to_this_list(self):
        contact = SubscriptionFactory.create().contact

        asked = sql.fetch_value(ASK_EMAIL, list_id=ListFactory.create().pk, contact_id=contact.pk)

        assert asked == "no-longer-in-list/segment"


class TestSmsRefusal:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({}, None),
            ({"state": "Unsubscribed"}, "suppressed"),
            ({"state": "Pending", "pending_double_opt_in": True}, "pending double opt-in"),
            ({"state": "Pending", "pending_age_gate": True}, "age gate"),
            ({"state": "Pending"}, "pending double opt-in"),
        ],
    )
    def test_follows_the_consent(self, changes, reason):
        subscription = PhoneSubscriptionFactory.create(**changes)

        asked = sql.fetch_value(
            ASK_SMS, phone_list_id=subscription.phone_list_id, phone=subscription.phone_e164
        )

        assert asked == reason

    def test_needs_a_consent_to_this_phone_list(self):
        elsewhere = PhoneSubscriptionFactory.create()

        asked = sql.fetch_value(
            ASK_SMS, phone_list_id=PhoneListFactory.create().pk, phone=elsewhere.phone_e164
        )

        assert asked == "no consent for this list/purpose"


class TestSentence:
    def test_explains_every_reason(self):
        assert all(sentence(reason).endswith(".") for reason in Reason.values)

    def test_looks_past_the_detail(self):
        assert sentence("template error (line 3)") == Reason.TEMPLATE_ERROR.label

    def test_returns_what_it_does_not_know(self):
        assert sentence("boundless joy") == "boundless joy"
