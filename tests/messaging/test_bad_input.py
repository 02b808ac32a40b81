"""What a message must survive: forged headers, addresses that deceive, bodies beyond measure."""

import json
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.urls import reverse

from accounts.actions import InvalidValueError
from accounts.mailboxes import MailboxError, checked_mailbox
from accounts.tenancy import in_account
from messaging import actions, wording
from messaging.models import CommittedMessage, Delivery, SandboxMessage, SavedMessage
from messaging.previews import as_if_claimed, preview_email
from messaging.sending.compose import load_frame
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from messaging.transports.esp import as_letter
from tests.api.conftest import connect
from tests.factories import (
    ListFactory,
    ProfileFieldFactory,
    QueuedEmailFactory,
    SavedMessageFactory,
)
from tests.messaging.composing import compose

EVIL = "\r\nBcc: eve@x.example\r\n\r\n<b>mine</b>"
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Reply-To"),
    *("List-Unsubscribe", "List-Unsubscribe-Post", "Content-Type", "Content-Transfer-Encoding"),
}
HUGE = "x" * 5_000_000


class TestForgedHeaders:
    @pytest.mark.parametrize(
        "field", ["subject", "preheader", "from_name", "from_email", "reply_to", "text", "html"]
    )
    def test_stay_text_whatever_was_stored(self, acme, now, field):
        with in_account(acme.pk):
            queued = QueuedEmailFactory.create(contact__first_name=f"Grace{EVIL}", list__name=EVIL)
            content = {**queued.message.content, "html": "<p>Hi</p>", "reply_to": "a@acme.example"}
            content["subject"] = "{{ contact.first_name }} {{ list.name }}"
            content[field] += EVIL
            CommittedMessage.objects.update(content=content)

        with Heart(lambda: now) as heart:
            serve(acme.pk, heart=heart, clock=lambda: now)

        with in_account(acme.pk):
            raw = SandboxMessage.objects.get().mime
        message = message_from_bytes(raw, policy=policy.compat32)
        assert set(message.keys()) <= HEADERS
        assert len(message.keys()) == len(set(message.keys()))
        assert message.defects == []
        assert b"\r\nBcc" not in raw

    @pytest.mark.parametrize("field", ["subject", "preheader", "from_name"])
    def test_are_one_line_once_saved(self, inside_acme, now, field):
        given: dict[str, Any] = {"subject": "Hi", "text": "Hi", field: f"a{EVIL}"}

        saved = actions.save_message(list=ListFactory.create(), name="Back", now=now, **given)

        assert getattr(saved, field) == "a Bcc: eve@x.example <b>mine</b>"

    @pytest.mark.parametrize("field", ["from_email", "reply_to"])
    def test_are_no_address(self, inside_acme, now, field):
        given: dict[str, Any] = {field: f"a@b.example{EVIL}"}

        with pytest.raises(InvalidValueError) as refused:
            actions.save_message(list=ListFactory.create(), name="Back", now=now, **given)

        assert refused.value.field == field

    def test_come_by_no_provider_s_own_library(self, inside_acme, now):
        content = {
            "subject": "Hi",
            "text": "Hi",
            "from_name": 'Acme, "Inc" <eve@x.example>,' + EVIL,
        }
        row = as_if_claimed(ListFactory.create(), None, channel="email")
        message = CommittedMessage(
            list_id=row.list_id,
            channel="email",
            content={**content, "from_email": "shop@acme.example"},
        )
        frame = load_frame([row], account_id=inside_acme.pk, messages={0: message})

        ((outgoing,), _) = compose([row], frame, now=now)
        sent = as_letter(outgoing).message()

        parsed = message_from_bytes(sent.as_bytes(), policy=policy.default)
        assert [one.addr_spec for one in parsed["From"].addresses] == ["shop@acme.example"]
        assert parsed["Bcc"] is None


class TestSendersThatDeceive:
    @pytest.mark.parametrize(
        ("address", "words"),
        [
            ("shop@\u0430cme.example", "mixes letters"),  # a Cyrillic a
            ("shop@payp\u03b1l.example", "mixes letters"),  # a Greek alpha
            (f"{'x' * 65}@acme.example", "more than 64 characters"),
            (f"shop@{'.'.join(['a' * 60] * 4)}.{'b' * 10}.example", "too long"),
            ("shop@" + "ü" * 60 + ".example", "too long"),
            ("shop", "no email address"),
            ("a@b.example\nBcc: c@d.example", "no email address"),
        ],
    )
    def test_are_refused(self, address, words):
        with pytest.raises(MailboxError, match=words):
            checked_mailbox(address)

    @pytest.mark.parametrize(
        ("address", "kept"),
        [
            ("shop@acme.example", "shop@acme.example"),
            ("shop@bücher.example", "shop@xn--bcher-kva.example"),
            # All of one script: what it looks like is not what it is called.
            ("shop@\u0430\u0440\u0440\u04cf\u0435.example", "shop@xn--80ak6aa92e.example"),
        ],
    )
    def test_go_out_under_the_name_that_they_have(self, inside_acme, now, address, kept):
        saved = actions.save_message(
            list=ListFactory.create(), name="Back", text="Hi", from_email=address, now=now
        )

        assert saved.from_email == kept

    def test_of_a_list_go_out_so_too(self, inside_acme, now):
        in_list = ListFactory.create(from_email="shop@bücher.example")

        raw = preview_email({"text": "Hi"}, in_list=in_list, contact=None, now=now).raw

        assert b"From: Acme <shop@xn--bcher-kva.example>\r\n" in raw
        assert b"@xn--bcher-kva.example>\r\n" in raw.partition(b"Message-ID: ")[2]


class TestBodiesBeyondMeasure:
    @pytest.mark.parametrize("part", ["html", "mjml", "text"])
    def test_are_refused_by_name_at_save(self, inside_acme, now, part):
        given: dict[str, Any] = {part: HUGE}

        with pytest.raises(InvalidValueError) as refused:
            actions.save_message(list=ListFactory.create(), name="Back", now=now, **given)

        assert refused.value.field == part
        assert (
            refused.value.message
            == f"The {wording.PARTS[part].replace('Text', 'text')} has at most 500,000 characters."
        )

    def test_are_refused_by_name_on_the_wire(self, acme, now):
        with in_account(acme.pk):
            in_list = ListFactory.create()
        wire = connect(acme, now, types=["email"])
        body = {
            "savedMessageName": "Back",
            "subject": "Hi",
            "fromName": "Acme",
            "fromEmail": "shop@acme.example",
            "bodyHtml": HUGE,
        }

        answer = wire.call("POST", f"/email/v1/List/{in_list.pk}/SavedMessage", body)

        assert answer.status_code == 400
        assert "bodyHtml" in json.loads(answer.content)["message"]
        with in_account(acme.pk):
            assert not SavedMessage.objects.exists()

    def test_of_a_transaction_s_values_are_refused_by_name(self, acme, now):
        with in_account(acme.pk):
            saved = SavedMessageFactory.create()
            note = ProfileFieldFactory.create(group__list=saved.list)
        wire = connect(acme, now, types=["email"])
        url = f"/email/v1/List/{saved.list_id}/TransactionalMessage/{saved.pk}/Message"

        def send(value):
            values = [{"segmentationFieldId": note.pk, "value": value}]
            body = {"emailAddress": "ada@mail.example", "segmentationFieldValues": values}
            return wire.call("POST", url, body)

        refused, taken = send(HUGE), send("x" * 100_000)

        assert (refused.status_code, taken.status_code) == (400, 201)
        assert "segmentationFieldValues" in json.loads(refused.content)["message"]
        with in_account(acme.pk):
            assert Delivery.objects.count() == 1

    def test_are_refused_by_name_in_the_page(self, client, mia, acme):
        with in_account(acme.pk):
            in_list = ListFactory.create()
        client.force_login(mia)
        form = {"name": "Back", "subject": "Hi", "kind": "html", "html": HUGE}
        where = [acme.slug, in_list.pk]

        saved = client.post(reverse("messaging:new_message", args=where), form)
        shown = client.post(reverse("messaging:preview_email", args=where), form)

        assert saved.status_code == 422
        for answer in (saved, shown):
            assert "The HTML has at most 500,000 characters." in answer.text.replace(HUGE, "")


class TestOneOfFiveThousand:
    def test_fails_alone(self, inside_acme, now, django_assert_max_num_queries):
        in_list = ListFactory.create()
        content = {"subject": "Hi", "from_email": "shop@acme.example"}
        content["text"] = "{{ event.n }}\n\n{{ event.total - event.paid }}"
        message = CommittedMessage(list=in_list, channel="email", content=content)
        one = as_if_claimed(in_list, None, channel="email")
        rows = [
            as_if_claimed_again(one, number, {"n": number, "total": 5, "paid": 1})
            for number in range(1, 5000)
        ]
        rows.insert(2500, as_if_claimed_again(one, 9999, {"n": 0, "total": 5, "paid": "much"}))

        with django_assert_max_num_queries(5):
            frame = load_frame(rows, account_id=inside_acme.pk, messages={0: message})
            ready, refused = compose(rows, frame, now=now)

        assert [(one.delivery_id, one.reason) for one in refused] == [
            (9999, "template error (line 3)")
        ]
        assert len(ready) == 4999
        assert ready[17].text.startswith("18\n\n4")


def as_if_claimed_again(one, number, event):
    return type(one)(**{**vars(one), "id": number, "event": event, "is_test": False})
