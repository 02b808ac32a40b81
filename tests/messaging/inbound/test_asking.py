"""What a number is asked before it gets anything."""

from datetime import date, datetime
from typing import Any

import pytest

from messaging import actions
from messaging.actions import Consent
from messaging.actions.tickets import close_ticket, open_ticket
from messaging.models import (
    Delivery,
    PhoneList,
)
from tests.factories import (
    ContactFactory,
    PhoneSubscriptionFactory,
)
from tests.messaging.inbound.talking import PHONE, answered, state


class TestQuestions:
    def test_double_opt_in_is_asked_and_confirmed_by_reply(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        phones.require_double_opt_in = True
        phones.save()
        consent = Consent(source="Checkout", text="I agree.", at=now)
        actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=now)
        asked = Delivery.objects.get()
        assert asked.message is not None
        assert "Reply Y to confirm" in asked.message.content["text"]
        assert (asked.is_transactional, state(phones)) == (True, "Pending")

        vague = write("what is this?")
        taken = write("Oui!")

        assert "Reply Y to confirm" in answered(vague)
        assert (state(phones), taken.meaning) == ("Subscribed", "confirmed")
        assert "You are subscribed." in answered(taken)

    @pytest.mark.parametrize(
        ("text", "standing", "meaning"),
        [
            ("YES", "Subscribed", "of age"),
            ("12/09/1990", "Subscribed", "of age"),
            ("1990-12-09", "Subscribed", "of age"),
            ("11/18/2008", "Subscribed", "of age"),  # eighteen today
            ("11/19/2008", "Unsubscribed", "under age"),
            ("12/09/2030", "Pending", "unknown"),
            ("12/09/1830", "Pending", "unknown"),
            ("99/99/1990", "Pending", "unknown"),
        ],
    )
    def test_age_is_asked_and_told_by_reply(
        self, phones: PhoneList, write: Any, text: str, standing: str, meaning: str
    ) -> None:
        phones.require_age_gate, phones.minimum_age = True, 18
        phones.save()
        PhoneSubscriptionFactory.create(
            phone_list=phones, phone_e164=PHONE, state="Pending", pending_age_gate=True
        )

        taken = write(text)

        assert (state(phones), taken.meaning) == (standing, meaning)

    @pytest.mark.parametrize(
        ("born", "standing"), [(date(2020, 1, 1), "Unsubscribed"), (date(1990, 1, 1), "Subscribed")]
    )
    @pytest.mark.parametrize("text", ["YES", "12/09/1990"])
    def test_a_birthday_that_is_known_decides(
        self, phones: PhoneList, write: Any, text: str, born: date, standing: str
    ) -> None:
        phones.require_age_gate, phones.minimum_age = True, 21
        phones.save()
        PhoneSubscriptionFactory.create(
            phone_list=phones,
            phone_e164=PHONE,
            state="Pending",
            pending_age_gate=True,
            contact=ContactFactory.create(birthday=born),
        )

        write(text)

        assert state(phones) == standing

    @pytest.mark.parametrize(
        ("text", "is_answered"), [("Where is my parcel?", False), ("HELP", True), ("STOP", True)]
    )
    def test_a_help_desk_that_is_at_it_answers_what_is_no_keyword(
        self, phones: PhoneList, write: Any, now: datetime, text: str, is_answered: Any
    ) -> None:
        consent = PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)
        ticket = open_ticket(
            phone_subscription=consent, integration="custom", external_id="T-1", now=now
        )

        meanwhile = write(text)
        close_ticket(ticket=ticket, now=now)
        afterwards = write("Where is it?")

        assert (bool(answered(meanwhile)), bool(answered(afterwards))) == (is_answered, True)

    def test_both_are_asked_one_after_the_other(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        phones.require_double_opt_in = phones.require_age_gate = True
        phones.minimum_age = 21
        phones.save()
        consent = Consent(source="Checkout", text="I agree.", at=now)
        actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=now)

        first = write("y")
        second = write("01/02/1980")

        assert "21 or older" in answered(first)
        assert (state(phones), "You are subscribed." in answered(second)) == ("Subscribed", True)
