"""Where a conversation's contacts are: exact, from one snapshot."""

from datetime import timedelta

import pytest

from accounts.tenancy import counts
from conductor.conversations.actions import publish_conversation
from conductor.conversations.document import parse_document
from conductor.conversations.drawing import cards
from conductor.conversations.models import Enrollment, Flow, Visit
from conductor.conversations.summary import glance, summarize
from messaging.models import Delivery
from tests.conversations.conftest import applied, winback
from tests.factories import SubscriptionFactory

PATH = ["start", "lapsed", "text", "pause", "reminder", "end"]
MINUTE = timedelta(minutes=1)


def enroll(conversation, now, *, to, ended="", version=None, held=""):
    """Bring a new contact to a step, by `next`; `ended` is the exit by which it left there."""
    subscription = SubscriptionFactory(list=conversation.list)
    version = version or conversation.published
    enrollment = Enrollment.objects.create(
        conversation=conversation,
        version=version,
        list_id=conversation.list_id,
        subscription_id=subscription.pk,
        contact_id=subscription.contact_id,
        entry_number=1,
        entry_kind="external_event",
        entry_thread="Winback",
        entered_at=now,
        step_key=to,
        arrived_at=now,
        due_at=None if ended or held else now + MINUTE,
        held_reason=held,
        ended_at=now if ended else None,
        end_reason=ended,
    )
    exits = dict.fromkeys(PATH[: PATH.index(to)], "next") | ({to: ended} if ended else {})
    for key, name in exits.items():
        Visit.objects.create(
            enrollment_id=enrollment.pk,
            conversation_id=conversation.pk,
            version_id=version.pk,
            step_key=key,
            visit_number=1,
            arrived_at=now,
            left_at=now,
            exit=name,
        )
        Flow.objects.create(
            conversation_id=conversation.pk,
            version_id=version.pk,
            step_key=key,
            exit=name,
            visits=1,
        )
    return enrollment


def deliver(enrollment, now, *, key, channel, state, reason="", is_test=False):
    """Write a delivery of a message step."""
    Delivery.objects.create(
        channel=channel,
        list_id=enrollment.list_id,
        conversation_id=enrollment.conversation_id,
        version_id=enrollment.version_id,
        enrollment_id=None if is_test else enrollment.pk,
        thread="Winback",
        step_key=key,
        state=state,
        reason=reason,
        is_test=is_test,
        queued_at=now,
    )


@pytest.fixture
def busy(published, now):
    """Five contacts: one fails the filter, three wait (one held), one has come to the end."""
    enroll(published, now, to="lapsed", ended="otherwise")
    waiting = [enroll(published, now, to="pause") for _ in range(2)]
    enroll(published, now, to="text", held="step_error 22P02")
    ended = enroll(published, now, to="end", ended="end")
    for place, enrollment in enumerate([*waiting, ended]):
        state, reason = ("skipped", "missing address") if place == 0 else ("sent", "")
        deliver(enrollment, now, key="text", channel="sms", state=state, reason=reason)
    deliver(ended, now, key="reminder", channel="email", state="queued")
    deliver(ended, now, key="reminder", channel="email", state="sent", is_test=True)
    return published


class TestSummarize:
    def test_adds_up(self, busy):
        counted = summarize(conversation=busy)

        assert (counted.entered, counted.waiting, counted.ended) == (5, 3, 2)
        assert [
            (step.step_key, step.arrivals, step.waiting, step.exits) for step in counted.steps
        ] == [
            ("start", 5, 0, {"next": 5}),
            ("lapsed", 5, 0, {"next": 4, "otherwise": 1}),
            ("text", 4, 1, {"next": 3}),
            ("pause", 3, 2, {"next": 1}),
            ("reminder", 1, 0, {"next": 1}),
            ("end", 1, 0, {"end": 1}),
        ]

    def test_counts_deliveries_but_no_tests(self, busy):
        counted = summarize(conversation=busy)

        assert [
            (row.step_key, row.channel, row.state, row.reason, row.count)
            for row in counted.deliveries
        ] == [
            ("reminder", "email", "queued", "", 1),
            ("text", "sms", "sent", "", 2),
            ("text", "sms", "skipped", "missing address", 1),
        ]

    def test_says_on_a_card_who_came_and_to_whom_it_was_sent(self, busy, now):
        Enrollment.objects.filter(step_key="text").delete()
        Flow.objects.create(
            conversation_id=busy.pk,
            version_id=busy.published_id,
            step_key="text",
            exit="next",
            visits=1,
        )
        document = parse_document(busy.draft)

        drawn = cards(document, document.threads[0], summary=summarize(conversation=busy))

        told = {card.step.key: [(one.count, one.word) for one in card.numbers] for card in drawn}
        assert told["text"] == [(2, "sent"), (1, "skipped"), (4, "reached this step")]
        assert told["reminder"] == [(0, "sent"), (1, "reached this step")]

    def test_looks_at_no_contact(self, busy, django_assert_num_queries):
        summarize(conversation=busy)

        with django_assert_num_queries(3) as asked:
            summarize(conversation=busy)

        assert not any("enrollment" in one["sql"] for one in asked)

    def test_of_a_page_counts_many_messages_beside_it(self, busy, acme, now, monkeypatch):
        few = glance(conversation=busy, now=now)
        monkeypatch.setattr(counts, "FEW", 2)

        first = glance(conversation=busy, now=now)
        counts.count(acme.pk, "messages", busy.pk)
        Delivery.objects.filter(state="queued").update(state="sent")
        kept = glance(conversation=busy, now=now)

        assert (few.counted_at, few.is_counting) == (None, False)
        assert (first.deliveries, first.is_counting, first.waiting) == ([], True, 3)
        assert (kept.deliveries, kept.is_counting, kept.waiting) == (few.deliveries, False, 3)
        assert kept.counted_at is not None

    def test_tells_versions_apart(self, busy, store, now):
        first = busy.published
        without = "      - key: pause\n        wait: {for: P3D}\n"
        conversation = applied(store, now, winback(**{without: ""})).conversation
        publish_conversation(conversation=conversation, now=now)
        enroll(conversation, now, to="lapsed", ended="otherwise")

        every = summarize(conversation=conversation)
        second = summarize(conversation=conversation, version=conversation.published)

        assert every.entered == 6
        assert [step.step_key for step in every.steps] == [
            "start", "lapsed", "text", "reminder", "end", "pause",
        ]  # fmt: skip
        assert (second.entered, second.waiting, second.deliveries) == (1, 0, [])
        assert "pause" not in second.by_step
        assert summarize(conversation=conversation, version=first).entered == 5

    def test_is_all_zeros_before_anybody_enters(self, published):
        counted = summarize(conversation=published)

        assert (counted.entered, counted.waiting, counted.deliveries) == (0, 0, [])
        assert {step.arrivals for step in counted.steps} == {0}
