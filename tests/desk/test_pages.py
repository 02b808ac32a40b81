"""Home, a contact's page, search, the ids for the API."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django_q.models import OrmQ

from accounts.models import Heartbeat
from accounts.tenancy import counts, in_account
from conductor.conversations.models import Conversation, Enrollment, Flow
from contacts.models import Event, ProfileField
from messaging.models import Provider
from tests.factories import (
    NOON,
    ContactFactory,
    ConversationFactory,
    DeliveryFactory,
    ExternalEventFactory,
    ListFactory,
    OrderFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SavedMessageFactory,
    SmsMessageFactory,
    SubscriptionFactory,
    VersionFactory,
)

DOCUMENT = {
    "threads": [
        {"thread": "Winback", "steps": [{"key": "pause", "wait": {"for": "P3D"}}]},
    ]
}
PROGRAM = {
    "steps": {
        "start": {
            "kind": "trigger",
            "thread": "Winback",
            "position": 0,
            "exits": {"next": "pause"},
        },
        "pause": {"kind": "wait", "thread": "Winback", "position": 1, "exits": {"next": None}},
    },
    "entries": {"start": "Winback"},
}


@pytest.fixture
def customers(acme):
    with in_account(acme.pk):
        return ListFactory.create(name="Store Customers")


@pytest.fixture
def grace(acme, customers):
    """Somebody with a history on the list."""
    with in_account(acme.pk):
        field = ProfileFieldFactory.create(group__list=customers, group__name="Shoe", name="Size")
        subscription = SubscriptionFactory.create(
            list=customers,
            contact__email="grace@mail.example",
            contact__last_name="Hopper",
            contact__phone_e164="+12125550143",
            profile={str(field.pk): "38"},
            subscribe_method="Import",
        )
        contact = subscription.contact
        OrderFactory.create(
            contact=contact, order_number="1001", ordered_at=NOON - timedelta(days=3)
        )
        DeliveryFactory.create(list=customers, contact=contact, reason="")
        event = ExternalEventFactory.create(list=customers, name="Order Imported")
        Event.objects.create(
            list_id=customers.pk,
            contact_id=contact.pk,
            external_event_id=event.pk,
            occurred_at=NOON,
            recorded_at=NOON,
            source="api",
            properties={"order": "1001"},
        )
        PhoneSubscriptionFactory.create(
            phone_e164="+12125550143",
            consent_text="Text me the news.",
            phone_list=PhoneListFactory.create(name="News", short_code__email_list=customers),
        )
        conversation = ConversationFactory.create(list=customers, name="Post Purchase")
        version = VersionFactory.create(
            conversation=conversation, document=DOCUMENT, program=PROGRAM
        )
        conversation.published = version
        conversation.save()
        Enrollment.objects.create(
            conversation=conversation,
            version=version,
            list_id=customers.pk,
            subscription_id=subscription.pk,
            contact_id=contact.pk,
            entry_number=1,
            entry_kind="external_event",
            entry_thread="Winback",
            entered_at=NOON,
            step_key="pause",
            arrived_at=NOON,
            due_at=NOON + timedelta(days=3),
        )
        Flow.objects.create(
            conversation=conversation,
            version_id=version.pk,
            step_key="start",
            exit="next",
            visits=1,
        )
        return contact


def page(view, *args):
    return reverse(f"desk:{view}", args=["acme-shoes", *args])


class TestHome:
    @pytest.fixture(autouse=True)
    def an_hour_later(self):
        with time_machine.travel(NOON + timedelta(hours=1), tick=False):
            yield

    @pytest.fixture
    def beating(self):
        """All parts of the deployment live."""
        for part in ("worker", "pulse"):
            Heartbeat.objects.create(part=part, beat_at=NOON + timedelta(hours=1))

    def test_an_account_without_a_list_says_where_to_begin(self, client, ada, acme):
        client.force_login(ada)

        assert "Create list" in client.get(page("home")).text

    def test_says_that_everything_goes_out_and_how_it_works(
        self, client, ben, acme, grace, beating
    ):
        client.force_login(ben)

        answer = client.get(page("home"))

        figures = answer.context["figures"]
        assert "Everything is going out." in answer.text
        assert (figures.counted.sent, figures.counted.emails, figures.counted.failed) == (1, 1, 0)
        assert (figures.counted.subscribed, figures.waiting) == (1, 1)
        assert [(one.entered, one.entered_lately, one.ended) for one in figures.moving] == [
            (1, 1, 0)
        ]
        assert figures.next_due_at == NOON + timedelta(days=3)
        assert "Post Purchase" in answer.text
        assert "grace@mail.example" in answer.text

    def test_says_that_a_conversation_is_paused(self, client, ben, acme, grace, beating):
        with in_account(acme.pk):
            Conversation.objects.update(paused_at=NOON)
        client.force_login(ben)

        text = client.get(page("home")).text

        assert "Everything is going out, but for 1 paused conversation." in text

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"throttled_until": NOON + timedelta(hours=2)}, "Email messages wait: SMTP server"),
            ({"paused_at": NOON}, "SMTP server is paused"),
        ],
    )
    def test_says_that_the_mail_server_takes_nothing(
        self, client, ben, acme, grace, beating, given, said
    ):
        with in_account(acme.pk):
            Provider.objects.create(
                **given,
                channel="email",
                kind="smtp",
                is_default=True,
                last_error="Connection refused",
                updated_at=NOON,
            )
        client.force_login(ben)

        text = " ".join(client.get(page("home")).text.split())

        assert "Not everything is going out: SMTP server takes nothing for now." in text
        assert said in text

    def test_a_mail_server_that_is_tried_again_says_nothing(self, client, ben, acme, grace):
        with in_account(acme.pk):
            Provider.objects.create(
                channel="email",
                kind="smtp",
                is_default=True,
                throttled_until=NOON,
                last_error="Connection refused",
                updated_at=NOON,
            )
        client.force_login(ben)

        assert "takes nothing" not in client.get(page("home")).text

    def test_counts_failures_of_the_last_day_only_and_no_tests(self, client, ben, acme, customers):
        with in_account(acme.pk):
            DeliveryFactory.create(list=customers, state="failed", sent_at=None)
            DeliveryFactory.create(
                list=customers, state="failed", sent_at=None, queued_at=NOON - timedelta(days=2)
            )
            DeliveryFactory.create(list=customers, state="failed", sent_at=None, is_test=True)
        client.force_login(ben)

        assert client.get(page("home")).context["counted"].failed == 1

    def test_of_a_long_list_is_counted_beside_the_page(
        self, client, ben, acme, customers, grace, monkeypatch
    ):
        monkeypatch.setattr(counts, "FEW", 0)
        client.force_login(ben)

        first = client.get(page("home"))
        asked = [task.args() for task in OrmQ.objects.all()]
        again = client.get(page("home"))
        for given in asked:
            counts.count(*given)
        counted = client.get(page("home"))

        assert (first.context["counted"], again.context["counted"]) == (None, None)
        assert "being counted" in first.text
        assert 'data-poll="2000"' in first.text
        assert (asked, OrmQ.objects.count()) == ([(acme.pk, "list", customers.pk)], 1)
        assert (counted.context["counted"].sent, counted.context["figures"].waiting) == (1, 1)
        assert "were counted at" in counted.text

    def test_of_a_long_list_is_counted_again_after_a_while(
        self, client, ben, acme, customers, grace, monkeypatch
    ):
        monkeypatch.setattr(counts, "FEW", 0)
        counts.count(acme.pk, "list", customers.pk)
        client.force_login(ben)

        client.get(page("home"))
        soon = OrmQ.objects.count()
        with time_machine.travel(NOON + timedelta(hours=2), tick=False):
            kept = client.get(page("home"))

        assert (soon, OrmQ.objects.count()) == (0, 1)
        assert kept.context["counted"].sent == 1

    def test_says_that_a_part_has_stopped(self, client, ben, acme, customers):
        Heartbeat.objects.create(part="worker", beat_at=NOON)
        Heartbeat.objects.create(part="pulse", beat_at=NOON + timedelta(hours=1))
        client.force_login(ben)

        text = client.get(page("home")).text

        assert "The worker does not answer" in text

    def test_a_new_list_is_told_what_is_next(self, client, mia, acme, customers):
        client.force_login(mia)

        assert "Import your shoppers" in client.get(page("home")).text

    def test_its_numbers_are_live(self, client, ben, acme, customers):
        client.force_login(ben)

        whole = client.get(page("home")).text
        part = client.get(page("home"), headers={"HX-Request": "true"}).text

        assert 'data-poll="15000"' in whole
        assert part.strip().startswith("<div")
        assert "Latest messages" in part

    def test_stranger(self, client, zoe, acme, customers):
        client.force_login(zoe)

        assert client.get(page("home")).status_code == 404


class TestAContactsPage:
    def test_shows_who_they_are_what_happened_and_where_they_are(
        self, client, ben, acme, customers, grace
    ):
        client.force_login(ben)

        text = client.get(page("contact", customers.pk, grace.pk)).text

        for words in (
            "Grace Hopper",
            "Order 1001: 50.00",
            "Order Imported",
            "Text me the news.",
            "Entered Post Purchase",
            "Size",
            "Subscribed to Store Customers",
            "Wait 3 days",
        ):
            assert words in text, words
        assert "Raise event" not in text

    def test_says_in_words_how_they_came_and_why_nothing_was_sent(
        self, client, ben, acme, customers, grace
    ):
        with in_account(acme.pk):
            DeliveryFactory.create(
                list=customers, contact=grace, state="skipped", reason="missing address"
            )
        client.force_login(ben)

        text = client.get(page("contact", customers.pk, grace.pk)).text

        assert "We have no address or number for them." in text
        assert ", by import</span>" in text

    def test_shows_one_kind_only(self, client, ben, acme, customers, grace):
        client.force_login(ben)

        answer = client.get(page("contact", customers.pk, grace.pk), {"show": "orders"})

        assert {moment.kind for moment in answer.context["moments"]} == {"orders"}

    @pytest.mark.parametrize("is_test", [True, False])
    def test_marks_the_stays_of_test_runs(self, client, ben, acme, customers, grace, is_test):
        with in_account(acme.pk):
            own = Conversation.objects.get()
            run = ConversationFactory.create(
                list=customers, name="Run", rehearsal_of=own if is_test else None
            )
            stay = Enrollment.objects.get()
            stay.pk, stay.conversation, stay.entry_kind = None, run, "by_hand"
            stay.version = VersionFactory.create(
                conversation=run, document=DOCUMENT, program=PROGRAM
            )
            # Within one tick: the newest, that they have left, stands first.
            stay.entered_at = stay.ended_at = NOON
            stay.due_at, stay.end_reason = None, "terminated"
            stay.save(force_insert=True)
        client.force_login(ben)

        address = page("contact", customers.pk, grace.pk)
        moments = client.get(address, {"show": "conversations"}).context["moments"]

        told = [(one.what, one.detail, one.state) for one in moments if "Run" in one.what]
        state = "test" if is_test else ""
        assert told == [
            ("Left Run", "They came to the end.", state),
            ("Entered Run", "Thread Winback, by hand", state),
        ]

    def test_goes_on_page_by_page(self, client, ben, acme, customers, grace):
        with in_account(acme.pk):
            for day in range(50):
                OrderFactory.create(contact=grace, ordered_at=NOON - timedelta(days=10 + day))
        client.force_login(ben)
        address = page("contact", customers.pk, grace.pk)

        first = client.get(address)
        second = client.get(
            address, {"before": first.context["older"]}, headers={"HX-Request": "true"}
        )

        assert len(first.context["moments"]) == 40
        assert "<html" not in second.text
        seen = re.findall(r"Order [\w-]+:", first.text + second.text)
        assert len(seen) == len(set(seen)) == 51

    @pytest.mark.parametrize("is_paused", [True, False])
    def test_says_that_a_conversation_is_paused(
        self, client, ben, acme, customers, grace, is_paused
    ):
        with in_account(acme.pk):
            Conversation.objects.update(paused_at=NOON if is_paused else None)
        client.force_login(ben)

        text = client.get(page("contact", customers.pk, grace.pk)).text

        assert ("Not before the conversation is resumed" in text) is is_paused
        assert "Skip wait" not in text

    def test_says_what_is_unknown(self, client, ben, acme, customers):
        with in_account(acme.pk):
            stray = ContactFactory.create(first_name="")
        client.force_login(ben)

        text = client.get(page("contact", customers.pk, stray.pk)).text

        assert "Not on this list" in text
        assert "nobody may write to them" in text

    def test_stranger(self, client, zoe, acme, customers, grace):
        client.force_login(zoe)

        assert client.get(page("contact", customers.pk, grace.pk)).status_code == 404

    def test_another_accounts_contact_is_not_there(self, client, ben, globex, customers):
        with in_account(globex.pk):
            theirs = ContactFactory.create()
        client.force_login(ben)

        assert client.get(page("contact", customers.pk, theirs.pk)).status_code == 404


class TestSearch:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("grace@", "Grace Hopper"),
            ("+1212555", "Grace Hopper"),
            ("post", "Post Purchase"),
            ("imports", "Imports"),
            ("size", "Shoe.Size"),
            ("we miss", "We miss you now"),
            ("store", "Store Customers"),
        ],
    )
    def test_finds(self, client, ben, acme, customers, grace, query, found):
        with in_account(acme.pk):
            SavedMessageFactory.create(list=customers, name="We miss you now")
        client.force_login(ben)

        assert found in client.get(page("search"), {"q": query}).text

    def test_says_that_nothing_was_found(self, client, ben, acme, customers):
        client.force_login(ben)

        assert "Nothing is named" in client.get(page("search"), {"q": "zzzz"}).text

    def test_stranger(self, client, zoe, acme):
        client.force_login(zoe)

        assert client.get(page("search")).status_code == 404


class TestApiIds:
    def test_lists_what_the_api_names(self, client, ben, acme, customers, grace):
        client.force_login(ben)

        text = client.get(page("api_ids", customers.pk)).text

        assert "API ID Information" in text
        assert f'data-copy="{customers.pk}"' in text
        for words in ("List ID", "Profile Field ID", "Shoe.Size", "Order Imported", "News"):
            assert words in text

    def test_names_each_kind_with_its_id(self, client, ben, acme, customers):
        with in_account(acme.pk):
            other = ListFactory.create(name="Another list")
            empty = ProfileFieldGroupFactory.create(list=customers, name="Empty group")
            saved = SavedMessageFactory.create(list=customers, name="We miss you")
            texts = SmsMessageFactory.create(
                name="Shipped", phone_list__short_code__email_list=customers
            )
            phones = texts.phone_list
        client.force_login(ben)

        text = client.get(page("api_ids", customers.pk)).text

        for label, thing, name in (
            ("List ID", other, "Another list"),
            ("Group ID", empty, "Empty group"),
            ("Message ID", saved, "We miss you"),
            ("Short Code ID", phones.short_code, phones.short_code.code),
            ("Phone List ID", phones, phones.name),
            ("SMS Message ID", texts, "Shipped"),
        ):
            assert re.search(
                rf'data-copy="{thing.pk}">(?:(?!</button>).)*Copy the {label} of {name}',
                text,
                re.DOTALL,
            )

    @pytest.mark.parametrize("query", ["shoe.si", "SIZE"])
    def test_finds_by_name(self, client, ben, acme, customers, grace, query):
        client.force_login(ben)

        found = client.get(
            page("api_ids", customers.pk), {"q": query}, headers={"HX-Request": "true"}
        )

        assert "Copy the Profile Field ID of Shoe.Size" in found.text
        assert "Order Imported" not in found.text
        assert "<html" not in found.text

    def test_finds_by_number(self, client, ben, acme, customers, grace):
        with in_account(acme.pk):
            field = ProfileField.objects.get(name="Size")
        client.force_login(ben)

        found = client.get(page("api_ids", customers.pk), {"q": field.pk})

        assert "Copy the Profile Field ID of Shoe.Size" in found.text

    def test_says_that_nothing_has_the_name(self, client, ben, acme, customers):
        client.force_login(ben)

        answer = client.get(page("api_ids", customers.pk), {"q": "9" * 40})

        assert "Nothing here has that name or ID." in answer.text

    def test_stranger(self, client, zoe, acme, customers):
        client.force_login(zoe)

        assert client.get(page("api_ids", customers.pk)).status_code == 404
