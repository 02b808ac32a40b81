"""Sending rules, replies, texts both ways, and who would get a message."""

from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from messaging import actions
from messaging.actions.audience import count_emails, count_texts
from messaging.actions.rules import add_cap, set_rules
from messaging.actions.suppressions import suppress
from messaging.models import (
    Delivery,
    FrequencyCap,
    InboundText,
    PhoneSubscription,
    SandboxMessage,
    SendingRules,
    ShortCode,
)
from messaging.sending.claim import claim
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from tests.factories import (
    ContactFactory,
    DeliveryFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
    SubscriptionFactory,
)

PHONE = "+12125550100"


def rules_page(view: str = "sending_rules", **more: int) -> str:
    """Return an address of the account's rules."""
    return reverse(f"messaging:{view}", kwargs={"account": "acme-shoes", **more})


WHOLE = {
    "email_opens": "08:00", "email_closes": "20:00", "sms_opens": "", "sms_closes": "",
    "follows_law": "on", "holdout_percent": "5", "most_a_day": "1000",
}  # fmt: skip


@pytest.mark.django_db
class TestRules:
    def test_are_kept(self, client: Any, mia: Any, acme: Any) -> None:
        client.force_login(mia)

        answer = client.post(rules_page(), WHOLE)

        with in_account(acme.pk):
            kept = SendingRules.objects.get()
        assert answer.status_code == 302
        assert (kept.email_opens, kept.email_closes) == (time(8), time(20))
        assert (kept.holdout_percent, kept.most_a_day, kept.follows_law) == (5, 1000, True)
        assert "08:00" in client.get(rules_page()).text

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"email_closes": "07:00"}, "have to end after they begin"),
            ({"email_closes": ""}, "Give both times, or none."),
            ({"holdout_percent": "80"}, "less than or equal to 50"),
            ({"most_a_day": "-1"}, "greater than or equal to 0"),
            ({"email_opens": "25:00"}, "Enter a valid time"),
        ],
    )
    def test_refuse_what_makes_no_sense(
        self, client: Any, mia: Any, acme: Any, changes: dict[str, str], words: str
    ) -> None:
        client.force_login(mia)

        answer = client.post(rules_page(), {**WHOLE, **changes})

        assert answer.status_code == 422
        assert words in answer.text
        with in_account(acme.pk):
            assert not SendingRules.objects.exists()

    def test_take_caps_and_let_them_go(self, client: Any, mia: Any, acme: Any) -> None:
        client.force_login(mia)
        given = {"most": "3", "channel": "any", "period": "week", "campaign": ""}

        client.post(rules_page("new_cap"), given)
        client.post(rules_page("new_cap"), {**given, "most": "4"})
        bad = client.post(rules_page("new_cap"), {**given, "most": "0"})
        shown = client.get(rules_page()).text
        with in_account(acme.pk):
            cap = FrequencyCap.objects.get()
        client.post(rules_page("drop_cap", cap_id=cap.pk))

        assert bad.status_code == 422
        assert "At most 4 emails and texts together a week" in shown
        assert "Fla. Stat. 501.616(6)" in shown
        with in_account(acme.pk):
            assert not FrequencyCap.objects.exists()


class TestReplies:
    def test_are_shown_and_kept(
        self, client: Any, mia: Any, acme: Any, page: Any, shop: Any
    ) -> None:
        client.force_login(mia)
        address = page("sms_replies", short_code_id=shop["code"].pk)

        shown = client.get(address).text
        kept = client.post(
            address, {"help": "{program} helps.", "stop_words": "adieu", "care_contact": "c"}
        )
        refused = client.post(address, {"help": "{{ broken"})

        assert "segment" in shown
        assert (kept.status_code, refused.status_code) == (302, 422)
        with in_account(acme.pk):
            code = ShortCode.objects.get(pk=shop["code"].pk)
            assert (code.replies, code.stop_words) == ({"help": "{program} helps."}, ["ADIEU"])


class TestStream:
    def test_shows_both_ways_with_the_consents(
        self, client: Any, ben: Any, acme: Any, page: Any, shop: Any, now: datetime
    ) -> None:
        with in_account(acme.pk):
            actions.take_inbound(
                short_code=shop["code"],
                phone_e164=PHONE,
                text="<b>HELP me</b>",
                provider="test",
                provider_message_id="1",
                now=now,
            )
            grace = ContactFactory.create(phone_e164=PHONE)
            QueuedTextFactory.create(
                phone_list=shop["phones"], address=PHONE, contact=grace, state="sent", sent_at=now
            )
        client.force_login(ben)

        thread = client.get(
            page("sms_stream", short_code_id=shop["code"].pk, phone=int(PHONE[1:]))
        ).text
        inbox = client.get(page("sms_inbox")).text

        assert "&lt;b&gt;HELP me&lt;/b&gt;" in thread
        assert "We did not understand that." in thread
        assert "Send</button>" not in thread
        assert PHONE in inbox

    def test_answers(
        self, client: Any, mia: Any, acme: Any, page: Any, shop: Any, now: datetime
    ) -> None:
        client.force_login(mia)
        where = {"short_code_id": shop["code"].pk, "phone": int(PHONE[1:])}

        sent = client.post(page("sms_answer", **where), {"text": "On its way."})
        empty = client.post(page("sms_answer", **where), {"text": " "})
        with in_account(acme.pk):
            PhoneSubscription.objects.update(state="Unsubscribed")
        gone = client.post(page("sms_answer", **where), {"text": "Hello?"})

        assert (sent.status_code, empty.status_code, gone.status_code) == (302, 422, 422)
        assert "has opted out" in gone.text
        with in_account(acme.pk):
            assert Delivery.objects.get().address == PHONE

    def test_gives_the_ledger(
        self, client: Any, ben: Any, acme: Any, page: Any, shop: Any, now: datetime
    ) -> None:
        with in_account(acme.pk):
            actions.unsubscribe_phone(
                phone_list=shop["phones"], phone_e164=PHONE, reason="Admin", now=now
            )
        client.force_login(ben)

        answer = client.get(
            page("sms_evidence", short_code_id=shop["code"].pk, phone=int(PHONE[1:]))
        )

        text = b"".join(answer.streaming_content).decode()
        assert "opted out,Unsubscribed,Admin" in text

    def test_of_an_unknown_number_is_not_there(
        self, client: Any, ben: Any, page: Any, shop: Any
    ) -> None:
        client.force_login(ben)

        answer = client.get(page("sms_stream", short_code_id=shop["code"].pk, phone=15005550006))

        assert answer.status_code == 404


class TestSandboxPhone:
    def test_gets_its_answer_at_once_and_shows_both(
        self, client: Any, mia: Any, acme: Any, page: Any, shop: Any, now: datetime
    ) -> None:
        client.force_login(mia)
        client.post(page("sandbox_reply"), {"sender": "54321", "address": PHONE, "text": "HELP"})

        with Heart(lambda: now) as heart:
            serve(acme.pk, heart=heart, clock=lambda: now + timedelta(hours=1))
        shown = client.get(page("sandbox")).text

        assert '<div class="bubble bubble-out">HELP' in shown
        assert "Reply STOP to end." in shown
        with in_account(acme.pk):
            assert InboundText.objects.get().provider == "sandbox"
            assert SandboxMessage.objects.get().address == PHONE

    def test_refuses_a_forged_sender(
        self, client: Any, mia: Any, acme: Any, page: Any, shop: Any
    ) -> None:
        client.force_login(mia)

        elsewhere = client.post(
            page("sandbox_reply"), {"sender": "99999", "address": PHONE, "text": "STOP"}
        )
        nobody = client.post(
            page("sandbox_reply"),
            {"sender": "54321", "address": "' OR 1=1", "text": "STOP"},
            follow=True,
        )

        assert elsewhere.status_code == 404
        assert "is no number of the form" in nobody.text
        with in_account(acme.pk):
            assert not InboundText.objects.exists()


@pytest.mark.usefixtures("inside_acme")
class TestAudience:
    def test_of_an_email_is_what_a_send_does(self, now: datetime) -> None:
        in_list = ListFactory.create()
        set_rules(now=now, email_opens=time(8), email_closes=time(20), holdout_percent=20)
        add_cap(channel="email", period="day", most=1, now=now)
        people = []
        for number in range(60):
            contact = ContactFactory.create(
                pk=number + 1,  # who is held out is drawn from it: the same people each time
                time_zone=["", "Europe/Paris", "Asia/Tokyo"][number % 3],
                **(
                    {"email": "", "email_norm": "", "external_id": f"x{number}"}
                    if number % 10 == 1
                    else {}
                ),
            )
            state = ["Subscribed", "Subscribed", "Subscribed", "Unsubscribed", "Pending"][
                number % 5
            ]
            people.append(SubscriptionFactory.create(list=in_list, contact=contact, state=state))
            if number % 4 == 0:
                DeliveryFactory.create(list=in_list, contact=contact, sent_at=now)
            if number % 7 == 0 and contact.email_norm:
                suppress(channel="email", addresses=[contact.email_norm], reason="manual", now=now)

        counted = count_emails(in_list=in_list, now=now)
        for one in people:
            QueuedEmailFactory.create(list=in_list, contact=one.contact, waits_for_cap=True)
        claim(channel="email", provider="sandbox", sender="t", most=500, now=now)

        done = Counter(one.reason for one in Delivery.objects.filter(step_key="reminder"))
        assert counted.reached == done.pop("")
        assert dict(counted.reasons) == dict(done)
        assert len(done) >= 6
        assert counted.asked == 60

    def test_of_a_text_is_what_a_send_does(self, now: datetime) -> None:
        phones = PhoneListFactory.create(kind="Marketing")
        numbers = ["+12125550101", "+13105550102", "+14165550103", "+442079460958", "+12145550105"]
        for place, number in enumerate(numbers * 4):
            state = ["Subscribed", "Subscribed", "Unsubscribed", "Pending"][place // 5]
            phone = f"{number[:-2]}{place + 10}"
            PhoneSubscriptionFactory.create(
                phone_list=phones, phone_e164=phone, state=state,
                contact=ContactFactory.create(time_zone=""),
            )  # fmt: skip
        at = now.replace(hour=13, minute=30)

        counted = count_texts(phone_list=phones, now=at)
        for one in PhoneSubscription.objects.all():
            QueuedTextFactory.create(phone_list=phones, address=one.phone_e164, contact=one.contact)
        claim(channel="sms", provider="sandbox", sender="t", most=500, now=at)

        done = Counter(one.reason for one in Delivery.objects.all())
        assert counted.reached == done.pop("")
        assert dict(counted.reasons) == dict(done)
        assert set(done) == {"suppressed", "pending double opt-in", "quiet-hours-deferred"}

    def test_is_shown_beside_a_text(
        self, client: Any, acme: Any, ben: Any, page: Any, shop: Any
    ) -> None:
        client.force_login(ben)
        with in_account(acme.pk):
            shop["consent"].contact = shop["grace"]
            shop["consent"].save()

        shown = client.get(page("audience"), {"phone_list": shop["phones"].pk}).text
        missing = client.get(page("audience"), {"phone_list": 999_999})

        assert "<strong>1</strong> of 1 would get it now" in shown
        assert missing.status_code == 404
