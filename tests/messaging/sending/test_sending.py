"""A turn of the sender, with the sandbox for a provider."""

from datetime import timedelta

import pytest

from accounts.models import Heartbeat
from accounts.tenancy import in_account
from messaging import actions, tasks, tokens
from messaging.actions.provider_events import ProviderEvent, record_provider_events
from messaging.models import Delivery, Provider, SandboxMessage
from messaging.providers import Carrier, Outcome, Outgoing, carriers
from messaging.sending.claim import claim
from messaging.sending.outcomes import Handed, write_down
from messaging.sending.sender import hand_over
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
