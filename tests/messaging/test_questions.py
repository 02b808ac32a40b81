"""Questions to numbers whose consent is pending: whom a file asks, when, and how often."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from contacts import actions as import_actions
from contacts.imports.running import run_import
from messaging import actions
from messaging.actions import Consent, PhoneCounts
from messaging.actions.suppressions import suppress
from messaging.import_columns.phone_list import TARGET
from messaging.models import Delivery, PhoneList, PhoneSubscription, ShortCode
from messaging.models.delivery import ANSWER, ASK
from messaging.sending.claim import claim
from messaging.sending.lanes import Lane
from tests.factories import PhoneListFactory, ShortCodeFactory

PHONE = "+12125550123"
NIGHT = timedelta(hours=15)  # ten in the evening in New York


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    """Keep files of the tests apart."""
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def code(inside_acme: Any) -> ShortCode:
    """Acme's short code."""
    made: ShortCode = ShortCodeFactory.create(merchant_name="Acme Shoes")
    return made


@pytest.fixture
def phones(code: ShortCode) -> PhoneList:
    """A list that wants its numbers to confirm."""
    made: PhoneList = PhoneListFactory.create(
        short_code=code, kind="Marketing", require_double_opt_in=True
    )
    return made


def take_file(phone_list: PhoneList, now: datetime, *numbers: str) -> PhoneCounts:
    """Record the consents of a file."""
    return actions.subscribe_phones(
        phone_list=phone_list,
        phones=numbers or [PHONE],
        contact_ids=[None] * (len(numbers) or 1),
        consent=Consent(source="File", text="Agreed.", at=now),
        now=now,
    )


def write(code: ShortCode, text: str, now: datetime) -> None:
    """Write from the phone."""
    actions.take_inbound(
        short_code=code,
        phone_e164=PHONE,
        text=text,
        provider="test",
        provider_message_id="",
        now=now,
    )


def claimed(now: datetime, lane: Lane = Lane.BULK) -> list[str]:
    """Claim the questions of a lane; return how they stand."""
    claim(channel="sms", provider="sandbox", sender="test", most=500, now=now, lane=lane)
    rows = Delivery.objects.filter(step_key__in=[ASK, ANSWER]).order_by("pk")
    return [f"{one.state} {one.reason}".strip() for one in rows]


class TestFiles:
    def test_ask_each_new_number_once_behind_what_is_urgent(
        self, phones: PhoneList, now: datetime
    ) -> None:
        numbers = [f"+1212555{number:04d}" for number in range(100, 130)]

        for _ in range(2):
            take_file(phones, now, *numbers, numbers[0])

        asked = Delivery.objects.filter(step_key=ASK)
        assert sorted(asked.values_list("address", flat=True)) == numbers
        assert not asked.filter(is_transactional=True).exists()
        assert set(PhoneSubscription.objects.values_list("state", flat=True)) == {"Pending"}
        first = asked[0].message
        assert first is not None
        assert "Reply Y to confirm" in first.content["text"]

    def test_ask_nothing_for_a_list_that_wants_to_know_nothing(
        self, code: ShortCode, now: datetime
    ) -> None:
        take_file(PhoneListFactory.create(short_code=code), now)

        assert not Delivery.objects.exists()

    def test_ask_for_two_lists_of_a_code_once_and_the_answer_is_for_both(
        self, code: ShortCode, phones: PhoneList, now: datetime
    ) -> None:
        other = PhoneListFactory.create(short_code=code, require_double_opt_in=True)
        take_file(phones, now)
        take_file(other, now)

        write(code, "Y", now)

        assert Delivery.objects.filter(step_key=ASK).count() == 1
        assert set(PhoneSubscription.objects.values_list("state", flat=True)) == {"Subscribed"}

    def test_ask_for_the_higher_age_even_where_a_lower_one_was_asked(
        self, code: ShortCode, now: datetime
    ) -> None:
        for age in (18, 21, 19):
            gated = PhoneListFactory.create(short_code=code, require_age_gate=True, minimum_age=age)
            take_file(gated, now)

        asked = Delivery.objects.filter(step_key=ASK).order_by("pk")
        texts = [one.message.content["text"] for one in asked if one.message]
        assert ["18 or older" in texts[0], "21 or older" in texts[1], len(texts)] == [True, True, 2]

    def test_ask_nobody_who_has_opted_out(
        self, code: ShortCode, phones: PhoneList, now: datetime
    ) -> None:
        write(code, "STOP", now)

        take_file(phones, now + timedelta(days=1))

        assert not Delivery.objects.filter(step_key=ASK).exists()

    def test_of_contacts_ask_a_number_of_several_lines_and_chunks_once(
        self, phones: PhoneList, now: datetime
    ) -> None:
        lines = [f"p{number}@m.example,+1212555010{number % 3}" for number in range(9)]
        in_list = phones.short_code.email_list
        imported = import_actions.create_import(
            kind="contacts",
            list=in_list,
            file_name="shoppers.csv",
            file="\n".join(["email,mobile", *lines]).encode(),
            now=now,
            options={
                "consent_source": "Checkout",
                "consent_text": "I agree to texts.",
                "consent_confirmed": True,
            },
        )
        columns = [
            {"column": 0, "target": "email"},
            {"column": 1, "target": f"phone_list:{phones.pk}"},
        ]
        import_actions.start_import(imported=imported, columns=columns, now=now)

        run_import(imported.pk, now, chunk_records=2)

        asked = Delivery.objects.filter(step_key=ASK)
        assert sorted(asked.values_list("address", flat=True)) == [
            f"+1212555010{number}" for number in range(3)
        ]
        assert all(one.contact_id for one in asked)
        assert "each is asked to confirm" in dict(TARGET.choices(in_list))[str(phones.pk)]

    def test_ask_thousands_at_once(self, phones: PhoneList, now: datetime) -> None:
        numbers = [f"+1212{number:07d}" for number in range(5_000)]

        take_file(phones, now, *numbers)

        assert Delivery.objects.filter(step_key=ASK).count() == 5_000


class TestQuestions:
    def test_of_a_file_wait_for_the_hours_of_the_number(
        self, phones: PhoneList, now: datetime
    ) -> None:
        take_file(phones, now + NIGHT)

        assert claimed(now + NIGHT) == ["deferred quiet-hours-deferred"]

    def test_of_somebody_who_signs_up_go_at_once(self, phones: PhoneList, now: datetime) -> None:
        late = now + NIGHT
        consent = Consent(source="Checkout", text="I agree.", at=late)
        actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=late)

        assert claimed(late, Lane.URGENT) == ["sending"]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [("STOP", "skipped suppressed"), ("YES", "skipped duplicate"), ("hm?", "sending")],
    )
    def test_are_dropped_when_the_answer_came_first(
        self, code: ShortCode, phones: PhoneList, now: datetime, text: str, reason: str
    ) -> None:
        noon = now + timedelta(hours=5)
        take_file(phones, noon)

        write(code, text, noon)

        assert claimed(noon) == [reason]

    @pytest.mark.parametrize("lane", [Lane.URGENT, Lane.BULK])
    def test_do_not_go_to_suppressed_numbers(
        self, phones: PhoneList, now: datetime, lane: Lane
    ) -> None:
        noon = now + timedelta(hours=5)
        suppress(channel="sms", addresses=[PHONE], reason="hard bounce", now=noon)
        if lane is Lane.BULK:
            take_file(phones, noon)
        else:
            consent = Consent(source="Checkout", text="I agree.", at=noon)
            actions.subscribe_phone(phone_list=phones, phone_e164=PHONE, consent=consent, now=noon)

        assert claimed(noon, lane) == ["skipped suppressed"]

    def test_of_a_list_that_was_closed_are_dropped(self, phones: PhoneList, now: datetime) -> None:
        noon = now + timedelta(hours=5)
        take_file(phones, noon)
        phones.is_active = False
        phones.save()

        assert claimed(noon) == ["skipped no consent for this list/purpose"]


class TestAnswers:
    def test_by_hand_do_not_reach_who_wrote_stop_meanwhile(
        self, code: ShortCode, phones: PhoneList, now: datetime
    ) -> None:
        write(code, "where is my order?", now)
        actions.answer_by_hand(short_code=code, phone_e164=PHONE, text="On its way.", now=now)

        write(code, "STOP", now)

        assert claimed(now, Lane.URGENT) == ["skipped suppressed"]

    def test_of_keywords_do_not_reach_suppressed_numbers(
        self, code: ShortCode, phones: PhoneList, now: datetime
    ) -> None:
        suppress(channel="sms", addresses=[PHONE], reason="hard bounce", now=now)
        write(code, "HELP", now)

        claim(channel="sms", provider="sandbox", sender="test", most=9, now=now, lane=Lane.URGENT)

        assert Delivery.objects.get().reason == "suppressed"
