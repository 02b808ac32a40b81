"""Pages of recipients: leave, come back, choose, read in the browser; and what scanners do not do."""

import re
from email import message_from_bytes

import pytest

from accounts.models import List
from accounts.tenancy import in_account
from contacts.actions.erasure import erase
from contacts.models import Contact, Subscription
from messaging import tokens
from messaging.models import Receipt, SandboxMessage
from messaging.sending.heart import Heart
from messaging.sending.sender import serve
from messaging.tracking.links import (
    browser_url,
    confirm_url,
    preferences_url,
    unsubscribe_url,
)
from tests.factories import (
    CommittedMessageFactory,
    ContactFactory,
    DeliveryFactory,
    ListFactory,
    QueuedEmailFactory,
    SubscriptionFactory,
)


@pytest.fixture
def grace(acme):
    """Somebody on a list, and the delivery of an email to her."""
    with in_account(acme.pk):
        person = SubscriptionFactory(
            list=ListFactory(name="News", from_name="Acme"),
            contact=ContactFactory(email="grace@mail.example"),
        )
        message = CommittedMessageFactory(list=person.list)
        return DeliveryFactory(
            list=person.list, contact=person.contact, subscription_id=person.pk, message=message
        )


def path_of(url):
    """Return an address without its site."""
    return "/" + url.split("/", 3)[3]


@pytest.fixture
def leaving(acme, grace):
    """Where Grace leaves the list."""
    return path_of(unsubscribe_url(acme.pk, grace.pk))


def standing(acme, delivery):
    with in_account(acme.pk):
        return Subscription.objects.get(pk=delivery.subscription_id)


class TestUnsubscribe:
    @pytest.mark.parametrize("method", ["get", "head"])
    def test_is_not_done_by_looking(self, client, acme, grace, leaving, method):
        answer = getattr(client, method)(leaving)

        assert answer.status_code == 200
        assert standing(acme, grace).state == "Subscribed"

    def test_shows_who_and_which_list_without_the_whole_address(self, client, leaving):
        text = client.get(leaving).content.decode()

        assert "g…e@mail.example" in text
        assert "grace@mail.example" not in text
        assert "“Acme”" in text

    @pytest.mark.parametrize(
        ("public", "sender", "shown"),
        [
            ("Acme's news", "Acme", "Acme&#x27;s news"),
            ("", "Acme Shoes", "Acme Shoes"),
            ("", "", "News"),
        ],
    )
    def test_names_the_list_as_recipients_know_it(
        self, client, acme, grace, leaving, public, sender, shown
    ):
        with in_account(acme.pk):
            List.objects.update(public_name=public, from_name=sender)
        confirming = path_of(confirm_url(acme.pk, grace.pk))

        texts = [client.get(leaving).text, client.get(confirming).text]

        assert all(f"“{shown}”" in text for text in texts)

    def test_is_done_by_the_button_and_said(self, client, acme, grace, leaving):
        answer = client.post(leaving, {"do": "leave"}, follow=True)

        left = standing(acme, grace)
        assert (left.state, left.unsubscribe_method) == ("Unsubscribed", "Recipient")
        assert "You are unsubscribed" in answer.content.decode()
        with in_account(acme.pk):
            assert Receipt.objects.get().kind == "unsubscribed"

    def test_is_done_by_a_mail_program_in_one_post(self, client, acme, grace, leaving):
        answer = client.post(
            leaving, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )

        assert (answer.status_code, answer.cookies.output()) == (200, "")
        assert standing(acme, grace).unsubscribe_method == "OneClick"

    def test_takes_no_form_that_is_longer_than_any_of_ours(self, client, acme, grace, leaving):
        form = f"List-Unsubscribe=One-Click&x={'x' * 70_000}"

        answer = client.post(leaving, form, content_type="application/x-www-form-urlencoded")

        assert answer.status_code == 413
        assert standing(acme, grace).state == "Subscribed"

    def test_twice_changes_nothing(self, client, acme, grace, leaving):
        client.post(leaving)
        first = standing(acme, grace).unsubscribed_at

        client.post(leaving)

        assert standing(acme, grace).unsubscribed_at == first

    def test_needs_no_token_of_a_form(self, acme, grace, leaving):
        from django.test import Client

        answer = Client(enforce_csrf_checks=True).post(leaving)

        assert answer.status_code == 303
        assert standing(acme, grace).state == "Unsubscribed"

    def test_is_taken_back(self, client, acme, grace, leaving):
        client.post(leaving)

        answer = client.post(leaving, {"do": "return"}, follow=True)

        assert standing(acme, grace).state == "Subscribed"
        assert "Unsubscribe?" in answer.content.decode()

    def test_is_not_taken_back_by_whom_no_mail_can_reach(self, client, acme, grace, leaving):
        client.post(leaving)
        with in_account(acme.pk):
            Contact.objects.update(email="", email_norm="", external_id="7")

        answer = client.post(leaving, {"do": "return"})

        assert answer.status_code == 303
        assert standing(acme, grace).state == "Unsubscribed"

    @pytest.mark.parametrize("method", ["Bounce", "Abuse"])
    def test_is_not_taken_back_by_whom_we_must_not_write_to(
        self, client, acme, grace, leaving, method
    ):
        with in_account(acme.pk):
            Subscription.objects.update(state="Unsubscribed", unsubscribe_method=method)

        client.post(leaving, {"do": "return"})

        assert standing(acme, grace).state == "Unsubscribed"
        assert "mistake" not in client.get(leaving).content.decode()

    def test_is_404_with_one_character_altered(self, client, acme, grace, leaving):
        altered = leaving[:-1] + ("A" if leaving[-1] != "A" else "B")

        answers = [client.get(altered), client.post(altered)]

        assert [answer.status_code for answer in answers] == [404, 404]
        assert standing(acme, grace).state == "Subscribed"

    def test_is_404_with_the_token_of_another_page(self, client, acme, grace):
        opened = tokens.sign("open", acme.pk, grace.pk)

        assert client.post(f"/m/u/{opened}").status_code == 404

    def test_of_a_test_takes_nobody_off(self, client, acme, grace, leaving):
        with in_account(acme.pk):
            type(grace).objects.update(is_test=True)

        answer = client.post(leaving, follow=True)

        assert "This was a test" in answer.content.decode()
        assert standing(acme, grace).state == "Subscribed"

    def test_answers_gently_who_was_forgotten(self, client, acme, grace, leaving, now):
        with in_account(acme.pk):
            erase(contacts=[grace.contact_id], source="page", now=now)

        answers = [client.get(leaving), client.post(leaving, follow=True)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert all("not on our list" in answer.content.decode() for answer in answers)

    def test_answers_gently_when_the_delivery_is_gone(self, client, acme):
        answer = client.get(path_of(unsubscribe_url(acme.pk, 10**12)))

        assert (answer.status_code, "no more" in answer.content.decode()) == (200, True)

    def test_is_kept_out_of_caches_and_referrers(self, client, leaving):
        headers = client.get(leaving).headers

        assert "no-store" in headers["Cache-Control"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in headers["X-Robots-Tag"]
        assert "default-src 'self'" in headers["Content-Security-Policy"]


class TestHeader:
    @pytest.fixture
    def sent(self, acme, now):
        """Send Grace an email; return its headers, and her subscription."""

        def send(*, has_header=True, is_transactional=False):
            with in_account(acme.pk):
                person = SubscriptionFactory.create()
                if not has_header:
                    List.objects.update(enable_list_removal_header=False)
                QueuedEmailFactory.create(
                    list=person.list, contact=person.contact, is_transactional=is_transactional
                )
            with Heart(lambda: now) as heart:
                serve(acme.pk, heart=heart, clock=lambda: now)
            with in_account(acme.pk):
                mail = message_from_bytes(SandboxMessage.objects.get().mime)
            return mail, person

        return send

    def test_takes_a_reader_off_by_one_post_unless_the_list_says_otherwise(
        self, client, acme, sent
    ):
        mail, person = sent()

        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        where = path_of(mail["List-Unsubscribe"].strip("<>"))
        client.post(
            where, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
        with in_account(acme.pk):
            person.refresh_from_db()
        assert (person.state, person.unsubscribe_method) == ("Unsubscribed", "OneClick")

    @pytest.mark.parametrize("given", [{"has_header": False}, {"is_transactional": True}])
    def test_is_not_there_where_the_list_wants_none_and_in_transactions(self, sent, given):
        mail, _ = sent(**given)

        assert mail["List-Unsubscribe"] is None
        assert mail["List-Unsubscribe-Post"] is None


class TestPreferences:
    @pytest.fixture
    def lists(self, acme, grace):
        """Grace is on a second list and has left a third; a fourth is none of her business."""
        with in_account(acme.pk):
            contact = grace.contact
            return [
                grace.list,
                SubscriptionFactory(list=ListFactory(name="Sales"), contact=contact).list,
                SubscriptionFactory(
                    list=ListFactory(name="Old"), contact=contact, state="Unsubscribed"
                ).list,
                ListFactory(name="Secret"),
            ]

    @pytest.fixture
    def page(self, acme, grace):
        return path_of(preferences_url(acme.pk, grace.pk))

    def states(self, acme):
        with in_account(acme.pk):
            return {one.list.name: one.state for one in Subscription.objects.select_related("list")}

    def test_show_the_lists_that_somebody_knows(self, client, lists, page):
        text = client.get(page).content.decode()

        assert re.findall(r"<span>(\w+)</span>", text) == ["News", "Old", "Sales"]
        assert text.count(" checked") == 2

    def test_name_the_lists_as_recipients_know_them(self, client, acme, lists, page):
        with in_account(acme.pk):
            List.objects.filter(name="News").update(public_name="What is new")
            List.objects.filter(name="Sales").update(from_name="The outlet")

        text = client.get(page).text

        assert re.findall(r"<span>([\w ]+)</span>", text) == ["Acme", "The outlet", "What is new"]

    def test_put_somebody_on_what_they_choose_and_off_the_rest(self, client, acme, lists, page):
        news, _sales, old, secret = lists

        client.post(page, {"list": [news.pk, old.pk, secret.pk]})

        assert self.states(acme) == {
            "News": "Subscribed",
            "Sales": "Unsubscribed",
            "Old": "Subscribed",
        }

    def test_end_everything_at_once(self, client, acme, lists, page):
        client.post(page, {"do": "none", "list": [lists[0].pk]})

        assert set(self.states(acme).values()) == {"Unsubscribed"}

    @pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "1e3", ""])
    def test_pass_over_what_is_no_list(self, client, acme, lists, page, value):
        answer = client.post(page, {"list": [value, lists[0].pk]})

        assert answer.status_code == 303
        assert self.states(acme)["News"] == "Subscribed"


class TestInBrowser:
    def test_shows_the_message_under_a_policy_of_its_own(self, client, acme, grace):
        answer = client.get(path_of(browser_url(acme.pk, grace.pk)))

        assert "Hi Grace" in answer.content.decode()
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    def test_shows_nothing_of_who_was_forgotten(self, client, acme, grace, now):
        with in_account(acme.pk):
            erase(contacts=[grace.contact_id], source="page", now=now)

        answer = client.get(path_of(browser_url(acme.pk, grace.pk)))

        assert (answer.status_code, "no longer kept" in answer.content.decode()) == (200, True)

    def test_is_changed_by_no_post(self, client, acme, grace):
        assert client.post(path_of(browser_url(acme.pk, grace.pk))).status_code == 405
