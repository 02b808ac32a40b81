"""Lanes of the outbox, and the limit of a day."""

import threading
from datetime import timedelta

import pytest

from accounts.tenancy import in_account, sql
from messaging import tasks
from messaging.eligibility import load_policy
from messaging.models import SendingRules
from messaging.providers import Outcome, ThrottledError
from messaging.sending.asking import DUE
from messaging.sending.lanes import Lane
from tests.messaging.lanes.scripted import Scripted, states


class TestUrgentLane:
    @pytest.mark.parametrize("mark", ["is_transactional", "is_test"])
    def test_passes_all_that_waits_in_bulk(self, acme, now, scripted, queue, turn, mark):
        queue(*(f"b{n}@mail.example" for n in range(20)), queued_at=now - timedelta(hours=1))
        queue("urgent@mail.example", **{mark: True})

        turn(lane=Lane.URGENT)

        assert Scripted.got == ["urgent@mail.example"]

    def test_goes_first_where_one_sender_serves_both(self, now, scripted, queue, turn):
        queue(*(f"b{n}@mail.example" for n in range(9)), queued_at=now - timedelta(hours=1))
        queue("urgent@mail.example", is_transactional=True)

        turn()

        assert Scripted.got[0] == "urgent@mail.example"

    def test_is_left_to_itself_by_the_bulk_lane(self, acme, scripted, queue, turn):
        queue("urgent@mail.example", is_transactional=True)

        turn(lane=Lane.BULK)

        assert states(acme) == {"urgent@mail.example": "queued"}

    @pytest.mark.django_db(transaction=True)
    def test_goes_out_while_a_bulk_batch_is_under_way(self, acme, scripted, queue, monkeypatch):
        """The only worker is amid a batch: what is queued meanwhile does not wait for it."""
        arrived = threading.Event()

        def answer(message):
            if message.address.startswith("b"):
                if message.address == "b0@mail.example":
                    queue("urgent@mail.example", is_transactional=True)
                assert arrived.wait(120), "the urgent message waited behind bulk"
            else:
                arrived.set()
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))
        queue("b0@mail.example", "b1@mail.example")

        tasks.send()

        assert set(states(acme).values()) == {"sent"}

    @pytest.mark.django_db(transaction=True)
    def test_is_served_by_a_task_of_its_own(self, acme, scripted, queue):
        queue("bulk@mail.example")
        queue("urgent@mail.example", is_transactional=True)

        tasks.send_urgent()

        assert states(acme) == {"bulk@mail.example": "queued", "urgent@mail.example": "sent"}


class TestIndexes:
    @pytest.mark.parametrize("lane", list(Lane))
    def test_know_what_waits_in_a_lane(self, inside_acme, lane):
        sql.execute("SET LOCAL enable_seqscan = off")
        sql.execute("SET LOCAL enable_bitmapscan = off")

        plan = sql.fetch_all(f"EXPLAIN {DUE.format(lane=lane.condition)}", channel="sms", most=5)

        assert f"delivery_{lane.value}" in str(plan)


class TestDayLimit:
    """What has not left spends nothing of the day's limit."""

    @pytest.fixture(autouse=True)
    def limit(self, acme, now):
        with in_account(acme.pk):
            SendingRules.objects.create(most_a_day=2, updated_at=now)

    @pytest.fixture
    def answers(self, monkeypatch):
        """Have the provider answer so from now on."""

        def begin(answer):
            monkeypatch.setattr(Scripted, "answer", staticmethod(answer))

        return begin

    def left(self, acme, now):
        with in_account(acme.pk):
            return load_policy(now=now).left_today

    def test_is_spent_by_what_was_sent_or_is_unknown(
        self, acme, now, scripted, queue, turn, answers
    ):
        kept = {"a@mail.example": "sent", "b@mail.example": "unknown"}
        answers(lambda message: Outcome(message.delivery_id, kept[message.address]))
        queue(*kept)

        turn()

        assert self.left(acme, now) == 0

    @pytest.mark.parametrize("state", ["deferred", "failed"])
    def test_is_given_back_by_what_was_put_off(
        self, acme, now, scripted, queue, turn, answers, state
    ):
        answers(lambda message: Outcome(message.delivery_id, state))
        queue("a@mail.example", "b@mail.example")

        turn()

        assert self.left(acme, now) == 2

    def test_is_given_back_by_what_was_not_attempted(
        self, acme, now, scripted, queue, turn, answers
    ):
        def throttle(_message):
            raise ThrottledError("421 later")

        answers(throttle)
        queue("a@mail.example", "b@mail.example")
        turn()
        answers(lambda message: Outcome(message.delivery_id))
        turn(now + timedelta(minutes=1))

        assert states(acme) == {"a@mail.example": "sent", "b@mail.example": "sent"}
