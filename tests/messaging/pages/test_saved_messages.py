"""Saved messages: written, previewed, tried out, committed."""

import pytest

from accounts.tenancy import in_account
from messaging import tasks
from messaging.actions import commit_email, commit_sms
from messaging.models import (
    BlankName,
    CommittedMessage,
    Delivery,
    SandboxMessage,
    SavedMessage,
)
from tests.factories import DeliveryFactory


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

    def test_one_with_names_that_there_are_not_is_saved_with_a_warning(
        self, client, mia, acme, page, shop
    ):
        client.force_login(mia)
        html = "<p>\n{{ contact.frist_name }} {{ event.note }}</p>"

        saved = client.post(page("new_message"), {**self.FORM, "html": html}, follow=True)

        assert "HTML, line 2: there is no contact.frist_name" in saved.text
        assert "Did you mean contact.first_name?" in saved.text
        assert "event.note" not in saved.text.partition("These names")[2].partition("</ul>")[0]

    def test_a_text_with_names_that_there_are_not_is_shown_with_a_warning(
        self, client, ben, acme, page, shop, now
    ):
        client.force_login(ben)
        with in_account(acme.pk):
            shop["text"].text = "{{ unsubscribe_url }} {{ contact.first_nam }}"
            shop["text"].save()
            kept = commit_sms(sms_message=shop["text"], phone_list=shop["phones"], now=now)
            BlankName.objects.create(message=kept, name="contact.first_nam", number=3, last_at=now)

        shown = client.get(page("sms_message", message_id=shop["text"].pk)).text

        assert "Text, line 1: there is no unsubscribe_url; it is left empty." in shown
        assert "Did you mean contact.first_name?" in shown
        assert "<code>contact.first_nam</code> in 3, last" in shown

    def test_a_page_tells_what_was_left_empty(self, client, ben, acme, page, shop, now):
        client.force_login(ben)
        with in_account(acme.pk):
            message = shop["message"]
            kept = [commit_email(saved_message=message, now=now)]
            message.subject = "New"
            kept.append(commit_email(saved_message=message, now=now))
            for place, one in enumerate(kept):
                BlankName.objects.create(
                    message=one, name="event.note", number=40 + place, last_at=now
                )
            DeliveryFactory.create(list=shop["list"], message=kept[0])

        saved = client.get(page("message", message_id=shop["message"].pk)).text
        deliveries = client.get(page("deliveries")).text

        assert "<code>event.note</code> in 81, last" in saved
        assert "<code>event.note</code> in 40</p>" in deliveries

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

    def test_names_that_there_are_not_are_told_before_it_is_saved(self, client, mia, page):
        client.force_login(mia)
        given = {**self.FORM, "subject": "Hi {{ contact.frist_name }}", "html": "x"}

        words = client.post(page("preview_email_words"), given).text
        saved = client.post(page("new_message"), given, follow=True).text

        assert "contact.frist_name" in words
        assert "Did you mean" in words
        assert 'id="mail-head" hx-swap-oob="true"' in words
        assert "1 name in it is not known: see its preview." in saved

    def test_a_fault_is_told_with_the_subject_as_it_is_written(self, client, mia, page):
        client.force_login(mia)

        words = client.post(
            page("preview_email_words"), {**self.FORM, "subject": "We miss you", "html": "{% if %}"}
        ).text

        assert "The HTML does not compile: line 1" in words
        assert '<span class="mail-subject">We miss you</span>' in words

    @pytest.mark.django_db(transaction=True)
    def test_a_test_is_sent_and_marked(self, client, mia, acme, page, shop):
        client.force_login(mia)

        client.post(
            page("test_message", message_id=shop["message"].pk),
            {"address": "mia@acme.example", "contact": shop["grace"].pk},
        )
        tasks.send_urgent()

        with in_account(acme.pk):
            delivery = Delivery.objects.get()
            assert (delivery.is_test, delivery.state) == (True, "sent")
            assert SandboxMessage.objects.get().html.startswith("<p>Hi Grace</p>")

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
