"""What SMS providers tell, over real HTTP."""

import json

import pytest

from accounts.tenancy import in_account
from messaging.models import Delivery, InboundText, Receipt
from tests.factories import (
    PhoneListFactory,
    QueuedTextFactory,
    ShortCodeFactory,
)
from tests.messaging.hooks.calling import post, token_of, twilio

pytestmark = pytest.mark.django_db(transaction=True)


class TestTwilio:
    @pytest.fixture
    def text(self, acme, now):
        with in_account(acme.pk):
            return QueuedTextFactory.create(
                state="sent", sent_at=now, provider="twilio", provider_message_id="SM" + "1" * 32
            )

    def test_the_signature_is_that_of_its_documentation(self):
        from django.http import QueryDict

        from messaging.providers.twilio import signature

        form = QueryDict(
            "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234"
            "&From=%2B14158675309&To=%2B18005551212"
        )

        url = "https://mycompany.com/myapp.php?foo=1&bar=2"
        assert signature("12345", url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="

    def test_an_undelivered_text_bounced(self, acme, connect, text):
        url = connect("twilio")

        for _ in range(2):
            status, _ = twilio(
                url,
                MessageSid="SM" + "1" * 32,
                MessageStatus="undelivered",
                ErrorCode="30005",
                To=text.address,
                From="54321",
                AccountSid="AC" + "0" * 32,
            )
            assert status == 200

        with in_account(acme.pk):
            receipt = Receipt.objects.get()
            assert (receipt.kind, receipt.detail["bounce"]) == ("bounced", "hard")
            consent = text.phone_list.subscriptions.get()
            assert (consent.state, consent.opt_out_reason) == ("Unsubscribed", "PermanentError")

    @pytest.mark.parametrize("status", ["failed", "undelivered"])
    @pytest.mark.parametrize(
        ("code", "why"),
        [("21211", "PermanentError"), ("30006", "PermanentError"), ("21610", "Campaign")],
    )
    def test_a_failure_says_whether_the_number_takes_any(
        self, acme, connect, text, status, code, why
    ):
        twilio(
            connect("twilio"),
            MessageSid="SM" + "1" * 32,
            MessageStatus=status,
            ErrorCode=code,
            To=text.address,
        )

        with in_account(acme.pk):
            consent = text.phone_list.subscriptions.get()
            assert (consent.state, consent.opt_out_reason) == ("Unsubscribed", why)

    def test_what_arrived_settles_one_whose_answer_was_lost(self, acme, connect, text):
        with in_account(acme.pk):
            Delivery.objects.update(state="unknown", provider_message_id="")
        url = f"{connect('twilio')}?d={token_of(text)}"

        status, _ = twilio(
            url, MessageSid="SM" + "9" * 32, MessageStatus="delivered", To=text.address
        )

        assert status == 200
        with in_account(acme.pk):
            assert Delivery.objects.get().state == "sent"

    def test_a_token_that_was_put_in_is_refused(self, acme, connect, text):
        told = {"MessageSid": "SM" + "9" * 32, "MessageStatus": "failed", "To": text.address}

        status, _ = twilio(connect("twilio"), added=f"?d={token_of(text)}", **told)

        assert status == 403

    def test_a_forged_one_is_refused(self, acme, connect, text):
        url = connect("twilio")

        status, _ = twilio(
            url, token="guessed", MessageSid="SM" + "1" * 32, MessageStatus="failed", To="x"
        )

        assert status == 403
        with in_account(acme.pk):
            assert not Receipt.objects.exists()

    def test_stop_is_taken_once_and_answered(self, acme, connect, text):
        url = connect("twilio")
        with in_account(acme.pk):
            code = text.phone_list.short_code.code

        answers = [
            twilio(
                url,
                MessageSid="SM" + "2" * 32,
                SmsStatus="received",
                From=text.address,
                To=code,
                Body="Stop",
                NumMedia="0",
            )
            for _ in range(2)
        ]

        assert [status for status, _ in answers] == [200, 200]
        assert "<Response></Response>" in answers[0][1]
        with in_account(acme.pk):
            assert InboundText.objects.count() == 1
            assert text.phone_list.subscriptions.get().state == "Unsubscribed"
            assert Delivery.objects.filter(step_key=">reply").count() == 1

    def test_pictures_come_in(self, acme, connect, text):
        with in_account(acme.pk):
            code = text.phone_list.short_code.code
        twilio(
            connect("twilio"),
            MessageSid="MM" + "3" * 32,
            SmsStatus="received",
            From=text.address,
            To=code,
            Body="Look",
            NumMedia="1",
            MediaUrl0="https://api.twilio.com/media/1",
        )

        with in_account(acme.pk):
            assert InboundText.objects.get().media == ["https://api.twilio.com/media/1"]


class TestGateway:
    def test_tells_states_and_texts(self, acme, connect, now):
        url = connect("http_sms")
        with in_account(acme.pk):
            code = ShortCodeFactory.create(code="+1 888 555 0100")
            phones = PhoneListFactory.create(short_code=code)
            QueuedTextFactory.create(
                phone_list=phones,
                state="unknown",
                provider="http_sms",
                provider_message_id="g-1",
            )

        first = post(
            url, json.dumps({"id": "g-1", "status": "delivered"}), Content_Type="application/json"
        )
        second = post(
            url,
            json.dumps(
                {"message_id": "in-1", "from": "+12125550123", "to": "18885550100", "text": "Hello"}
            ),
            Content_Type="application/json",
        )

        assert (first[0], second[0]) == (200, 200)
        with in_account(acme.pk):
            assert Delivery.objects.get(provider="http_sms").state == "sent"
            assert InboundText.objects.get().text == "Hello"

    @pytest.mark.parametrize("said", ["reference", "callback"])
    def test_settles_one_whose_answer_was_lost(self, acme, connect, said):
        url = connect("http_sms")
        with in_account(acme.pk):
            lost = QueuedTextFactory.create(state="unknown", provider="http_sms")
        if said == "callback":
            url = f"{url}?d={token_of(lost)}"
        told = {
            "status": "delivered",
            **({"reference": str(lost.pk)} if said != "callback" else {}),
        }

        status, _ = post(url, json.dumps(told), Content_Type="application/json")

        assert status == 200
        with in_account(acme.pk):
            assert Delivery.objects.get().state == "sent"
