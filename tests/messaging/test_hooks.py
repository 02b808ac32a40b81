"""
What providers call us with, over real HTTP.

The bodies are what each provider documents and anymail's own tests hold, with our ids.
"""

import base64
import hashlib
import hmac
import http.client
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounts.tenancy import current_account_id, in_account
from messaging import actions, tokens
from messaging.actions.providers import callback_of
from messaging.hooks.bounces import kind_of
from messaging.models import Delivery, InboundText, Provider, Receipt, Suppression
from messaging.providers import Carrier, carriers
from messaging.transports.calls import Heard
from messaging.transports.esp import BACKENDS
from tests.factories import (
    CommittedMessageFactory,
    ListFactory,
    PhoneListFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
    ShortCodeFactory,
)
from tests.messaging.counterparts import amazon

pytestmark = pytest.mark.django_db(transaction=True)

AT = int(datetime(2026, 11, 18, 12, 5, tzinfo=UTC).timestamp())
SIGNING = "key-mailgun"
TOKEN = "twilio auth token"
EMAIL = "grace@mail.example"


@pytest.fixture
def site(live_server, settings):
    """Our server, which knows its own address."""
    settings.PUBLIC_URL = live_server.url
    return live_server.url


def post(url, body, **headers):
    """Call an address; return status, body."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    data = body if isinstance(body, bytes) else body.encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(
        "POST", f"{place.path}{'?' + place.query if place.query else ''}", body=data, headers=sent
    )
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    return answer.status, said


@pytest.fixture
def sendgrid_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def connect(acme, now, site, sendgrid_key):
    """Connect a provider; return the address that it calls."""
    public = sendgrid_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    known = {
        "ses": (
            {"access_key_id": "AKIA", "region": "eu-west-1"},
            {"secret_access_key": "x"},
        ),
        "sendgrid": (
            {},
            {"api_key": "SG.x", "verification_key": base64.b64encode(public).decode()},
        ),
        "postmark": ({}, {"server_token": "x"}),
        "mailgun": ({"sender_domain": "mg.acme.example"}, {"api_key": "x", "signing_key": SIGNING}),
        "brevo": ({}, {"api_key": "x"}),
        "smtp": ({"host": "mail.acme.example"}, {}),
        "twilio": ({"account_sid": "AC" + "0" * 32}, {"auth_token": TOKEN}),
        "http_sms": ({"url": "https://sms.example/send"}, {}),
    }

    def make(kind):
        settings, secrets = known[kind]
        channel = "sms" if kind in {"twilio", "http_sms"} else "email"
        with in_account(acme.pk):
            provider = actions.connect_provider(
                channel=channel, kind=kind, settings=settings, secrets=secrets, now=now
            )
            return callback_of(provider)

    return make


@pytest.fixture
def delivery(acme, now):
    """An email that a provider has taken as `their-id`, or whose outcome is not known."""

    def make(kind, **fields):
        with in_account(acme.pk):
            shop = ListFactory.create()
            return QueuedEmailFactory.create(
                list=shop,
                message=CommittedMessageFactory.create(list=shop),
                address=EMAIL,
                **{
                    "state": "sent",
                    "sent_at": now,
                    "provider": kind,
                    "provider_message_id": "their-id",
                    **fields,
                },
            )

    return make


def token_of(delivery):
    return tokens.sign("delivery", delivery.account_id, delivery.pk)


def sendgrid_call(key, delivery, event, **more):
    body = json.dumps(
        [
            {
                "email": EMAIL,
                "timestamp": AT,
                "smtp-id": "<wrfRRvF7Q0GgwUo2CvDmEA@ismtpd0006p1sjc2.sendgrid.net>",
                "anymail_id": "their-id",
                "delivery": token_of(delivery),
                "sg_event_id": f"event-{event}",
                "sg_message_id": "their-id.filter0004p3las1-27574-59C0BBB9-B.0",
                "event": event,
                **more,
            }
        ]
    )
    stamp = str(AT)
    made = key.sign(stamp.encode() + body.encode(), ec.ECDSA(hashes.SHA256()))
    return body, {
        "Content_Type": "application/json",
        "X_Twilio_Email_Event_Webhook_Signature": base64.b64encode(made).decode(),
        "X_Twilio_Email_Event_Webhook_Timestamp": stamp,
    }


def mailgun_call(delivery, event, *, key=SIGNING, nonce="a" * 50, **more):
    signed = hmac.new(key.encode(), f"{AT}{nonce}".encode(), hashlib.sha256).hexdigest()
    body = json.dumps(
        {
            "signature": {"timestamp": str(AT), "token": nonce, "signature": signed},
            "event-data": {
                "event": event,
                "id": "ase7i2zsRYeDXztHGENqRA",
                "timestamp": AT + 0.25,
                "recipient": EMAIL,
                "message": {"headers": {"message-id": "their-id", "to": EMAIL}},
                "user-variables": {"delivery": token_of(delivery)},
                "tags": [],
                **more,
            },
        }
    )
    return body, {"Content_Type": "application/json"}


def postmark_call(delivery, record, **more):
    body = {
        "RecordType": record,
        "MessageID": "their-id",
        "Recipient": EMAIL,
        "Email": EMAIL,
        "ID": 4323372036854775807,
        "Metadata": {"delivery": token_of(delivery)},
        "DeliveredAt": "2026-11-18T12:05:00.5Z",
        **more,
    }
    return json.dumps(body), {"Content_Type": "application/json"}


def brevo_call(delivery, event, **more):
    body = {
        "event": event,
        "email": EMAIL,
        "id": 26224,
        "date": "2026-11-18 12:05:00",
        "ts": AT,
        "ts_event": AT,
        "ts_epoch": AT * 1000,
        "message-id": "their-id",
        "X-Mailin-custom": json.dumps({"delivery": token_of(delivery)}),
        **more,
    }
    return json.dumps(body), {"Content_Type": "application/json"}


def ses_call(_delivery, event, *, notification="19ba9823-d7f2-53c1-860e-cb10e0d13dfc", **more):
    told = {
        "eventType": event,
        "mail": {
            "timestamp": "2026-11-18T12:05:00.000Z",
            "messageId": "their-id",
            "destination": [EMAIL],
            "headers": [],
        },
        event.lower(): more,
    }
    body = {
        "Type": "Notification",
        "MessageId": notification,
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:mail-events",
        "Subject": "Amazon SES Email Event Notification",
        "Message": json.dumps(told),
        "Timestamp": datetime.now(UTC).isoformat(),
    }
    amazon.publish_certificate()
    return json.dumps(amazon.signed(body)), {
        "Content_Type": "text/plain; charset=UTF-8",
        "X_Amz_Sns_Message_Type": body["Type"],
        "X_Amz_Sns_Message_Id": notification,
    }


HARD = {
    "sendgrid": ("bounce", {"type": "bounce", "reason": "550 5.1.1 nobody", "status": "5.1.1"}),
    "mailgun": ("failed", {"severity": "permanent", "reason": "bounce"}),
    "postmark": ("Bounce", {"Type": "HardBounce", "BouncedAt": "2026-11-18T12:05:00.5Z"}),
    "brevo": ("hard_bounce", {"reason": "550 5.1.1 nobody"}),
    "ses": (
        "Bounce",
        {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": EMAIL, "diagnosticCode": "smtp; 550 5.1.1"}],
        },
    ),
}
SOFT = {
    "sendgrid": ("bounce", {"type": "blocked", "reason": "421 try later"}),
    "postmark": ("Bounce", {"Type": "SoftBounce", "BouncedAt": "2026-11-18T12:05:00.5Z"}),
    "brevo": ("soft_bounce", {"reason": "452 mailbox full"}),
    "ses": (
        "Bounce",
        {
            "bounceType": "Transient",
            "bounceSubType": "MailboxFull",
            "bouncedRecipients": [{"emailAddress": EMAIL}],
        },
    ),
}
COMPLAINED = {
    "sendgrid": ("spamreport", {}),
    "mailgun": ("complained", {}),
    "postmark": ("SpamComplaint", {"Type": "SpamComplaint", "BouncedAt": "2026-11-18T12:05:00Z"}),
    "brevo": ("spam", {}),
    "ses": (
        "Complaint",
        {"complaintFeedbackType": "abuse", "complainedRecipients": [{"emailAddress": EMAIL}]},
    ),
}
DELIVERED = {
    "sendgrid": ("delivered", {"response": "250 OK"}),
    "mailgun": ("delivered", {"delivery-status": {"code": 250, "message": "OK"}}),
    "postmark": ("Delivery", {"Details": "250 OK"}),
    "brevo": ("delivered", {}),
    "ses": ("Delivery", {"recipients": [EMAIL], "smtpResponse": "250 ok"}),
}


@pytest.fixture
def call(connect, sendgrid_key):
    """Make a provider's call, as it would."""
    calls: dict[str, Any] = {
        "sendgrid": lambda *given, **more: sendgrid_call(sendgrid_key, *given, **more),
        "mailgun": mailgun_call,
        "postmark": postmark_call,
        "brevo": brevo_call,
        "ses": ses_call,
    }

    def make(kind, delivery, table, url=None):
        event, more = table[kind]
        body, headers = calls[kind](delivery, event, **more)
        return post(url or connect(kind), body, **headers)

    return make


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


def twilio(url, token=TOKEN, added="", **form):
    """Call as Twilio does, with its signature; `added` to the address is not signed."""
    said = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    made = base64.b64encode(hmac.new(token.encode(), said.encode(), hashlib.sha1).digest())
    return post(
        url + added,
        urlencode(form),
        Content_Type="application/x-www-form-urlencoded",
        X_Twilio_Signature=made.decode(),
    )


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


@pytest.fixture(autouse=True)
def no_sessions():
    yield
    BACKENDS.clear()
