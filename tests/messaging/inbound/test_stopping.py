"""STOP and START from a phone."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from messaging import actions
from messaging.actions import Consent
from messaging.law.keywords import bare
from messaging.models import (
    PhoneList,
    PhoneSubscription,
    ShortCode,
)
from tests.factories import (
    PhoneListFactory,
    PhoneSubscriptionFactory,
)
from tests.messaging.inbound.talking import PHONE, answered, import_into, state


class TestStop:
    @pytest.mark.parametrize(
        "text",
        ["STOP", " stop. ", "Arrêt", "ARRET", "annuler", "QUITTER", "Désabonner", "fin", "Alto",
         "baja!", "CANCELAR", "unsubscribe", "Opt out", "stop\u200b", "\uff33\uff34\uff2f\uff30", "Adieu"],
    )  # fmt: skip
    def test_ends_every_list_of_the_code_in_three_languages_and_the_accounts_own(
        self, code: ShortCode, phones: PhoneList, write: Any, text: str
    ) -> None:
        code.stop_words = ["ADIEU"]
        code.save()
        other = PhoneListFactory.create(short_code=code)
        for one in (phones, other):
            PhoneSubscriptionFactory.create(phone_list=one, phone_e164=PHONE)

        taken = write(text)

        assert (state(phones), state(other), taken.meaning) == (
            "Unsubscribed",
            "Unsubscribed",
            "stop",
        )
        assert answered(taken).startswith("Acme Shoes: You have opted out")

    @pytest.mark.parametrize(
        "text", ["stop by the store", "don't stop", "STO\u0420", "", "   ", "unstopp"]
    )
    def test_is_nothing_else(self, phones: PhoneList, write: Any, text: str) -> None:
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)

        taken = write(text)

        assert (state(phones), taken.meaning) == ("Subscribed", "unknown")

    def test_holds_against_lists_it_was_not_on_imports_and_old_consents(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        write("STOP")

        counts = actions.subscribe_phones(
            phone_list=phones,
            phones=[PHONE],
            contact_ids=[None],
            consent=Consent(source="File", text="Agreed.", at=now - timedelta(days=1)),
            now=now + timedelta(days=1),
        )

        assert (counts.subscribed, counts.previously_unsubscribed) == (0, 1)
        assert state(phones) == "Unsubscribed"

    @pytest.mark.parametrize("had_a_list", [True, False])
    def test_holds_on_lists_made_later_until_start(
        self,
        code: ShortCode,
        write: Any,
        now: datetime,
        had_a_list: bool,  # noqa: FBT001
    ) -> None:
        if had_a_list:
            PhoneListFactory.create(short_code=code)
        write("STOP")
        later = now + timedelta(days=1)

        made = actions.create_phone_list(short_code=code, name="Later", now=later)
        counts = import_into(made, later)
        write("START")
        after = actions.create_phone_list(short_code=code, name="After", now=later)

        assert (counts.subscribed, counts.previously_unsubscribed) == (0, 1)
        assert not PhoneSubscription.objects.filter(phone_list=after).exists()
        assert import_into(after, later).subscribed == 1

    def test_gives_way_to_a_consent_to_that_list_given_later(
        self, code: ShortCode, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        write("STOP")
        made = actions.create_phone_list(short_code=code, name="Later", now=now)
        later = now + timedelta(days=1)
        consent = Consent(source="Checkout", text="I agree.", at=later)

        actions.subscribe_phone(phone_list=made, phone_e164=PHONE, consent=consent, now=later)

        assert (state(made), state(phones)) == ("Subscribed", "Unsubscribed")

    def test_leaves_other_codes_alone(self, phones: PhoneList, write: Any) -> None:
        elsewhere = PhoneSubscriptionFactory.create(phone_e164=PHONE)

        write("STOP")

        assert state(elsewhere.phone_list) == "Subscribed"


class TestStart:
    def test_brings_back_what_stop_ended(self, phones: PhoneList, write: Any) -> None:
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)
        write("STOP")

        taken = write("unstop")

        assert (state(phones), taken.meaning) == ("Subscribed", "start")
        assert "subscribed again" in answered(taken)

    def test_gives_no_consent_that_was_never_there(self, phones: PhoneList, write: Any) -> None:
        write("STOP")

        taken = write("START")

        assert not PhoneSubscription.objects.exists()
        assert "help@acme.example" in answered(taken)

    def test_asks_for_an_age_that_was_never_known(
        self, phones: PhoneList, write: Any, now: datetime
    ) -> None:
        phones.require_double_opt_in = phones.require_age_gate = True
        phones.save()
        consent = Consent(source="Checkout", text="I agree.", at=now)
        actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=now)
        write("STOP")

        taken = write("START")

        assert state(phones) == "Pending"
        assert "birthday" in answered(taken)

    def test_undoes_no_other_opt_out(self, phones: PhoneList, write: Any, now: datetime) -> None:
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)
        actions.unsubscribe_phone(
            phone_list=phones, phone_e164=PHONE, reason="Deactivated", now=now
        )

        write("START")

        assert state(phones) == "Unsubscribed"


class TestBare:
    @pytest.mark.parametrize("text", ["x" * 10_000, "é" * 500, "\u202e\u200f", "🙂" * 50])
    def test_reads_whatever_comes(self, text: str) -> None:
        assert len(bare(text)) <= 400
