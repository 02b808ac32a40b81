"""Calls of providers, as they document them.

The bodies are what each provider documents and anymail's own tests hold, with our ids.
"""

import base64
import hashlib
import hmac
import http.client
import json
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from messaging import tokens
from tests.messaging.counterparts import amazon

AT = int(datetime(2026, 11, 18, 12, 5, tzinfo=UTC).timestamp())

SIGNING = "key-mailgun"

TOKEN = "twilio auth token"

EMAIL = "grace@mail.example"


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
