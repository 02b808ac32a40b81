"""Consent, case by case; and that what is counted is what sending does."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account, List
from accounts.tenancy import sql
from messaging.actions.audience import Audience, count_emails, count_texts
from messaging.actions.suppressions import suppress
from messaging.eligibility import Reason, load_policy, sentence
from messaging.models import Delivery, FrequencyCap, PhoneList, SendingRules
from messaging.models.delivery import DeliveryState
from messaging.sending.claim import claim
from messaging.sending.lanes import Lane
from tests.factories import (
    CommittedMessageFactory,
    ContactFactory,
    DeliveryFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    SubscriptionFactory,
)

pytestmark = pytest.mark.usefixtures("inside_acme")

ASK_EMAIL = """
    SELECT {refusal} FROM contacts_contact AS contact
    LEFT JOIN contacts_subscription AS subscription
        ON subscription.contact_id = contact.id AND subscription.list_id = %(list_id)s
    WHERE contact.id = %(contact_id)s
"""
ASK_SMS = """
    SELECT {refusal} FROM contacts_contact AS contact
    LEFT JOIN messaging_phonesubscription AS phone_subscription
        ON phone_subscription.phone_list_id = %(phone_list_id)s
        AND phone_subscription.phone_e164 = %(phone)s
    WHERE contact.id = %(contact_id)s
"""


@pytest.fixture
def email(now: datetime) -> Callable[..., Any]:
    """Ask why a contact gets no email of a list."""

    def ask(**ids: Any) -> Any:
        verdict = load_policy(now=now).email(transactional=True)
        return sql.fetch_value(ASK_EMAIL.format(refusal=verdict.refusal), **ids)

    return ask


@pytest.fixture
def text(now: datetime) -> Callable[..., Any]:
    """Ask why a number gets no text of a phone list."""

    def ask(**ids: Any) -> Any:
        verdict = load_policy(now=now).sms(transactional=True)
        statement = ASK_SMS.format(refusal=verdict.refusal)
        return sql.fetch_value(statement, contact_id=ContactFactory.create().pk, **ids)

    return ask


class TestEmail:
    @pytest.mark.parametrize(
        ("state", "reason"),
        [
            ("Subscribed", None),
            ("Unsubscribed", "suppressed"),
            ("Pending", "pending double opt-in"),
        ],
    )
    def test_follows_the_subscription(self, email: Any, state: str, reason: str | None) -> None:
        one = SubscriptionFactory.create(state=state)

        assert email(list_id=one.list_id, contact_id=one.contact_id) == reason

    def test_needs_an_address(self, email: Any) -> None:
        nameless = ContactFactory.create(email="", email_norm="", external_id="7")
        one = SubscriptionFactory.create(contact=nameless)

        assert email(list_id=one.list_id, contact_id=one.contact_id) == "missing address"

    def test_needs_a_subscription_to_this_list(self, email: Any) -> None:
        contact = SubscriptionFactory.create().contact

        asked = email(list_id=ListFactory.create().pk, contact_id=contact.pk)

        assert asked == "no-longer-in-list/segment"


class TestText:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({}, None),
            ({"state": "Unsubscribed"}, "suppressed"),
            ({"state": "Pending", "pending_double_opt_in": True}, "pending double opt-in"),
            ({"state": "Pending", "pending_age_gate": True}, "age gate"),
            ({"state": "Pending"}, "pending double opt-in"),
            ({"phone_list__is_active": False}, "no consent for this list/purpose"),
        ],
    )
    def test_follows_the_consent(
        self, text: Any, changes: dict[str, Any], reason: str | None
    ) -> None:
        one = PhoneSubscriptionFactory.create(**changes)

        assert text(phone_list_id=one.phone_list_id, phone=one.phone_e164) == reason

    def test_needs_a_consent_to_this_phone_list(self, text: Any) -> None:
        elsewhere = PhoneSubscriptionFactory.create()

        asked = text(phone_list_id=PhoneListFactory.create().pk, phone=elsewhere.phone_e164)

        assert asked == "no consent for this list/purpose"


@dataclass(frozen=True)
class Person:
    """A drawn contact: its address, consent, suppression, clock, and what it had lately."""

    address: str
    state: str
    suppressed: str
    zone: str
    hours_ago: tuple[int, ...]
    gate: str = ""
    area: str = "212"


@dataclass(frozen=True)
class House:
    """What a drawn account allows itself."""

    caps: tuple[tuple[str, str, int], ...]
    opens: int
    closes: int
    holdout: int
    most_a_day: int


HOURS_AGO = st.lists(
    st.one_of(st.integers(0, 24), st.integers(40, 80), st.integers(0, 216)), max_size=5
).map(tuple)
ZONES = st.sampled_from(["", "America/New_York", "Asia/Tokyo", "Europe/Paris", "Nowhere"])
AREAS = st.sampled_from(["212", "305", "214", "416", "808"])
# Whom only caps and hours keep from a message, and anybody.
WILLING = st.builds(
    Person,
    address=st.just("good"),
    state=st.just("Subscribed"),
    suppressed=st.just(""),
    zone=ZONES,
    hours_ago=HOURS_AGO,
    area=AREAS,
)
ANYBODY = st.builds(
    Person,
    address=st.sampled_from(["good", "missing", "invalid"]),
    state=st.sampled_from(["Subscribed", "Pending", "Unsubscribed"]),
    suppressed=st.sampled_from(["", "account", "list", "other list", "erased"]),
    zone=ZONES,
    hours_ago=HOURS_AGO,
    gate=st.sampled_from(["", "pending_double_opt_in", "pending_age_gate"]),
    area=AREAS,
)
PEOPLE = st.lists(st.one_of(WILLING, WILLING, ANYBODY), min_size=3, max_size=7)
HOUSES = st.builds(
    House,
    caps=st.lists(
        st.tuples(
            st.sampled_from(["email", "sms", "any"]),
            st.sampled_from(["day", "week"]),
            st.integers(1, 2),
        ),
        min_size=0,
        max_size=3,
        unique_by=lambda cap: cap[:2],
    ).map(tuple),
    opens=st.sampled_from([0, 0, 8, 13]),
    closes=st.sampled_from([14, 20, 23]),
    holdout=st.sampled_from([0, 0, 0, 50]),
    most_a_day=st.sampled_from([0, 0, 0, 1, 2]),
)
DRAWN = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def undone() -> Iterator[None]:
    """Leave nothing of an example to the next."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def build(house: House, now: datetime) -> None:
    """Set the account's rules."""
    for channel, period, most in house.caps:
        FrequencyCap.objects.create(channel=channel, period=period, most=most, created_at=now)
    hours = {}
    if house.opens:
        opens, closes = time(house.opens), time(house.closes)
        hours = {"email_opens": opens, "email_closes": closes}
        hours |= {"sms_opens": opens, "sms_closes": closes}
    SendingRules.objects.create(
        holdout_percent=house.holdout, most_a_day=house.most_a_day, updated_at=now, **hours
    )


def put_down(person: Person, channel: str, address: str, in_list: List, now: datetime) -> None:
    """Suppress an address as it was drawn."""
    if not person.suppressed or not address:
        return
    where = {"list": in_list, "other list": ListFactory.create()}.get(person.suppressed)
    reason = "erased" if person.suppressed == "erased" else "manual"
    suppress(
        channel=channel,
        addresses=[address],
        reason=reason,
        list=where if channel == "email" else None,
        now=now,
    )


def had(person: Person, channel: str, in_list: List, contact: Any, now: datetime) -> None:
    """Note what a contact was sent lately: every second is transactional."""
    for place, hours in enumerate(person.hours_ago):
        DeliveryFactory.create(
            channel=channel,
            list=in_list,
            contact=contact,
            sent_at=now - timedelta(hours=hours),
            queued_at=now - timedelta(days=20),
            is_transactional=place % 2 == 1,
        )


def outcome(queued: list[int], channel: str, now: datetime) -> dict[int, str]:
    """Send; return of each message why it did not leave, "" for one that did."""
    while Delivery.objects.filter(pk__in=queued, state="queued").exists():
        claim(channel=channel, provider="sandbox", sender="test", most=3, now=now, lane=Lane.BULK)
    rows = Delivery.objects.filter(pk__in=queued)
    return {one.pk: "" if one.state == DeliveryState.SENDING else one.reason for one in rows}


def told(counted: Audience) -> Counter[str]:
    """Return a count by reason, "" for those who are reached."""
    return +Counter({"": counted.reached, **counted.reasons})


class TestCounts:
    @DRAWN
    @given(people=PEOPLE, house=HOUSES)
    def test_of_a_list_are_what_sending_does(
        self, acme: Account, now: datetime, people: list[Person], house: House
    ) -> None:
        with undone():
            build(house, now)
            in_list = ListFactory.create()
            message = CommittedMessageFactory.create(list=in_list)
            contacts = []
            for number, person in enumerate(people):
                address = {"good": f"p{number}@mail.example", "invalid": f"p{number}"}.get(
                    person.address, ""
                )
                contact = ContactFactory.create(
                    email=address, external_id=f"p{number}", time_zone=person.zone
                )
                SubscriptionFactory.create(list=in_list, contact=contact, state=person.state)
                put_down(person, "email", address, in_list, now)
                had(person, "email", in_list, contact, now)
                contacts.append(contact)

            counted = count_emails(in_list=in_list, now=now)
            queued = [
                Delivery.objects.create(
                    channel="email",
                    list=in_list,
                    contact=contact,
                    message=message,
                    address=contact.email_norm,
                    state="queued",
                    queued_at=now,
                ).pk
                for contact in contacts
            ]
            sent = outcome(queued, "email", now)

            assert told(counted) == Counter(sent.values())
            for person, contact, pk in zip(people, contacts, queued, strict=True):
                expected = judged(person, house, contact.time_zone, acme.time_zone, now)
                if not house.holdout and not house.most_a_day:
                    assert sent[pk] == expected, person

    @DRAWN
    @given(people=PEOPLE, house=HOUSES, is_active=st.sampled_from([True, True, True, False]))
    def test_of_a_phone_list_are_what_sending_does(
        self,
        acme: Account,
        now: datetime,
        people: list[Person],
        house: House,
        is_active: bool,  # noqa: FBT001
    ) -> None:
        with undone():
            build(house, now)
            phones: PhoneList = PhoneListFactory.create(kind="Marketing", is_active=is_active)
            in_list = phones.short_code.email_list
            message = CommittedMessageFactory.create(
                list=in_list, channel="sms", content={"text": "Hi", "media_url": ""}
            )
            queued = []
            for number, person in enumerate(people):
                phone = f"+1{person.area}555{number:04d}"
                contact = None
                if person.address != "missing":
                    contact = ContactFactory.create(time_zone=person.zone, phone_e164=phone)
                    had(person, "sms", in_list, contact, now)
                gates = {person.gate: True} if person.gate and person.state == "Pending" else {}
                PhoneSubscriptionFactory.create(
                    phone_list=phones,
                    phone_e164=phone,
                    contact=contact,
                    state=person.state,
                    **gates,
                )
                put_down(person, "sms", phone, in_list, now)
                queued.append((phone, contact))

            counted = count_texts(phone_list=phones, now=now)
            rows = [
                Delivery.objects.create(
                    channel="sms",
                    list=in_list,
                    contact=contact,
                    phone_list=phones,
                    message=message,
                    address=phone,
                    state="queued",
                    queued_at=now,
                ).pk
                for phone, contact in queued
            ]

            assert told(counted) == Counter(outcome(rows, "sms", now).values())


def judged(person: Person, house: House, zone: str, account_zone: str, now: datetime) -> str:
    """Return why a person gets no email, as the rules are told to a marketer."""
    consent = {"Pending": "pending double opt-in", "Unsubscribed": "suppressed"}
    if person.address != "good":
        return f"{person.address} address"
    if person.state in consent:
        return consent[person.state]
    if person.suppressed and person.suppressed != "other list":
        return "suppressed"
    clock = ZoneInfo(zone if zone not in {"", "Nowhere"} else account_zone)
    wall = now.astimezone(clock)
    if any(has_enough(person, cap, wall) for cap in house.caps):
        return "frequency-cap"
    if house.opens and not house.opens <= wall.hour < house.closes:
        return "quiet-hours-deferred"
    return ""


def has_enough(person: Person, cap: tuple[str, str, int], wall: datetime) -> bool:
    """Say whether a person had as many emails as a cap allows, by its own calendar."""
    channel, period, most = cap
    start = wall.replace(hour=0, minute=0)
    if period == "week":
        start -= timedelta(days=wall.weekday())
    lately = [
        wall - timedelta(hours=hours)
        for place, hours in enumerate(person.hours_ago)
        if place % 2 == 0
    ]
    return channel != "sms" and sum(start <= at for at in lately) >= most


class TestSentence:
    def test_explains_every_reason(self) -> None:
        assert all(sentence(reason).endswith(".") for reason in Reason.values)

    def test_looks_past_the_detail(self) -> None:
        assert sentence("template error (line 3)") == Reason.TEMPLATE_ERROR.label

    def test_returns_what_it_does_not_know(self) -> None:
        assert sentence("boundless joy") == "boundless joy"
