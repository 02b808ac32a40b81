"""A provider, or a recipient, that takes nothing for now."""

from datetime import timedelta

import pytest

from accounts.tenancy import in_account
from messaging import tasks
from messaging.models import Delivery, Provider
from messaging.providers import Outcome, ThrottledError
from messaging.sending.backoff import provider_pause, recipient_pause
from tests.messaging.lanes.scripted import Scripted, states


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
        with in_account(acme.pk):
            Provider.objects.update(concurrency=1)  # one after the other
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


class TestPauses:
    def test_of_a_provider_double_up_to_half_an_hour(self):
        minutes = [provider_pause(times).total_seconds() / 60 for times in (1, 2, 3, 7, 99)]

        assert minutes == [0.5, 1, 2, 30, 30]

    def test_of_a_recipient_double_up_to_four_hours(self):
        assert recipient_pause(1) == timedelta(minutes=5)
        assert recipient_pause(99) == timedelta(hours=4)

    def test_no_provider_has_us_wait_for_days(self):
        assert provider_pause(1, retry_after=1e9) == timedelta(hours=6)
