"""Lanes of the outbox, a provider's rate and connections, and its back-off."""

import itertools
import threading
from datetime import timedelta

import pytest

from accounts.tenancy import in_account, sql
from messaging import tasks
from messaging.eligibility import load_policy
from messaging.models import Delivery, Provider, SendingRules
from messaging.providers import Carrier, Outcome, ProviderError, ThrottledError, carriers
from messaging.sending.allowance import allowance, take
from messaging.sending.asking import DUE
from messaging.sending.backoff import provider_pause, recipient_pause
from messaging.sending.heart import Heart
from messaging.sending.lanes import Lane
from messaging.sending.pace import PACE
from messaging.sending.sender import serve
from tests.factories import CommittedMessageFactory, ListFactory, QueuedEmailFactory


class Scripted(Carrier):
    """A provider that does as the test says, message by message."""

    kind = "scripted"
    label = "Scripted"
    channels = ("email",)
    batch_size = 3
    connections = 4
    answer = staticmethod(lambda message: Outcome(message.delivery_id))
    got: list[str] = []

    def carry(self, messages, *, now):
        for message in messages:
            outcome = Scripted.answer(message)
            if outcome.state == "sent":
                Scripted.got.append(message.address)
            yield outcome


@pytest.fixture
def scripted(acme, now, monkeypatch):
    """Acme's email goes by a scripted provider."""
    monkeypatch.setitem(carriers(), "scripted", Scripted)
    monkeypatch.setattr(Scripted, "got", [])
    PACE.seconds.clear()
    with in_account(acme.pk):
        return Provider.objects.create(
            channel="email", kind="scripted", is_default=True, updated_at=now
        )


@pytest.fixture
def queue(acme, now):
    """Queue emails to addresses of one list."""
    with in_account(acme.pk):
        shop = ListFactory.create()
        message = CommittedMessageFactory.create(list=shop)

    def put(*addresses, **fields):
        with in_account(acme.pk):
            return [
                QueuedEmailFactory.create(
                    list=shop, message=message, address=address, **{"queued_at": now, **fields}
                )
                for address in addresses
            ]

    return put


@pytest.fixture
def turn(acme, now):
    """Serve acme once, in one lane or in both."""

    def serve_once(at=now, lane=None):
        with Heart(lambda: at) as heart:
            return serve(acme.pk, heart=heart, clock=lambda: at, lane=lane)

    return serve_once


def states(acme):
    with in_account(acme.pk):
        return dict(Delivery.objects.values_list("address", "state"))


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


class TestRate:
    def test_is_kept_over_all_senders(self, acme, now, scripted, queue, turn):
        with in_account(acme.pk):
            Provider.objects.update(rate_per_second=2.0)
        queue(*(f"b{n}@mail.example" for n in range(9)))

        for tenths in range(0, 21, 5):
            turn(now + timedelta(seconds=tenths / 10))

        # Two at once, then one each half second: never more than the bucket holds.
        assert len(Scripted.got) == 2 + 4

    def test_leaves_a_part_to_the_urgent(self, acme, now, scripted, queue, turn):
        with in_account(acme.pk):
            Provider.objects.update(rate_per_second=10.0)
            granted = {
                lane: allowance(Provider.objects.get(), Scripted({}), lane=lane, most=99, now=now)
                for lane in Lane
            }

        assert granted[Lane.BULK].messages == 8
        assert granted[Lane.URGENT].messages == 10

    @pytest.mark.parametrize("rate", [0.5, 1.0, 4.9])
    def test_that_is_low_is_left_to_the_urgent_that_wait(self, acme, now, scripted, queue, rate):
        with in_account(acme.pk):
            Provider.objects.update(rate_per_second=rate)

        def granted(lane):
            with in_account(acme.pk):
                provider = Provider.objects.get()
                return allowance(provider, Scripted({}), lane=lane, most=99, now=now).messages

        alone = granted(Lane.BULK)
        queue("urgent@mail.example", is_transactional=True)

        assert alone == granted(Lane.URGENT) == max(1, int(rate))
        assert granted(Lane.BULK) == 0

    def test_says_that_there_is_no_more_for_now(self, acme, scripted, queue, turn):
        with in_account(acme.pk):
            Provider.objects.update(rate_per_second=1.0)
        queue("a@mail.example", "b@mail.example")
        turn()

        assert turn() is False


class TestConnections:
    @pytest.fixture
    def granted(self, acme, now, scripted):
        """Ask for a lane's allowance while others hold connections."""

        def ask(lane, *, held=0, limit=4, holder="sender one bulk", at=now):
            with in_account(acme.pk):
                provider = Provider.objects.get()
                provider.concurrency = limit
                provider.leases = {}
                if held:
                    take(provider, holder=holder, messages=1, connections=held, now=now)
                return allowance(provider, Scripted({}), lane=lane, most=9, now=at).connections

        return ask

    def test_are_shared_by_all_senders(self, granted):
        assert granted(Lane.BULK) == 3
        assert granted(Lane.BULK, held=2) == 1
        assert granted(Lane.BULK, held=3) == 0

    def test_leave_one_to_the_urgent(self, granted):
        assert granted(Lane.URGENT, held=3) == 1

    def test_of_a_dead_sender_are_free_again(self, granted, now):
        assert granted(Lane.BULK, held=3, at=now + timedelta(seconds=61)) == 3

    def test_bulk_waits_for_urgent_where_there_is_one(self, granted, queue):
        assert granted(Lane.BULK, limit=1) == 1
        queue("urgent@mail.example", is_transactional=True)

        assert granted(Lane.BULK, limit=1) == 0
        assert granted(Lane.URGENT, limit=1) == 1

    def test_are_given_back(self, acme, scripted, queue, turn):
        queue("a@mail.example")

        turn()

        with in_account(acme.pk):
            assert Provider.objects.get().leases == {}


class TestThrottling:
    @pytest.fixture
    def throttle(self, monkeypatch):
        """Have the provider take no more at the second message."""

        def begin(retry_after=None):
            def answer(message):
                if message.address.startswith("b"):
                    raise ThrottledError("Slow down.", retry_after=retry_after)
                return Outcome(message.delivery_id)

            monkeypatch.setattr(Scripted, "answer", staticmethod(answer))

        return begin

    def test_holds_the_queue_as_a_whole(self, acme, now, scripted, queue, turn, throttle):
        queue("a@mail.example", "b@mail.example", "c@mail.example")
        throttle()

        turn()

        assert states(acme) == {
            "a@mail.example": "sent",
            "b@mail.example": "queued",
            "c@mail.example": "queued",
        }
        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert provider.last_error == "Slow down."
            assert provider.throttled_until == now + timedelta(seconds=30)
        assert tasks.sending_accounts(now=now) == []
        assert tasks.sending_accounts(now=now + timedelta(seconds=30)) == [acme.pk]

    def test_asks_twice_as_late_each_time(self, acme, now, scripted, queue, turn, throttle):
        queue("b@mail.example")
        throttle()
        turn()

        turn(now + timedelta(seconds=29))
        with in_account(acme.pk):
            assert Provider.objects.get().throttle_count == 1
        turn(now + timedelta(seconds=30))

        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert provider.throttled_until == now + timedelta(seconds=30 + 60)
            assert Delivery.objects.get().attempts == 0

    def test_waits_as_long_as_the_provider_asks(self, acme, now, scripted, queue, turn, throttle):
        queue("b@mail.example")
        throttle(retry_after=7.0)

        turn()

        with in_account(acme.pk):
            assert Provider.objects.get().throttled_until == now + timedelta(seconds=7)

    def test_is_forgotten_when_it_goes_again(self, acme, now, scripted, queue, turn):
        queue("a@mail.example")
        with in_account(acme.pk):
            Provider.objects.update(throttle_count=5, throttled_until=now, last_error="Slow down.")

        turn()

        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert (provider.throttle_count, provider.last_error) == (0, "")
            assert provider.throttled_until is None

    def test_nothing_is_lost_while_it_is_paused(self, acme, now, scripted, queue, turn):
        queue("a@mail.example")
        with in_account(acme.pk):
            Provider.objects.update(paused_at=now)

        turn(now + timedelta(days=4))

        assert tasks.sending_accounts(now=now) == []
        assert states(acme) == {"a@mail.example": "queued"}


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


class TestRecipientPutOff:
    @pytest.fixture(autouse=True)
    def greylisting(self, scripted, monkeypatch):
        def answer(message):
            if message.address.startswith("grey"):
                return Outcome(message.delivery_id, "deferred", "provider rejected (451 grey)")
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))

    def test_is_tried_alone_later_and_later(self, acme, now, queue, turn):
        queue("grey@mail.example", "a@mail.example")
        waits = []
        at = now

        for _ in range(8):
            turn(at)
            with in_account(acme.pk):
                grey = Delivery.objects.get(address="grey@mail.example")
            assert grey.state == "deferred"
            assert grey.not_before is not None
            waits.append((grey.not_before - at).total_seconds() / 60)
            at = grey.not_before

        assert waits == [5, 10, 20, 40, 80, 160, 240, 240]
        assert Scripted.got == ["a@mail.example"]
        with in_account(acme.pk):
            assert Provider.objects.get().throttled_until is None

    def test_has_failed_after_three_days(self, acme, now, queue, turn):
        queue("grey@mail.example", queued_at=now - timedelta(days=9))
        turn()
        with in_account(acme.pk):
            Delivery.objects.update(not_before=now + timedelta(days=3) - timedelta(minutes=1))

        turn(now + timedelta(days=3) - timedelta(minutes=1))
        with in_account(acme.pk):
            grey = Delivery.objects.get()
            assert grey.state == "deferred"
            assert grey.not_before is not None
        turn(grey.not_before)

        with in_account(acme.pk):
            grey = Delivery.objects.get()
            assert (grey.state, grey.reason) == ("failed", "provider rejected (451 grey)")


class TestSpread:
    """A batch on several connections."""

    @pytest.fixture
    def batch(self):
        from messaging.providers import Outgoing

        return [Outgoing(n, 1, "email", f"a{n}@mail.example", "s@acme.example") for n in range(40)]

    def test_hands_each_over_once(self, batch, now):
        sent = list(Scripted({}).send(batch, now=now, connections=5))

        assert sorted(one.delivery_id for one in sent) == list(range(40))

    def test_hands_over_as_many_at_once_as_there_are_connections(self, batch, now, monkeypatch):
        together = threading.Barrier(5, timeout=120)

        def answer(message):
            together.wait()
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))

        assert len(list(Scripted({}).send(batch, now=now, connections=5))) == 40

    def test_counts_what_is_on_its_way_when_it_stops(self, batch, now, monkeypatch):
        asked = itertools.count()

        sent = list(Scripted({}).send(batch, now=now, connections=4, stop=lambda: next(asked) > 9))

        assert len(sent) == 10
        assert len({one.delivery_id for one in sent}) == 10

    def test_ends_at_a_problem_and_keeps_what_was_done(self, batch, now, monkeypatch):
        def answer(message):
            if message.delivery_id == 7:
                raise ProviderError("Gone.")
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))
        done = []

        with pytest.raises(ProviderError, match="Gone"):
            done += [one.delivery_id for one in Scripted({}).send(batch, now=now, connections=3)]

        assert 7 not in done

    def test_what_broke_midway_is_unknown(self, batch, now, monkeypatch):
        def answer(message):
            if message.delivery_id == 7:
                raise RuntimeError("boom")
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))
        done = {}

        def run():
            for one in Scripted({}).send(batch, now=now, connections=3):
                done[one.delivery_id] = one.state

        with pytest.raises(RuntimeError, match="boom"):
            run()

        assert done.pop(7) == "unknown"
        assert set(done.values()) == {"sent"}


class TestPauses:
    def test_of_a_provider_double_up_to_half_an_hour(self):
        minutes = [provider_pause(times).total_seconds() / 60 for times in (1, 2, 3, 7, 99)]

        assert minutes == [0.5, 1, 2, 30, 30]

    def test_of_a_recipient_double_up_to_four_hours(self):
        assert recipient_pause(1) == timedelta(minutes=5)
        assert recipient_pause(99) == timedelta(hours=4)

    def test_no_provider_has_us_wait_for_days(self):
        assert provider_pause(1, retry_after=1e9) == timedelta(hours=6)


class TestReserving:
    """A provider's row is locked for moments, before a batch is claimed."""

    def test_takes_nothing_where_nothing_waits(self, acme, scripted, turn):
        turn()

        with in_account(acme.pk):
            assert Provider.objects.get().leases == {}

    def test_is_given_back_after_a_batch(self, acme, scripted, queue, turn):
        queue("a@mail.example", "b@mail.example")

        turn()

        with in_account(acme.pk):
            assert Provider.objects.get().leases == {}

    @pytest.mark.django_db(transaction=True)
    def test_is_given_back_where_the_claim_breaks_down(
        self, acme, scripted, queue, turn, monkeypatch
    ):
        queue("a@mail.example")
        with in_account(acme.pk):
            Provider.objects.update(rate_per_second=2.0)

        def broken(**_given):
            raise RuntimeError("boom")

        monkeypatch.setattr("messaging.sending.sender.claim", broken)
        with pytest.raises(RuntimeError):
            turn()

        with in_account(acme.pk):
            provider = Provider.objects.get()
            assert (provider.leases, provider.tokens) == ({}, 2.0)
        assert states(acme) == {"a@mail.example": "queued"}
