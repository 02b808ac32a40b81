"""Messages that wait, and those that a dead sender has left."""

from datetime import datetime, timedelta

import pytest

from accounts.models import Heartbeat
from accounts.tenancy import in_account
from contacts.models import Intake, Listener
from messaging import tokens
from messaging.actions.provider_events import ProviderEvent, record_provider_events
from messaging.actions.settling import send_again
from messaging.models import Provider, Receipt, SandboxMessage
from messaging.providers import Outcome
from messaging.sending.claim import claim, settle_and_release
from messaging.sending.outcomes import Handed, write_down
from tests.factories import (
    PhoneListFactory,
    PhoneSubscriptionFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
)


class TestDeferred:
    def test_is_asked_again_at_its_time(self, acme, now, turn):
        with in_account(acme.pk):
            delivery = QueuedEmailFactory.create(
                state="deferred",
                reason="quiet-hours-deferred",
                not_before=now + timedelta(hours=1),
                queued_at=now,
            )

        turn(now + timedelta(minutes=59))
        with in_account(acme.pk):
            delivery.refresh_from_db()
            assert delivery.state == "deferred"
        turn(now + timedelta(hours=1))

        with in_account(acme.pk):
            delivery.refresh_from_db()
            assert (delivery.state, delivery.reason) == ("sent", "")

    def test_is_given_up_after_three_days_with_what_held_it(self, acme, now, turn):
        with in_account(acme.pk):
            delivery = QueuedEmailFactory.create(
                state="deferred",
                reason="frequency-cap",
                not_before=now,
                queued_at=now - timedelta(days=3),
            )

        turn()

        with in_account(acme.pk):
            delivery.refresh_from_db()
            assert (delivery.state, delivery.reason) == ("skipped", "frequency-cap")

    def held(self, queued_at):
        """A text that the law holds from 21 o'clock to 8, in New York."""
        phones = PhoneListFactory.create(kind="Marketing")
        consent = PhoneSubscriptionFactory.create(phone_list=phones, phone_e164="+12125550123")
        return QueuedTextFactory.create(
            phone_list=phones, address=consent.phone_e164, queued_at=queued_at
        )

    def test_three_days_begin_when_it_is_first_held(self, acme, turn):
        night = datetime.fromisoformat("2026-11-18T04:00:00+00:00")
        with in_account(acme.pk):
            text = self.held(night - timedelta(days=4))

        turn(night)
        turn(night + timedelta(hours=12))

        with in_account(acme.pk):
            text.refresh_from_db()
            assert text.state == "sent"

    def test_three_days_go_on_while_it_is_held_again(self, acme, turn):
        night = datetime.fromisoformat("2026-11-18T04:00:00+00:00")
        with in_account(acme.pk):
            text = self.held(night)
            Provider.objects.create(
                channel="sms", kind="sandbox", is_default=True, paused_at=night, updated_at=night
            )

        for days in range(4):
            at = night + timedelta(days=days)
            turn(at + timedelta(hours=12))
            with in_account(acme.pk):
                Provider.objects.update(paused_at=None)
            turn(at)
            with in_account(acme.pk):
                Provider.objects.update(paused_at=night)

        with in_account(acme.pk):
            text.refresh_from_db()
            assert (text.queued_at, text.state) == (night, "skipped")

    @pytest.mark.parametrize(
        ("reason", "number"),
        [
            ("provider rejected (452 4.2.2 mailbox full)", 1),
            ("provider rejected (451 come back later)", 1),
            ("provider rejected (451 4.7.1 blocked)", 0),
            ("provider rejected (no connection)", 0),
        ],
    )
    def test_by_the_mailbox_for_three_days_is_a_soft_bounce(self, acme, now, reason, number):
        with in_account(acme.pk):
            QueuedEmailFactory.create(
                state="deferred",
                reason=reason,
                not_before=now,
                queued_at=now - timedelta(days=3),
                provider="smtp",
            )

            settle_and_release(now=now)

            found = Receipt.objects.filter(kind="bounced", detail__bounce="soft")
            assert found.count() == number

    def test_of_last_week_is_put_off_again_and_not_given_up(self, acme, now, heart):
        with in_account(acme.pk):
            unknown = QueuedEmailFactory.create(
                state="unknown", queued_at=now - timedelta(days=7), attempts=3
            )
            send_again(list=unknown.list, deliveries=[unknown.pk], now=now)
            taken = claim(channel="email", provider="smtp", sender=heart.sender, most=1, now=now)
            handed = Handed([Outcome(unknown.pk, "deferred", "provider rejected (451 later)")])
            write_down(taken.sending, handed, heart=heart, now=now)

            settle_and_release(now=now + timedelta(minutes=5))

            unknown.refresh_from_db()
            assert unknown.state == "queued"

    def test_by_the_mailbox_counts_from_there(self, acme, now, heart):
        with in_account(acme.pk):
            late = QueuedEmailFactory.create(queued_at=now - timedelta(days=7))
            taken = claim(channel="email", provider="smtp", sender=heart.sender, most=1, now=now)
            handed = Handed([Outcome(late.pk, "deferred", "provider rejected (451 later)")])
            write_down(taken.sending, handed, heart=heart, now=now)

            settle_and_release(now=now + timedelta(minutes=5))

            late.refresh_from_db()
            assert late.state == "queued"

    def test_tells_who_listens_what_was_given_up(self, acme, now, turn):
        with in_account(acme.pk):
            queued_at = now - timedelta(days=3)
            given_up, asked_again = (
                QueuedEmailFactory.create(state="deferred", not_before=now, queued_at=at)
                for at in (queued_at, now)
            )
            for delivery in (given_up, asked_again):
                Listener.objects.create(
                    conversation_id=delivery.pk, list=delivery.list, role="watch", kind="delivery"
                )

            settle_and_release(now=now)

            assert [fact.properties["did"] for fact in Intake.objects.all()] == ["skipped"]


class TestSettling:
    """Batches whose sender has not beaten for 60 seconds."""

    def abandoned(self, now, *, seconds=61, **fields):
        return QueuedEmailFactory.create(
            state="sending",
            claimed_at=now - timedelta(seconds=seconds),
            claimed_by="sender gone",
            **{"provider": "sandbox", "attempts": 1, **fields},
        )

    def test_sends_again_what_an_idempotent_provider_held(self, acme, now, turn):
        with in_account(acme.pk):
            delivery = self.abandoned(now)
            SandboxMessage.objects.create(
                delivery=delivery, channel="email", address=delivery.address, sent_at=now
            )

        turn()

        with in_account(acme.pk):
            delivery.refresh_from_db()
            assert delivery.state == "sent"
            assert SandboxMessage.objects.count() == 1

    @pytest.mark.parametrize(("resend", "state"), [(False, "unknown"), (True, "queued")])
    def test_parks_what_smtp_held_unless_the_step_says_resend(self, acme, now, resend, state):
        with in_account(acme.pk):
            delivery = self.abandoned(now, provider="smtp", resend_unknown=resend)

            settle_and_release(now=now)

            delivery.refresh_from_db()
            assert delivery.state == state

    @pytest.mark.parametrize("resend", [False, True])
    @pytest.mark.parametrize(("told", "state"), [("delivered", "sent"), ("failed", "failed")])
    def test_believes_what_was_told_meanwhile(self, acme, now, resend, told, state):
        with in_account(acme.pk):
            delivery = self.abandoned(now, provider="twilio", resend_unknown=resend)
            token = tokens.sign("delivery", acme.pk, delivery.pk)
            event = ProviderEvent("twilio", "e-1", told, now, detail={"delivery": token})
            record_provider_events([event], now=now)

            settle_and_release(now=now)

            delivery.refresh_from_db()
            assert delivery.state == state

    def test_leaves_a_sender_alone_that_beats(self, acme, now):
        Heartbeat.objects.create(part="sender gone", beat_at=now - timedelta(seconds=59))
        with in_account(acme.pk):
            delivery = self.abandoned(now, seconds=600)

            settle_and_release(now=now)

            delivery.refresh_from_db()
            assert delivery.state == "sending"

    def test_waits_a_minute(self, acme, now):
        with in_account(acme.pk):
            delivery = self.abandoned(now, seconds=59)

            settle_and_release(now=now)

            delivery.refresh_from_db()
            assert delivery.state == "sending"

    def test_gives_up_what_kills_its_sender(self, acme, now):
        with in_account(acme.pk):
            delivery = self.abandoned(now, attempts=5)

            settle_and_release(now=now)

            delivery.refresh_from_db()
            assert (delivery.state, delivery.reason) == ("failed", "sender died")

    def test_tells_who_listens_what_has_failed(self, acme, now):
        with in_account(acme.pk):
            delivery = self.abandoned(now, attempts=5)
            self.abandoned(now, attempts=1)
            Listener.objects.create(
                conversation_id=7, list=delivery.list, role="watch", kind="delivery"
            )

            settle_and_release(now=now)

            fact = Intake.objects.get()
            assert (fact.contact_id, fact.properties["did"]) == (delivery.contact_id, "failed")
