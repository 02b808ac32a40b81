"""Pages of messages, SMS, the sandbox inbox, deliveries and providers."""

import re
import zlib
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from messaging import tasks
from messaging.actions.coupon_codes import import_codes
from messaging.actions.coupons import create_pool
from messaging.models import (
    CommittedMessage,
    Delivery,
    PhoneList,
    PhoneSubscription,
    Provider,
    Receipt,
    SandboxMessage,
    SavedMessage,
    ShortCode,
    SmsMessage,
)
from messaging.urls import urlpatterns
from tests.factories import (
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
    SubscriptionFactory,
)


@pytest.fixture
def shop(acme, now):
    """A list of acme with one of everything."""
    with in_account(acme.pk):
        customers = ListFactory.create(name="Store Customers")
        code = ShortCodeFactory.create(code="54321", email_list=customers)
        phones = PhoneListFactory.create(short_code=code, name="Transactional")
        pool = create_pool(name="Welcome 10", now=now)
        return {
            "pool": pool,
            "codes": import_codes(pool=pool, file=b"A1", file_name="codes.csv", now=now),
            "list": customers,
            "code": code,
            "phones": phones,
            "text": SmsMessageFactory.create(phone_list=phones, name="Winback text"),
            "message": SavedMessageFactory.create(list=customers, name="We miss you"),
            "consent": PhoneSubscriptionFactory.create(
                phone_list=phones, phone_e164="+12125550100"
            ),
            "grace": SubscriptionFactory.create(
                list=customers, contact__email="grace@mail.example"
            ).contact,
        }


@pytest.fixture
def page(shop):
    """Return the address of a page by its name."""

    def address(view, **kwargs):
        if view not in {"apps", "test_app"}:
            kwargs["list_id"] = shop["list"].pk
        return reverse(f"messaging:{view}", kwargs={"account": "acme-shoes", **kwargs})

    return address


def every_address(shop, sandbox):
    """Each page of the app, with what its address needs."""
    parts = {
        "list_id": shop["list"].pk,
        "short_code_id": shop["code"].pk,
        "phone_list_id": shop["phones"].pk,
        "sandbox_id": sandbox.pk,
        "pool_id": shop["pool"].pk,
        "import_id": shop["codes"].pk,
    }
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        texts = "sms/messages/<int:message_id>" in route
        ids = {**parts, "message_id": (shop["text"] if texts else shop["message"]).pk}
        names = re.findall(r"<int:(\w+)>", route)
        kwargs = {"account": "acme-shoes", **{name: ids[name] for name in names}}
        yield pattern.name, reverse(f"messaging:{pattern.name}", kwargs=kwargs)


@pytest.fixture
def sandboxed(acme, shop, now):
    """A mail in the sandbox inbox."""
    with in_account(acme.pk):
        delivery = QueuedEmailFactory.create(list=shop["list"], contact=shop["grace"], state="sent")
        return SandboxMessage.objects.create(
            delivery=delivery,
            channel="email",
            address=delivery.address,
            contact=shop["grace"],
            sender="Acme <shop@acme.example>",
            subject="Come back",
            html="<h1>Hi</h1><script>alert(1)</script>",
            raw=zlib.compress(b"Subject: Come back\r\n\r\nHi"),
            sent_at=now,
        )


class TestEveryPage:
    READS_BY_POST = {"preview_email", "preview_sms"}
    OWNERS = {"apps", "test_app"}

    def test_is_not_there_for_a_stranger(self, client, zoe, shop, sandboxed):
        client.force_login(zoe)

        for name, address in every_address(shop, sandboxed):
            answers = {client.get(address).status_code, client.post(address).status_code}
            assert answers <= {404, 405}, name
            assert 404 in answers, name

    def test_lets_a_viewer_write_nothing(self, client, ben, acme, shop, sandboxed):
        client.force_login(ben)

        for name, address in every_address(shop, sandboxed):
            status = client.post(address).status_code
            assert status in ({200} if name in self.READS_BY_POST else {403, 405}), name

        with in_account(acme.pk):
            assert SavedMessage.objects.count() == 1
            assert SmsMessage.objects.count() == 1

    def test_opens_for_a_viewer_or_says_it_may_not(self, client, ben, shop, sandboxed):
        client.force_login(ben)

        for name, address in every_address(shop, sandboxed):
            assert client.get(address).status_code in {200, 403, 405}, name

    def test_opens_for_the_owner(self, client, ada, shop, sandboxed):
        client.force_login(ada)

        for name, address in every_address(shop, sandboxed):
            assert client.get(address).status_code in {200, 405}, name


class TestSavedMessages:
    FORM = {"name": "Back", "subject": "Hi {{ contact.first_name }}", "kind": "html"}

    def test_one_is_written(self, client, mia, acme, page, shop):
        client.force_login(mia)

        answer = client.post(page("new_message"), {**self.FORM, "html": "<p>Hi</p>"})

        assert answer.status_code == 302
        with in_account(acme.pk):
            made = SavedMessage.objects.get(name="Back")
            assert (made.html, made.list) == ("<p>Hi</p>", shop["list"])

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"html": "<p>\n{{ oops</p>"}, "line 2"),
            ({"html": "{{ contact.pop('a') }}"}, "calls a method"),
            ({"html": ""}, "Write the message"),
            ({"kind": "mjml", "mjml": "hello"}, "The MJML does not compile"),
            ({"name": "We miss you", "html": "x"}, "already"),
            ({"from_email": "nobody", "html": "x"}, "valid email"),
        ],
    )
    def test_a_wrong_one_is_shown_again(self, client, mia, acme, page, changes, words):
        client.force_login(mia)

        answer = client.post(page("new_message"), {**self.FORM, **changes})

        assert answer.status_code == 422
        assert words in answer.text
        with in_account(acme.pk):
            assert not SavedMessage.objects.filter(name="Back").exists()

    def test_one_is_changed_from_mjml_to_html(self, client, mia, acme, page, shop):
        client.force_login(mia)
        mjml = "<mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>"
        address = page("message", message_id=shop["message"].pk)

        client.post(address, {**self.FORM, "kind": "mjml", "mjml": mjml, "html": "old"})
        with in_account(acme.pk):
            assert "<table" in SavedMessage.objects.get().html
        client.post(address, {**self.FORM, "kind": "html", "mjml": mjml, "html": "<p>New</p>"})

        with in_account(acme.pk):
            changed = SavedMessage.objects.get()
            assert (changed.html, changed.mjml) == ("<p>New</p>", "")

    def test_is_previewed_for_a_contact_under_a_policy_of_its_own(self, client, ben, page, shop):
        client.force_login(ben)

        answer = client.get(
            page("message_html", message_id=shop["message"].pk), {"contact": shop["grace"].pk}
        )

        assert "Hi Grace" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox")
        assert "allow-scripts" not in policy
        assert "default-src 'none'" in policy

    def test_is_previewed_while_it_is_written(self, client, mia, acme, page, shop):
        client.force_login(mia)

        answer = client.post(
            page("preview_email"), {**self.FORM, "html": "<b>{{ contact.last_name }}</b>"}
        )

        assert "<b>Hopper</b>" in answer.text
        with in_account(acme.pk):
            assert SavedMessage.objects.count() == 1

    def test_a_preview_says_what_is_wrong(self, client, mia, page):
        client.force_login(mia)

        answer = client.post(page("preview_email"), {**self.FORM, "html": "a\n{{ <b>"})

        assert "line 2" in answer.text
        assert "<b>" not in answer.text

    @pytest.mark.django_db(transaction=True)
    def test_a_test_is_sent_and_marked(self, client, mia, acme, page, shop):
        client.force_login(mia)

        client.post(
            page("test_message", message_id=shop["message"].pk),
            {"address": "mia@acme.example", "contact": shop["grace"].pk},
        )
        tasks.send()

        with in_account(acme.pk):
            delivery = Delivery.objects.get()
            assert (delivery.is_test, delivery.state) == (True, "sent")
            assert SandboxMessage.objects.get().html == "<p>Hi Grace</p>"

    def test_one_is_copied_and_deleted(self, client, mia, acme, page, shop):
        client.force_login(mia)

        client.post(page("copy_message", message_id=shop["message"].pk))
        client.post(page("delete_message", message_id=shop["message"].pk))

        with in_account(acme.pk):
            assert SavedMessage.objects.get().name == "We miss you (2)"

    def test_are_found_by_name(self, client, ben, page, shop):
        client.force_login(ben)

        assert "We miss you" in client.get(page("saved_messages"), {"q": "MISS"}).text
        assert "No message has that name" in client.get(page("saved_messages"), {"q": "x"}).text


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


class TestDeliveries:
    @pytest.fixture
    def some(self, acme, shop):
        with in_account(acme.pk):
            return [
                QueuedEmailFactory.create(
                    list=shop["list"],
                    state="skipped",
                    reason="suppressed",
                    conversation_id=7,
                    thread="Winback",
                ),
                QueuedTextFactory.create(phone_list=shop["phones"], state="sent"),
                QueuedEmailFactory.create(
                    list=shop["list"], state="failed", reason="provider rejected (550 no)"
                ),
            ]

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ({}, [0, 1, 2]),
            ({"channel": "sms"}, [1]),
            ({"state": "skipped"}, [0]),
            ({"conversation": "7"}, [0]),
            ({"reason": "provider rejected"}, [2]),
            ({"state": "nonsense"}, [0, 1, 2]),
        ],
    )
    def test_are_narrowed_by_the_address(self, client, ben, page, some, query, shown):
        client.force_login(ben)

        text = client.get(page("deliveries"), query).text

        assert [row for row, one in enumerate(some) if one.address in text] == shown

    def test_say_why_in_a_sentence(self, client, ben, page, some):
        client.force_login(ben)

        text = client.get(page("deliveries")).text

        assert "They have unsubscribed" in text
        assert "provider rejected (550 no)" in text

    def test_go_on_by_page(self, client, ben, acme, page, shop):
        with in_account(acme.pk):
            first = QueuedEmailFactory.create(list=shop["list"], address="first@mail.example")
            QueuedEmailFactory.create_batch(50, list=shop["list"], contact=shop["grace"])
        client.force_login(ben)

        answer = client.get(page("deliveries"), {"channel": "email"})
        assert first.address not in answer.text
        following = re.search(r'href="([^"]*before=[^"]*)"', answer.text)
        assert following is not None

        text = client.get(following[1].replace("&amp;", "&")).text
        assert first.address in text
        assert "channel=email" in following[1]

    def test_are_read_in_few_statements(
        self, client, ben, page, some, django_assert_max_num_queries
    ):
        client.force_login(ben)
        client.get(page("deliveries"))

        with django_assert_max_num_queries(14):
            client.get(page("deliveries"))


class TestApps:
    FORM = {
        "kind": "smtp",
        "host": "mail.acme.example",
        "port": "",
        "security": "tls",
        "user": "ada",
        "password": "secret words",
    }

    def test_a_mail_server_is_set_up(self, client, ada, acme, page, shop):
        client.force_login(ada)

        client.post(page("apps"), self.FORM)

        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert provider.settings["port"] == 465
            assert "secret" not in provider.secret
        assert "secret words" not in client.get(page("apps")).text

    def test_an_empty_password_keeps_the_one_that_is_stored(self, client, ada, acme, page, shop):
        client.force_login(ada)
        client.post(page("apps"), self.FORM)
        with in_account(acme.pk):
            before = Provider.objects.get().secret

        client.post(page("apps"), {**self.FORM, "password": "", "host": "other.example"})

        with in_account(acme.pk):
            assert Provider.objects.get().secret == before

    @pytest.mark.parametrize("changes", [{"host": ""}, {"port": "99999"}, {"kind": "pigeon"}])
    def test_a_wrong_one_is_refused(self, client, ada, acme, page, shop, changes):
        client.force_login(ada)

        answer = client.post(page("apps"), {**self.FORM, **changes})

        assert answer.status_code == 422
        with in_account(acme.pk):
            assert not Provider.objects.exists()

    def test_are_the_owners_alone(self, client, mia, page, shop):
        client.force_login(mia)

        assert client.get(page("apps")).status_code == 403
        assert client.post(page("test_app")).status_code == 403

    def test_the_connection_is_tried(self, client, ada, page, shop):
        client.force_login(ada)
        client.post(page("apps"), {**self.FORM, "host": "127.0.0.1", "port": "1"})

        answer = client.post(page("test_app"), follow=True)

        assert "cannot be reached" in answer.text


class TestCommits:
    def test_a_test_to_no_address_keeps_what_was_typed(self, client, mia, page, shop):
        client.force_login(mia)
        address = page("test_message", message_id=shop["message"].pk)

        answer = client.post(address, {"address": "nobody"})

        assert answer.status_code == 422
        assert 'value="nobody"' in answer.text
        assert f'action="{page("message", message_id=shop["message"].pk)}"' in answer.text
        assert client.post(address, {"address": ""}).status_code == 422

    def test_a_test_commits_the_message_once(self, client, mia, acme, page, shop):
        client.force_login(mia)
        address = page("test_message", message_id=shop["message"].pk)

        for _ in range(2):
            client.post(address, {"address": "mia@acme.example"})

        with in_account(acme.pk):
            assert CommittedMessage.objects.count() == 1
            assert Delivery.objects.filter(is_test=True).count() == 2
