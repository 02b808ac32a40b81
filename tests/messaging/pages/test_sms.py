"""Short codes, phone lists and text messages."""

from datetime import UTC, datetime

import pytest

from accounts.tenancy import in_account
from messaging.models import (
    Delivery,
    PhoneList,
    PhoneSubscription,
    ShortCode,
    SmsMessage,
)


class TestSms:
    def test_from_short_code_to_message(self, client, mia, acme, page, shop):
        """W1 before it begins: code, list and message by clicking."""
        client.force_login(mia)
        client.post(
            page("new_short_code"),
            {"code": "77777", "country": "US", "message_types": ["Transactional"]},
        )
        with in_account(acme.pk):
            code = ShortCode.objects.get(code="77777")
            assert code.message_types == ["Transactional"]
        client.post(
            page("new_phone_list", short_code_id=code.pk),
            {"name": "Receipts", "kind": "Transactional", "is_active": "on"},
        )
        with in_account(acme.pk):
            phones = PhoneList.objects.get(name="Receipts")
        client.post(
            page("new_sms_message", phone_list_id=phones.pk),
            {"name": "Thanks", "text": "Thank you, {{ contact.first_name }}"},
        )

        with in_account(acme.pk):
            assert SmsMessage.objects.get(name="Thanks").phone_list == phones
        assert "77777" in client.get(page("sms")).text

    def test_a_code_that_exists_is_refused(self, client, mia, page):
        client.force_login(mia)

        answer = client.post(
            page("new_short_code"),
            {"code": "54321", "country": "US", "message_types": ["Marketing"]},
        )

        assert answer.status_code == 422
        assert "already" in answer.text

    def test_a_number_is_added_with_its_consent(self, client, mia, acme, page, shop):
        client.force_login(mia)

        client.post(
            page("subscribe_phone", phone_list_id=shop["phones"].pk),
            {
                "phone": "(212) 555-0142",
                "consent_source": "Checkout",
                "consent_text": "I agree.",
                "consent_at": "2026-01-02T03:04",
            },
        )

        with in_account(acme.pk):
            made = PhoneSubscription.objects.get(phone_e164="+12125550142")
            assert made.consent_source == "Checkout"
            # Typed in the account's zone, New York.
            assert made.consent_at == datetime(2026, 1, 2, 8, 4, tzinfo=UTC)

    @pytest.mark.parametrize(
        "changes",
        [
            {"phone": "1"},
            {"phone": "nothing"},
            {"consent_text": ""},
            {"consent_source": ""},
            {"consent_at": "2999-01-01T00:00"},
        ],
    )
    def test_a_number_without_evidence_is_refused(self, client, mia, acme, page, shop, changes):
        client.force_login(mia)
        given = {"phone": "2125550142", "consent_source": "Page", "consent_text": "Yes"}

        answer = client.post(
            page("subscribe_phone", phone_list_id=shop["phones"].pk), {**given, **changes}
        )

        assert answer.status_code == 422
        with in_account(acme.pk):
            assert PhoneSubscription.objects.count() == 1

    def test_a_number_is_taken_off(self, client, mia, acme, page, shop):
        client.force_login(mia)

        client.post(
            page("unsubscribe_phone", phone_list_id=shop["phones"].pk),
            {"subscription": shop["consent"].pk},
        )

        with in_account(acme.pk):
            assert PhoneSubscription.objects.get().state == "Unsubscribed"

    def test_a_preview_counts_segments(self, client, ben, page, shop):
        client.force_login(ben)

        answer = client.post(
            page("preview_sms"),
            {"text": "{{ contact.first_name }} ✓" + "x" * 80, "contact": shop["grace"].pk},
        )

        assert "UCS-2" in answer.text
        assert "2 segments" in answer.text
        assert "Grace ✓" in answer.text
        assert "not known" not in answer.text

    def test_a_preview_names_what_there_is_not(self, client, ben, page, shop):
        client.force_login(ben)

        answer = client.post(page("preview_sms"), {"text": "Hi {{ contact.frist_name }}"})

        assert "These names are not known" in answer.text
        assert "contact.frist_name" in answer.text

    def test_a_test_needs_consent(self, client, mia, acme, page, shop):
        client.force_login(mia)
        address = page("test_sms_message", message_id=shop["text"].pk)

        answer = client.post(address, {"address": "+12125550199"})
        assert answer.status_code == 422
        assert 'value="+12125550199"' in answer.text
        assert "+12125550199 has not agreed to messages" in answer.text
        with in_account(acme.pk):
            assert not Delivery.objects.exists()
        client.post(address, {"address": "212 555 0100"})

        with in_account(acme.pk):
            assert Delivery.objects.get().is_test
