"""A turn of the sender, with the sandbox for a provider."""

from datetime import datetime, timedelta

import pytest

from accounts.models import Heartbeat
from accounts.tenancy import in_account
from contacts.models import Intake, Listener
from messaging import actions, tasks, tokens
from messaging.actions.provider_events import ProviderEvent, record_provider_events
from messaging.actions.settling import send_again
from messaging.models import Delivery, Provider, Receipt, SandboxMessage
from messaging.providers import Carrier, Outcome, Outgoing, carriers
from messaging.sending.claim import claim, settle_and_release
from messaging.sending.heart import Heart
from messaging.sending.sender import Handed, hand_over, serve, write_down
from tests.factories import (
    CommittedMessageFactory,
    ContactFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    QueuedEmailFactory,
    QueuedTextFactory,
    SubscriptionFactory,
)


@pytest.fixture
def heart(db, now):
    with Heart(lambda: now) as heart:
        yield heart


@pytest.fixture
def turn(acme, now, heart):
    """Serve acme once."""

    def serve_once(at=now):
        return serve(acme.pk, heart=heart, clock=lambda: at)

    return serve_once


class TestServe:
    def test_sends_what_is_queued(self, acme, now, turn):
        with in_account(acme.pk):
            delivery = QueuedEmailFactory.create()

        turn()

        with in_account(acme.pk):
            delivery.refresh_from_db()
            assert (delivery.state, delivery.sent_at) == ("sent", now)
            message = SandboxMessage.objects.get()
            assert message.html.startswith("<p>Hi Grace</p>")
            assert message.subject == "Come back, Grace"
            assert message.sender == "Acme <shop@acme.example>"
            assert b"Message-ID: <" in message.mime
            assert (delivery.provider, delivery.attempts) == ("sandbox", 1)

    def test_sends_texts(self, acme, turn):
        with in_account(acme.pk):
            delivery = QueuedTextFactory.create()

        turn()

        with in_account(acme.pk):
            message = SandboxMessage.objects.get(channel="sms")
            assert message.text == "Grace, 10% off."
            assert message.sender == delivery.phone_list.short_code.code
            assert message.address == delivery.address

    def test_fills_in_fields_event_and_time(self, acme, now, turn):
        with in_account(acme.pk):
            group = ProfileFieldGroupFactory.create(name="Profile")
            size = ProfileFieldFactory.create(group=group, name="Shoe size", data_type="Numeric")
            born = ProfileFieldFactory.create(group=group, name="Birthday", data_type="Date")
            grace = SubscriptionFactory.create(
                list=group.list, profile={str(size.pk): 42, str(born.pk): "1906-12-09"}
            ).contact
            text = (
                "{{ fields['Profile.Shoe size'] }} {{ fields.Profile.Birthday | date }} "
                "{{ event.total | money }} {{ list.name }} {{ now | date('%H:%M') }} "
                "{{ fields.Nothing.Here | default('none') }}"
            )
            message = CommittedMessageFactory.create(
                list=group.list,
                content={**CommittedMessageFactory.build(list=group.list).content, "text": text},
            )
            QueuedEmailFactory.create(
                list=group.list, contact=grace, message=message, event_properties={"total": 1234.5}
            )

        turn()

        with in_account(acme.pk):
            assert SandboxMessage.objects.get().text.startswith(
                f"42 December 9, 1906 $1,234.50 {group.list.name} 07:00 none"
            )

    def test_asks_again_whether_it_may(self, acme, turn):
        with in_account(acme.pk):
            email, text = QueuedEmailFactory.create(), QueuedTextFactory.create()
            email.contact.subscriptions.update(state="Unsubscribed")
            text.phone_list.subscriptions.update(state="Unsubscribed")

        turn()

        with in_account(acme.pk):
            assert not SandboxMessage.objects.exists()
            states = set(Delivery.objects.values_list("state", "reason"))
            assert states == {("skipped", "suppressed")}

    def test_skips_a_contact_that_was_deleted(self, acme, turn):
        with in_account(acme.pk):
            delivery = QueuedEmailFactory.create()
            delivery.contact.delete()

        turn()

        with in_account(acme.pk):
            delivery.refresh_from_db()
            assert (delivery.state, delivery.reason) == ("skipped", "contact deleted")

    def test_skips_a_phone_list_that_is_closed(self, acme, turn):
        with in_account(acme.pk):
            delivery = QueuedTextFactory.create(phone_list=PhoneListFactory.create(is_active=False))

        turn()

        with in_account(acme.pk):
            delivery.refresh_from_db()
            assert delivery.reason == "no consent for this list/purpose"

    def test_lets_one_bad_template_fail_alone(self, acme, turn):
        with in_account(acme.pk):
            good = QueuedEmailFactory.create()
            content = {**good.message.content, "html": "<p>\n{{ event.n + 1 }}</p>"}
            bad = QueuedEmailFactory.create(
                message=CommittedMessageFactory.create(list=good.list, content=content),
                list=good.list,
            )
            fine = QueuedEmailFactory.create(
                message=bad.message, list=good.list, event_properties={"n": 1}
            )

        turn()

        with in_account(acme.pk):
            states = dict(Delivery.objects.values_list("id", "state"))
            assert states == {good.pk: "sent", bad.pk: "failed", fine.pk: "sent"}
            bad.refresh_from_db()
            assert bad.reason == "template error (line 2)"

    def test_survives_a_template_that_eats_memory(self, acme, turn):
        doubling = "{% set x = event.seed %}" + "{% set x = x ~ x %}" * 40 + "{{ x | length }}"
        with in_account(acme.pk):
            good = QueuedEmailFactory.create()
            content = {**good.message.content, "html": doubling}
            message = CommittedMessageFactory.create(list=good.list, content=content)
            bad = QueuedEmailFactory.create(
                list=good.list, message=message, event_properties={"seed": "abcdefgh"}
            )
            after = QueuedEmailFactory.create(list=good.list, message=message)

        turn()

        with in_account(acme.pk):
            states = dict(Delivery.objects.values_list("id", "state"))
            assert states == {good.pk: "sent", bad.pk: "failed", after.pk: "sent"}

    def test_sends_nothing_while_the_provider_is_paused(self, acme, now, turn):
        with in_account(acme.pk):
            QueuedEmailFactory.create()
            Provider.objects.create(
                channel="email", kind="sandbox", is_default=True, paused_at=now, updated_at=now
            )

        turn()

        with in_account(acme.pk):
            assert Delivery.objects.get().state == "queued"

    def test_does_not_touch_another_account(self, acme, globex, turn):
        with in_account(globex.pk):
            QueuedEmailFactory.create()

        turn()

        with in_account(globex.pk):
            assert Delivery.objects.get().state == "queued"


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


class Broken(Carrier):
    """A provider that breaks down at the second message."""

    kind = "sandbox"
    label = "Broken"
    channels = ("email",)

    def carry(self, messages, *, now):
        yield Outcome(next(messages).delivery_id)
        next(messages)
        raise RuntimeError("boom")


class TestHandOver:
    def test_puts_back_what_a_broken_provider_did_not_attempt(self, acme, now, heart):
        with in_account(acme.pk):
            rows = [QueuedEmailFactory.create() for _ in range(3)]

        handed = hand_over(Broken({}), Letters(rows, acme), heart=heart, now=now)

        assert [one.state for one in handed.outcomes] == ["sent", "unknown", "queued"]
        assert handed.error


class TestWriteDown:
    """What was told while a message was on its way is believed, whatever became of the answer."""

    @pytest.mark.parametrize("resend", [False, True])
    def test_settles_a_lost_answer_by_what_was_told(self, acme, now, heart, resend):
        with in_account(acme.pk):
            delivery = QueuedEmailFactory.create(resend_unknown=resend)
            taken = claim(channel="email", provider="smtp", sender=heart.sender, most=1, now=now)
            token = tokens.sign("delivery", acme.pk, delivery.pk)
            event = ProviderEvent("smtp", "e-1", "delivered", now, detail={"delivery": token})
            record_provider_events([event], now=now)
            handed = Handed([Outcome(delivery.pk, "unknown", "connection lost")])

            write_down(taken.sending, handed, heart=heart, now=now)

            delivery.refresh_from_db()
            assert delivery.state == "sent"


class Letters(list[Outgoing]):
    """A batch that is filled in."""

    def __init__(self, rows, account):
        super().__init__(_outgoing(row, account) for row in rows)
        self.ids = [row.pk for row in rows]
        self.refused = []
        self.seconds = 0.0


def _outgoing(delivery, account):
    return Outgoing(
        delivery_id=delivery.pk,
        account_id=account.pk,
        channel="email",
        address=delivery.address,
        sender="shop@acme.example",
    )


class TestClaim:
    def test_takes_the_oldest_first_and_no_more_than_asked(self, acme, now):
        with in_account(acme.pk):
            younger = QueuedEmailFactory.create(queued_at=now)
            older = QueuedEmailFactory.create(queued_at=now - timedelta(hours=1))

            taken = claim(channel="email", provider="sandbox", sender="me", most=1, now=now)

            assert [row.id for row in taken.sending] == [older.pk]
            younger.refresh_from_db()
            assert younger.state == "queued"


class TestSend:
    @pytest.mark.django_db(transaction=True)
    def test_serves_every_account_that_has_work(self, acme, globex):
        for account in (acme, globex):
            with in_account(account.pk):
                QueuedEmailFactory.create()

        tasks.send()

        for account in (acme, globex):
            with in_account(account.pk):
                assert Delivery.objects.get().state == "sent"
        assert not Heartbeat.objects.filter(part__startswith="sender").exists()

    def test_does_nothing_without_work(self, acme):
        tasks.send()

        assert not Heartbeat.objects.exists()

    def test_serves_the_least_recently_served_first(self, acme, globex, now, turn):
        for account in (acme, globex):
            with in_account(account.pk):
                QueuedEmailFactory.create()
        turn()
        with in_account(acme.pk):
            QueuedEmailFactory.create()

        assert tasks.sending_accounts(now=now) == [globex.pk, acme.pk]


class TestSendTest:
    def test_is_marked_and_goes_to_any_address(self, acme, now, turn):
        with in_account(acme.pk):
            message = CommittedMessageFactory.create()
            grace = ContactFactory.create()
            actions.send_test_email(
                message=message, address=" Ada@Acme.example", contact=grace, now=now
            )

        turn()

        with in_account(acme.pk):
            delivery = Delivery.objects.get()
            assert (delivery.state, delivery.is_test) == ("sent", True)
            assert delivery.enrollment_id is None
            sent = SandboxMessage.objects.get()
            assert sent.address == "ada@acme.example"
            assert sent.html.startswith("<p>Hi Grace</p>")

    def test_spares_who_has_unsubscribed(self, acme, now):
        with in_account(acme.pk):
            gone = SubscriptionFactory.create(state="Unsubscribed")
            message = CommittedMessageFactory.create(list=gone.list)

            with pytest.raises(ValueError, match="unsubscribed"):
                actions.send_test_email(message=message, address=gone.contact.email, now=now)

    def test_is_no_way_around_consent(self, acme, now, turn):
        with in_account(acme.pk):
            phones = PhoneListFactory.create()
            agreed = PhoneSubscriptionFactory.create(phone_list=phones, phone_e164="+12125550100")
            message = actions.commit_sms(sms_message=None, text="Hi", phone_list=phones, now=now)
            given = {"message": message, "phone_list": phones, "now": now}

            with pytest.raises(ValueError, match="has not agreed"):
                actions.send_test_sms(number="(212) 555-0199", **given)
            actions.send_test_sms(number="(212) 555-0100", **given)

        turn()

        with in_account(acme.pk):
            assert SandboxMessage.objects.get().address == agreed.phone_e164


class TestCarriers:
    def test_are_found_by_scanning(self):
        assert set(carriers()) == {
            *("brevo", "http_sms", "mailgun", "postmark", "sandbox", "sendgrid", "ses", "smtp"),
            "twilio",
        }
