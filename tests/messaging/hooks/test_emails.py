"""What email providers tell, over real HTTP."""

import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from accounts.tenancy import current_account_id, in_account
from messaging.actions.providers import callback_of
from messaging.hooks.bounces import kind_of
from messaging.models import Provider, Receipt, Suppression
from messaging.providers import Carrier, carriers
from messaging.transports.calls import Heard
from tests.factories import (
    QueuedEmailFactory,
)
from tests.messaging.hooks.calling import (
    COMPLAINED,
    DELIVERED,
    EMAIL,
    HARD,
    SOFT,
    mailgun_call,
    post,
    sendgrid_call,
    ses_call,
    token_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


class Slow(Carrier):
    """Somebody whose calls are proved by asking elsewhere."""

    kind = "slow"
    label = "Slow"
    channels = ("email",)
    asked_inside: list[int | None] = []

    def carry(self, messages, *, now):
        yield from ()

    def hear(self, request, *, now):
        Slow.asked_inside.append(current_account_id())
        return Heard()


class TestEmailProviders:
    @pytest.mark.parametrize("kind", sorted(HARD))
    def test_a_hard_bounce_is_kept_once_and_suppresses(self, acme, call, connect, delivery, kind):
        mail, url = delivery(kind), connect(kind)

        answers = [call(kind, mail, HARD, url) for _ in range(3)]

        assert [status for status, _ in answers] == [200] * 3
        with in_account(acme.pk):
            receipt = Receipt.objects.get()
            assert (receipt.delivery_id, receipt.kind) == (mail.pk, "bounced")
            assert receipt.detail["bounce"] == "hard"
            assert Suppression.objects.filter(address=EMAIL).exists()

    @pytest.mark.parametrize("kind", sorted(SOFT))
    def test_a_soft_bounce_suppresses_nobody(self, acme, call, delivery, kind):
        call(kind, delivery(kind), SOFT)

        with in_account(acme.pk):
            assert Receipt.objects.get().detail["bounce"] == "soft"
            assert not Suppression.objects.exists()

    @pytest.mark.parametrize("kind", sorted(COMPLAINED))
    def test_a_complaint_is_heeded(self, acme, call, delivery, kind):
        call(kind, delivery(kind), COMPLAINED)

        with in_account(acme.pk):
            assert Receipt.objects.get().kind == "complained"
            assert Suppression.objects.filter(address=EMAIL, reason="complaint").exists()

    @pytest.mark.parametrize("kind", sorted(DELIVERED))
    def test_what_arrived_settles_what_was_not_known(self, acme, call, delivery, kind):
        mail = delivery(kind, state="unknown", reason="connection lost")

        call(kind, mail, DELIVERED)

        with in_account(acme.pk):
            mail.refresh_from_db()
            assert mail.state == "sent"

    def test_our_token_finds_what_their_id_does_not(self, acme, call, delivery):
        mail = delivery("postmark", state="unknown", sent_at=None, provider_message_id="")

        call("postmark", mail, DELIVERED)

        with in_account(acme.pk):
            mail.refresh_from_db()
            assert mail.state == "sent"


class TestForged:
    def test_another_key_is_not_found(self, acme, connect, delivery, call):
        mail, url = delivery("postmark"), connect("postmark")

        for bad in (url[:-2] + ("x" if url[-2] != "x" else "y") + "/", url.replace("-", "-9", 1)):
            assert call("postmark", mail, HARD, bad)[0] == 404

        with in_account(acme.pk):
            assert not Receipt.objects.exists()

    @pytest.mark.parametrize("key", ["1", "1-2", "a-b-c", "-1-2-3", "1-2-", "9" * 30 + "-1-x"])
    def test_an_address_of_no_form_is_not_found(self, site, key):
        assert post(f"{site}/hooks/postmark/{key}/", "{}")[0] == 404

    def test_a_mailgun_signature_of_another_key(self, acme, connect, delivery):
        body, headers = mailgun_call(delivery("mailgun"), "delivered", key="key-guessed")

        assert post(connect("mailgun"), body, **headers)[0] == 400

    def test_a_sendgrid_body_that_was_changed(self, acme, connect, delivery, sendgrid_key):
        body, headers = sendgrid_call(sendgrid_key, delivery("sendgrid"), "delivered")

        changed = body.replace('"delivered"', '"spamreport"')
        status, _ = post(connect("sendgrid"), changed, **headers)

        assert status == 400
        with in_account(acme.pk):
            assert not Receipt.objects.exists()

    @pytest.mark.parametrize("change", [("Permanent", "Transient"), ("Signature", "Signed")])
    def test_an_amazon_message_that_was_changed_or_is_unsigned(
        self, acme, connect, delivery, change
    ):
        body, headers = ses_call(delivery("ses"), "Bounce", bounceType="Permanent")

        status, _ = post(connect("ses"), body.replace(*change), **headers)

        assert status == 400
        with in_account(acme.pk):
            assert not Receipt.objects.exists()

    def test_an_amazon_topic_is_not_confirmed_for_one_who_cannot_sign(self, connect):
        body = {
            "Type": "SubscriptionConfirmation",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": "2336412f37",
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:theirs",
            "Message": "You have chosen to subscribe.",
            "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
            "Timestamp": datetime.now(UTC).isoformat(),
        }

        status, _ = post(
            connect("ses"),
            json.dumps(body),
            X_Amz_Sns_Message_Type=body["Type"],
            X_Amz_Sns_Message_Id=body["MessageId"],
        )

        assert status == 400

    @pytest.mark.parametrize(
        "kind", ["postmark", "brevo", "sendgrid", "mailgun", "ses", "http_sms"]
    )
    @pytest.mark.parametrize("body", ["", "no json", "[1, 2]", '{"event": {}}', "\x00\xff"])
    def test_what_cannot_be_read_is_refused(self, connect, kind, body):
        status, _ = post(connect(kind), body, Content_Type="application/json")

        assert status in {200, 400}

    def test_a_call_beyond_measure_is_not_read(self, client, connect):
        path = urlsplit(connect("postmark")).path

        answer = client.post(
            path, "{}", content_type="application/json", CONTENT_LENGTH=str(17 * 1024 * 1024)
        )

        assert answer.status_code == 413

    def test_another_accounts_delivery_is_not_touched(self, globex, call, delivery, now):
        with in_account(globex.pk):
            theirs = QueuedEmailFactory.create(
                state="sent", sent_at=now, provider="postmark", provider_message_id="their-id"
            )

        call("postmark", theirs, HARD)

        with in_account(globex.pk):
            assert not Receipt.objects.exists()
            assert not Suppression.objects.exists()


class TestReturnedMail:
    def report(self, delivery, status="5.1.1", action="failed"):
        to = f"b-{token_of(delivery)}@bounces.acme.example"
        return (
            f"From: MAILER-DAEMON@mail.example\r\nTo: {to}\r\nSubject: Undelivered\r\n"
            "MIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
            "--x\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
            "--x\r\nContent-Type: message/delivery-status\r\n\r\n"
            "Reporting-MTA: dns; mail.example\r\n\r\n"
            f"Final-Recipient: rfc822; {EMAIL}\r\nAction: {action}\r\nStatus: {status}\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--x--\r\n"
        )

    @pytest.mark.parametrize(("status", "bounce"), [("5.1.1", "hard"), ("5.2.2", "soft")])
    def test_finds_its_delivery_by_the_address(self, acme, connect, delivery, status, bounce):
        mail, url = delivery("smtp"), connect("smtp")

        for _ in range(2):
            assert post(url, self.report(mail, status), Content_Type="message/rfc822")[0] == 200

        with in_account(acme.pk):
            receipt = Receipt.objects.get()
            assert (receipt.delivery_id, receipt.detail["bounce"]) == (mail.pk, bounce)

    @pytest.mark.parametrize("kind", ["sendgrid", "mailgun", "postmark", "ses", "twilio"])
    def test_is_told_by_no_provider_that_signs_its_calls(self, acme, connect, delivery, kind):
        mail, url = delivery("smtp"), connect(kind)

        status, _ = post(url, self.report(mail), Content_Type="message/rfc822")

        assert status in {400, 403}
        with in_account(acme.pk):
            assert not Receipt.objects.exists()

    @pytest.mark.parametrize(
        ("status", "said", "bounce"),
        [
            ("5.0.0", "smtp; 550 no such user", "hard"),
            ("5.0.0", "smtp; 554 transaction failed", "unsaid"),
            ("5.4.1", "smtp; 550 5.4.1 Recipient address rejected", "hard"),
            ("5.2.1", "smtp; 550 5.2.1 disabled", "hard"),
            ("5.2.2", "smtp; 552 5.2.2 mailbox full", "soft"),
            ("4.4.7", "smtp; 450 too long in the queue", "soft"),
        ],
    )
    def test_says_whether_anybody_is_there(self, status, said, bounce):
        assert kind_of(status, said) == bounce

    def test_a_delay_or_an_answer_is_no_bounce(self, acme, connect, delivery):
        mail, url = delivery("smtp"), connect("smtp")

        post(url, self.report(mail, "4.4.1", "delayed"), Content_Type="message/rfc822")
        post(url, "To: b@c.example\r\n\r\nI am away", Content_Type="message/rfc822")

        with in_account(acme.pk):
            assert not Receipt.objects.exists()


def test_nothing_is_held_open_while_a_call_is_proved(acme, site, now, monkeypatch):
    monkeypatch.setitem(carriers(), "slow", Slow)
    monkeypatch.setattr(Slow, "asked_inside", [])
    with in_account(acme.pk):
        provider = Provider.objects.create(
            channel="email", kind="slow", hook_key="k", is_default=True, updated_at=now
        )
        url = callback_of(provider)

    assert post(url, "{}", Content_Type="application/json")[0] == 200

    assert Slow.asked_inside == [None]
