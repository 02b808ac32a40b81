"""Whoever asks why somebody is not written to hears the same: counts, broadcasts, steps, claims."""

import hashlib
from collections import Counter
from datetime import time
from typing import Any

import pytest
from django.db import transaction

from messaging.actions.audience import count_emails, count_texts
from messaging.actions.suppressions import suppress
from messaging.models import Broadcast, Delivery, FrequencyCap, SendingRules
from messaging.sending.broadcasts import count_audience, send_some
from messaging.sending.claim import claim
from tests.engine.world import World
from tests.factories import (
    CommittedMessageFactory,
    ContactFactory,
    DeliveryFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    SubscriptionFactory,
)

HELD_OUT = 25
STEPS = {
    "email": "{key: say, message: {saved_message: We miss you}}",
    "sms": "{key: say, mobile_message: {short_code: '54321', phone_list: Transactional, text: Hi}}",
}
# What each of them is called, and why it gets nothing at noon UTC; "" gets it.
EMAILS = {
    "willing": "",
    "suppressed elsewhere": "",
    "unsubscribed": "suppressed",
    "pending": "pending double opt-in",
    "without an address": "missing address",
    "with half an address": "invalid address",
    "suppressed in the account": "suppressed",
    "suppressed on the list": "suppressed",
    "erased once": "suppressed",
    "held out": "holdout",
    "asleep": "quiet-hours-deferred",
    "written to today": "frequency-cap",
    "asleep and written to today": "frequency-cap",
}
TEXTS = {
    "willing": "",
    "opted out": "suppressed",
    "not confirmed": "pending double opt-in",
    "of unknown age": "age gate",
    "suppressed": "suppressed",
    "held out": "holdout",
    "asleep": "quiet-hours-deferred",
    "written to today": "frequency-cap",
}
CONSENTS: dict[str, dict[str, Any]] = {
    "opted out": {"state": "Unsubscribed"},
    "not confirmed": {"state": "Pending", "pending_double_opt_in": True},
    "of unknown age": {"state": "Pending", "pending_age_gate": True},
}


def is_held_out(contact):
    """Say whether the hash of a contact's id is among those that are held out."""
    drawn = hashlib.md5(f"holdout:{contact.pk}".encode(), usedforsecurity=False).hexdigest()
    return int(drawn[:8], 16) % 100 < HELD_OUT


@pytest.fixture
def world(inside_acme, now):
    """An account that allows itself little; noon UTC is an hour for people in Paris."""
    SendingRules.objects.create(
        email_opens=time(8),
        email_closes=time(20),
        holdout_percent=HELD_OUT,
        updated_at=now,
    )
    FrequencyCap.objects.create(channel="any", period="day", most=1, created_at=now)
    made = World(now)
    made.phone_list.kind = "Marketing"
    made.phone_list.save()
    return made


@pytest.fixture
def person(world, now):
    """Make somebody of a name; whether they are held out goes by it."""

    def make(name, **given):
        zone = "Asia/Tokyo" if "asleep" in name else "Europe/Paris"
        while is_held_out(made := ContactFactory.create(time_zone=zone, **given)) != (
            name == "held out"
        ):
            made.delete()
        if "written to today" in name:
            DeliveryFactory.create(list=world.in_list, contact=made, sent_at=now)
        return made

    return make


@pytest.fixture
def readers(world, person, now):
    """Everybody on the email list, by name."""
    states = {"unsubscribed": "Unsubscribed", "pending": "Pending"}
    addresses = {"without an address": "", "with half an address": "nobody"}
    everybody = {}
    for number, name in enumerate(EMAILS):
        address = addresses.get(name, f"p{number}@mail.example")
        contact = person(name, email=address, external_id=f"p{number}")
        state = states.get(name, "Subscribed")
        everybody[name] = SubscriptionFactory.create(
            list=world.in_list, contact=contact, state=state
        )

    def put_down(name, reason="manual", in_list=None):
        address = everybody[name].contact.email_norm
        suppress(channel="email", addresses=[address], reason=reason, list=in_list, now=now)

    put_down("suppressed in the account")
    put_down("suppressed on the list", in_list=world.in_list)
    put_down("suppressed elsewhere", in_list=ListFactory.create())
    put_down("erased once", reason="erased")
    return everybody


@pytest.fixture
def phones(world, person, now):
    """The subscriptions of everybody on the phone list, by name; all are on the email list, too."""
    everybody = {}
    for number, name in enumerate(TEXTS):
        phone = f"+1212555{number + 100:04d}"
        contact = person(name, phone_e164=phone)
        PhoneSubscriptionFactory.create(
            phone_list=world.phone_list,
            phone_e164=phone,
            contact=contact,
            **CONSENTS.get(name, {}),
        )
        everybody[name] = SubscriptionFactory.create(list=world.in_list, contact=contact)
    number = everybody["suppressed"].contact.phone_e164
    suppress(channel="sms", addresses=[number], reason="hard bounce", now=now)
    return everybody


def undone(ask):
    """Ask, and take back what was written meanwhile: it would count for who is asked next."""
    with transaction.atomic():
        answer = ask()
        transaction.set_rollback(True)
    return answer


def written(everybody, **of):
    """Return why each got nothing, by name, of those to whom something was written."""
    names = {one.contact_id: name for name, one in everybody.items()}
    rows = Delivery.objects.filter(**of).values_list("contact_id", "reason")
    return {names[contact]: reason for contact, reason in rows}


def by_broadcast(made, everybody, now):
    """Hand a broadcast to the outbox; return why each got nothing."""
    send_some(made.pk, now=now)
    return written(everybody, broadcast_id=made.pk)


def by_step(world, channel, everybody):
    """Have a step write to everybody; return why each got nothing."""
    world.live(STEPS[channel])
    world.happen(*everybody.values())
    world.tick()
    return written(everybody, step_key="say")


def by_claim(channel, everybody, message, now, phone_list=None):
    """Claim what was queued when nobody asked; return why each got nothing."""
    for one in everybody.values():
        Delivery.objects.create(
            channel=channel,
            list=one.list,
            contact=one.contact,
            phone_list=phone_list,
            message=message,
            address=one.contact.phone_e164 if phone_list else one.contact.email_norm,
            state="queued",
            step_key="queued",
            queued_at=now,
        )
    while claim(channel=channel, provider="sandbox", sender="me", most=5, now=now).seen:
        pass
    return written(everybody, step_key="queued")


def told(reached, reasons):
    """Return a count by reason."""
    return +Counter({"": reached, **reasons})


class TestEmails:
    def test_are_refused_for_the_same_reasons_by_all(self, world, readers, now):
        message = CommittedMessageFactory.create(list=world.in_list)
        made = Broadcast.objects.create(
            list=world.in_list, message=message, created_at=now, send_at=now
        )
        there = {name for name, one in readers.items() if one.state == "Subscribed"}

        counted = count_emails(in_list=world.in_list, now=now)
        foreseen = count_audience(made, now=now)
        broadcast = undone(lambda: by_broadcast(made, readers, now))
        step = undone(lambda: by_step(world, "email", readers))
        claimed = undone(lambda: by_claim("email", readers, message, now))

        assert step == EMAILS
        assert claimed == EMAILS
        # Who has left is meant by no broadcast, and counted all the same.
        assert broadcast == {name: why for name, why in EMAILS.items() if name in there}
        assert told(counted.reached, counted.reasons) == Counter(EMAILS.values())
        assert told(foreseen.eligible, foreseen.reasons) == Counter(EMAILS.values())


class TestTexts:
    def test_are_refused_for_the_same_reasons_by_all(self, world, phones, now):
        message = CommittedMessageFactory.create(
            list=world.in_list, channel="sms", content={"text": "Hi", "media_url": ""}
        )
        made = Broadcast.objects.create(
            list=world.in_list,
            channel="sms",
            phone_list=world.phone_list,
            message=message,
            created_at=now,
            send_at=now,
        )
        there = set(TEXTS) - set(CONSENTS)

        counted = count_texts(phone_list=world.phone_list, now=now)
        foreseen = count_audience(made, now=now)
        broadcast = undone(lambda: by_broadcast(made, phones, now))
        step = undone(lambda: by_step(world, "sms", phones))
        claimed = undone(lambda: by_claim("sms", phones, message, now, phone_list=world.phone_list))

        assert step == TEXTS
        assert claimed == TEXTS
        assert broadcast == {name: why for name, why in TEXTS.items() if name in there}
        assert told(counted.reached, counted.reasons) == Counter(TEXTS.values())
        assert told(foreseen.eligible, foreseen.reasons) == Counter(TEXTS.values())

    def test_of_no_consent_or_a_closed_list_are_refused_by_step_and_claim(self, world, person, now):
        closed = PhoneListFactory.create(
            short_code=world.short_code, name="Closed", is_active=False
        )
        message = CommittedMessageFactory.create(
            list=world.in_list, channel="sms", content={"text": "Hi", "media_url": ""}
        )
        contact = person("willing", phone_e164="+12125550123")
        PhoneSubscriptionFactory.create(
            phone_list=closed, phone_e164="+12125550123", contact=contact
        )
        grace = {"Grace": SubscriptionFactory.create(list=world.in_list, contact=contact)}

        answers = [
            undone(lambda: by_step(world, "sms", grace)),
            undone(lambda: by_claim("sms", grace, message, now, phone_list=world.phone_list)),
            undone(lambda: by_claim("sms", grace, message, now, phone_list=closed)),
        ]

        assert answers == [{"Grace": "no consent for this list/purpose"}] * 3
        assert count_texts(phone_list=closed, now=now).reasons == {
            "no consent for this list/purpose": 1
        }
