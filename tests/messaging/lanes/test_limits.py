"""A provider's rate and connections."""

from datetime import timedelta

import pytest

from accounts.tenancy import in_account
from messaging.models import Provider
from messaging.sending.allowance import allowance, take
from messaging.sending.lanes import Lane
from tests.messaging.lanes.scripted import Scripted, states


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
