"""The Sandbox inbox: phones and mail, replies, opens and clicks."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import in_account
from messaging.models import (
    PhoneSubscription,
    Receipt,
    SandboxMessage,
)
from tests.factories import (
    ListFactory,
    QueuedTextFactory,
)


class TestSandbox:
    def test_shows_phones_and_mail_of_one_contact(self, client, ben, acme, page, shop, sandboxed):
        with in_account(acme.pk):
            other = QueuedTextFactory.create(phone_list=shop["phones"], address="+12125550100")
            SandboxMessage.objects.create(
                delivery=other,
                channel="sms",
                address=other.address,
                contact=other.contact,
                sender="54321",
                text="10% off",
                sent_at=sandboxed.sent_at,
            )
        client.force_login(ben)

        everything = client.get(page("sandbox")).text
        hers = client.get(page("sandbox"), {"contact": shop["grace"].pk}).text

        assert "rehearsal room" in everything
        assert "10% off" in everything
        assert "Come back" in everything
        assert "10% off" not in hers
        assert "Come back" in hers
        assert '<span class="inbox-from">Acme <span' in hers

    def test_shows_nothing_of_another_list(self, client, ben, acme, page, sandboxed):
        with in_account(acme.pk):
            elsewhere = ListFactory.create()
        client.force_login(ben)

        text = client.get(f"/a/acme-shoes/lists/{elsewhere.pk}/sandbox/").text

        assert "Come back" not in text

    def test_a_mail_cannot_run_scripts(self, client, ben, page, sandboxed):
        client.force_login(ben)

        answer = client.get(page("sandbox_html", sandbox_id=sandboxed.pk))

        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        raw = client.get(page("sandbox_raw", sandbox_id=sandboxed.pk))
        assert raw.content == b"Subject: Come back\r\n\r\nHi"

    @pytest.mark.parametrize("word", ["STOP", "stop.", "Arrêt", " quit "])
    def test_stop_opts_the_number_out(self, client, mia, acme, page, shop, word):
        client.force_login(mia)

        answer = client.post(
            page("sandbox_reply"),
            {"sender": "54321", "address": "+12125550100", "text": word},
            follow=True,
        )

        assert "+12125550100 has opted out of 54321" in answer.text
        with in_account(acme.pk):
            gone = PhoneSubscription.objects.get()
            assert (gone.state, gone.opt_out_reason) == ("Unsubscribed", "Campaign")

    @pytest.fixture
    def text(self, acme, shop, now):
        """A text on a phone, with a link in it."""
        with in_account(acme.pk):
            delivery = QueuedTextFactory.create(
                phone_list=shop["phones"],
                address="+12125550100",
                contact=shop["grace"],
                state="sent",
            )
            return SandboxMessage.objects.create(
                delivery=delivery,
                channel="sms",
                address=delivery.address,
                contact=delivery.contact,
                sender="54321",
                text="10% off: https://acme.example/sale?a=1&b=2 (today)",
                sent_at=now,
            )

    def test_asks_no_more_for_many_texts_than_for_one(self, client, mia, acme, page, shop, text):
        client.force_login(mia)
        client.get(page("sandbox"))
        with CaptureQueriesContext(connections["default"]) as of_one:
            client.get(page("sandbox"))
        with in_account(acme.pk):
            for number in range(5):
                another = QueuedTextFactory.create(
                    phone_list=shop["phones"],
                    address="+12125550100",
                    contact=shop["grace"],
                    state="sent",
                )
                SandboxMessage.objects.create(
                    delivery=another,
                    channel="sms",
                    address=another.address,
                    contact=another.contact,
                    sender="54321",
                    text=f"{number}% off: https://acme.example/sale?a={number}",
                    sent_at=text.sent_at,
                )

        with CaptureQueriesContext(connections["default"]) as of_all:
            shown = client.get(page("sandbox")).text

        assert shown.count("Click https://acme.example/sale?a=") == 6
        assert len(of_all) == len(of_one)

    def receipts(self, acme):
        with in_account(acme.pk):
            return list(Receipt.objects.order_by("id").values_list("kind", "detail"))

    def test_a_shown_mail_is_opened(self, client, mia, acme, page, sandboxed):
        client.force_login(mia)
        shown = client.get(page("sandbox_mail", sandbox_id=sandboxed.pk)).text

        answer = client.post(page("sandbox_opened", sandbox_id=sandboxed.pk))

        assert f'hx-post="{page("sandbox_opened", sandbox_id=sandboxed.pk)}"' in shown
        assert "Opened" in answer.text
        assert self.receipts(acme) == [("opened", {})]

    def test_a_viewers_look_opens_nothing(self, client, ben, acme, page, sandboxed):
        client.force_login(ben)

        assert "hx-post" not in client.get(page("sandbox_mail", sandbox_id=sandboxed.pk)).text

    def test_a_link_of_a_mail_is_clicked(self, client, mia, acme, page, sandboxed):
        with in_account(acme.pk):
            sandboxed.html = '<a class="x" href="https://acme.example/?a=1&amp;b=2">Sale</a>'
            sandboxed.save()
        client.force_login(mia)
        address = page("sandbox_clicked", sandbox_id=sandboxed.pk)

        client.post(address, {"url": "https://acme.example/?a=1&b=2"})
        client.post(address, {"url": "https://elsewhere.example/"})

        assert self.receipts(acme) == [("clicked", {"url": "https://acme.example/?a=1&b=2"})]

    def test_a_link_of_a_text_is_clicked(self, client, mia, acme, page, shop, text):
        client.force_login(mia)
        assert "Click https://acme.example" in client.get(page("sandbox")).text

        answer = client.post(
            page("sandbox_clicked", sandbox_id=text.pk),
            {"url": "https://acme.example/sale?a=1&b=2", "contact": shop["grace"].pk},
        )

        assert answer.url == f"{page('sandbox')}?contact={shop['grace'].pk}"
        assert [kind for kind, _ in self.receipts(acme)] == ["clicked"]

    @pytest.mark.parametrize("words", ["Yes, please", "STOP"])
    def test_a_reply_is_noted(self, client, mia, acme, page, text, words):
        client.force_login(mia)

        client.post(
            page("sandbox_reply"), {"sender": "54321", "address": "+12125550100", "text": words}
        )

        assert self.receipts(acme) == [("replied", {"text": words})]

    @pytest.mark.parametrize("words", ["Yes", " "])
    def test_a_reply_to_nothing_is_none(self, client, mia, acme, page, shop, words):
        client.force_login(mia)

        answer = client.post(
            page("sandbox_reply"),
            {"sender": "54321", "address": "+12125550100", "text": words},
            follow=True,
        )

        assert "notice" in answer.text or "toast" in answer.text
        assert self.receipts(acme) == []

    def test_anything_else_does_not(self, client, mia, acme, page, shop):
        client.force_login(mia)

        client.post(
            page("sandbox_reply"),
            {"sender": "54321", "address": "+12125550100", "text": "please stop that"},
        )

        with in_account(acme.pk):
            assert PhoneSubscription.objects.get().state == "Subscribed"
