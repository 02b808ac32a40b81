"""Rules about messages and text messages."""

from datetime import timedelta

import pytest

from contacts import filters
from contacts.filters import naming
from messaging.actions import record_receipts
from messaging.models import Delivery
from tests.factories import (
    CommittedMessageFactory,
    ConversationFactory,
    ListFactory,
    PhoneListFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
    SubscriptionFactory,
)

DAY = timedelta(days=1)


@pytest.fixture
def shop(inside_acme):
    """A list with a saved message, a text message and a conversation."""
    made = ListFactory()
    SavedMessageFactory(list=made, name="We miss you")
    phone_list = PhoneListFactory(short_code=ShortCodeFactory(email_list=made))
    SmsMessageFactory(phone_list=phone_list, name="Ten percent")
    ConversationFactory(list=made, name="Winback", draft={"conversation": "Winback", "threads": []})
    return made


@pytest.fixture
def deliver(shop, now):
    """Deliver a message to somebody new, or to `to`; return the subscription and the delivery."""

    def deliver_one(*, to=None, at=None, message="We miss you", **given):
        to = to or SubscriptionFactory(list=shop)
        channel = given.pop("channel", "email")
        of_list = given.pop("list", shop)
        committed = CommittedMessageFactory(list=of_list, channel=channel, name=message)
        delivery = Delivery.objects.create(
            list=of_list,
            contact=to.contact,
            subscription_id=to.pk,
            channel=channel,
            message=committed,
            state=given.pop("state", "sent"),
            queued_at=at or now - DAY,
            sent_at=at or now - DAY,
            **given,
        )
        return to, delivery

    return deliver_one


@pytest.fixture
def found(shop, now):
    """Return whom of the list a written rule holds for, in both forms in which it is asked."""

    def find(written):
        names = naming.names_of(shop)
        rule = filters.parse(written)
        assert filters.problems(rule, names) == []
        assert filters.parse(filters.write(rule)) == rule
        resolved = filters.resolve(rule, names)
        zone = "America/New_York"
        members = filters.members(list=shop, rule=resolved, time_zone=zone, now=now)
        opposite = filters.members(list=shop, rule={"not": resolved}, time_zone=zone, now=now)
        assert not members & opposite
        return members

    return find


class TestMessage:
    def test_was_sent(self, deliver, found):
        sent, _ = deliver()
        deliver(state="queued")
        deliver(state="failed")
        deliver(channel="sms")
        deliver(is_test=True)
        deliver(list=ListFactory())

        assert found({"message": {"did": "sent"}}) == {sent.pk}

    @pytest.mark.parametrize("did", ["opened", "read", "clicked", "bounced", "converted"])
    def test_came_back(self, deliver, found, now, did):
        back, delivery = deliver()
        record_receipts(delivery=delivery, kind=did, now=now)
        other, delivery = deliver()
        record_receipts(delivery=delivery, kind="complained", now=now)
        _, test = deliver(is_test=True)
        record_receipts(delivery=test, kind=did, now=now)

        assert found({"message": {"did": did}}) == {back.pk}
        assert found(
            {"all": [{"message": {"did": "sent"}}, {"not": {"message": {"did": did}}}]}
        ) == {other.pk}

    def test_of_a_saved_message(self, deliver, found, shop):
        SavedMessageFactory(list=shop, name="Hello")
        hello, _ = deliver(message="Hello")
        deliver()

        assert found({"message": {"did": "sent", "saved_message": "Hello"}}) == {hello.pk}

    def test_of_a_conversation_and_its_step(self, deliver, found, shop):
        winback = shop.conversations.get().pk
        first, _ = deliver(conversation_id=winback, step_key="first")
        second, _ = deliver(conversation_id=winback, step_key="second")
        deliver(conversation_id=winback + 1, step_key="second")

        rule = {"did": "sent", "conversation": "Winback"}
        assert found({"message": rule}) == {first.pk, second.pk}
        assert found({"message": {**rule, "step": "second"}}) == {second.pk}

    def test_within_a_window(self, deliver, found, now):
        rule = {"message": {"did": "sent", "within": "P3D"}}
        edge, _ = deliver(at=now - 3 * DAY)
        deliver(at=now - 3 * DAY - timedelta(microseconds=1))
        deliver(at=now + timedelta(microseconds=1))

        assert found(rule) == {edge.pk}

    def test_since_a_date(self, deliver, found, now):
        opened, delivery = deliver(at=now - 9 * DAY)
        record_receipts(delivery=delivery, kind="opened", now=now, occurred_at=now - DAY)
        _, delivery = deliver(at=now - 9 * DAY)
        record_receipts(delivery=delivery, kind="opened", now=now + DAY, occurred_at=now - DAY)

        assert found({"message": {"did": "opened", "since": "2026-11-17"}}) == {opened.pk}
        assert found({"message": {"did": "opened", "since": "2026-11-18"}}) == set()

    def test_is_counted(self, deliver, found, now):
        one, delivery = deliver()
        record_receipts(delivery=delivery, kind="clicked", now=now)
        two, delivery = deliver()
        for _ in range(2):
            record_receipts(delivery=delivery, kind="clicked", now=now)
        none, _ = deliver()

        def clicked(count):
            return found({"message": {"did": "clicked", "count": count}})

        assert clicked({"at_least": 2}) == {two.pk}
        assert clicked({"is": 1}) == {one.pk}
        assert clicked({"at_most": 1}) == {one.pk, none.pk}

    def test_of_a_step_of_no_conversation_is_nobodys(self, deliver, found):
        deliver(step_key="first")

        assert found({"message": {"did": "sent", "step": "first"}}) == set()


class TestTextMessage:
    @pytest.mark.parametrize("did", ["clicked", "replied", "converted"])
    def test_came_back(self, deliver, found, now, did):
        back, delivery = deliver(channel="sms", message="Ten percent")
        record_receipts(delivery=delivery, kind=did, now=now)
        _, mail = deliver()
        record_receipts(delivery=mail, kind=did, now=now)

        assert found({"sms": {"did": did, "sms_message": "Ten percent"}}) == {back.pk}

    def test_was_sent_or_failed(self, deliver, found):
        sent, _ = deliver(channel="sms")
        failed, _ = deliver(channel="sms", state="failed")

        assert found({"sms": {"did": "sent"}}) == {sent.pk}
        assert found({"sms": {"did": "failed", "within": "P2D"}}) == {failed.pk}


class TestReading:
    @pytest.mark.parametrize(
        ("written", "path"),
        [
            ({"message": {}}, "message"),
            ({"message": {"did": "replied"}}, "message.did"),
            ({"sms": {"did": "opened"}}, "sms.did"),
            ({"message": {"did": "sent", "step": "No Key"}}, "message.step"),
            ({"message": {"did": "sent", "within": "P1D", "since": "entry"}}, "message.since"),
            ({"message": {"did": "sent", "sms_message": "x"}}, "message.sms_message"),
            ({"message": {"did": "sent", "count": 2}}, "message.count"),
        ],
    )
    def test_says_where_it_is_malformed(self, written, path):
        with pytest.raises(filters.Malformed) as malformed:
            filters.parse(written)

        assert malformed.value.faults[0][0] == path

    @pytest.mark.parametrize(
        ("written", "path"),
        [
            ({"message": {"did": "sent", "conversation": "Nothing"}}, "message.conversation"),
            ({"message": {"did": "sent", "saved_message": "Nothing"}}, "message.saved_message"),
            ({"sms": {"did": "sent", "sms_message": "Nothing"}}, "sms.sms_message"),
        ],
    )
    def test_finds_unknown_names(self, shop, written, path):
        rule = filters.parse(written)

        assert [at for at, _ in filters.problems(rule, naming.names_of(shop))] == [path]

    def test_names_the_steps_of_its_own_conversation(self):
        rule = filters.parse(
            {"all": [{"message": {"did": "sent", "step": "hello", "since": "start"}}]}
        )

        assert list(filters.steps_counted_from(rule)) == [
            ("start", "all[0].message.since"),
            ("hello", "all[0].message.step"),
        ]

    def test_hears_what_changes_its_answer(self, shop):
        def heard(written):
            names = naming.names_of(shop)
            return filters.hears(filters.resolve(filters.parse(written), names))

        assert heard({"message": {"did": "sent"}}) == {("delivery", None, None)}
        assert heard({"sms": {"did": "replied"}}) == {("receipt", None, None)}

    @pytest.mark.parametrize(
        ("written", "words"),
        [
            (
                {"message": {"did": "opened", "saved_message": "We miss you", "within": "P3D"}},
                "opened “We miss you” in the last 3 days",
            ),
            ({"not": {"sms": {"did": "replied"}}}, "did not reply to a text message"),
            (
                {"message": {"did": "sent", "conversation": "Winback", "step": "hello"}},
                "was sent a message of step hello of Winback",
            ),
        ],
    )
    def test_says_it_in_words(self, written, words):
        assert filters.sentence(filters.parse(written)) == words
