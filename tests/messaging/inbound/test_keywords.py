"""A short code's own words, beside those that everybody has."""

from datetime import datetime
from typing import Any

import pytest

from accounts.actions import InvalidValueError
from messaging import actions
from messaging.models import PhoneList, ShortCode
from tests.factories import PhoneListFactory, PhoneSubscriptionFactory, ShortCodeFactory

PHONE = "+12125550123"


@pytest.fixture
def phones(inside_acme: Any) -> PhoneList:
    """A list of a short code."""
    code = ShortCodeFactory.create(merchant_name="Acme Shoes", care_contact="help@acme.example")
    made: PhoneList = PhoneListFactory.create(short_code=code, kind="Marketing")
    return made


@pytest.fixture
def words(phones: PhoneList, now: datetime) -> Any:
    """Set the words of the code."""

    def give(**words: str) -> ShortCode:
        code: ShortCode = phones.short_code
        given: Any = {"stop_words": "", "care_contact": "help@acme.example", **words}
        actions.set_replies(short_code=code, replies={}, now=now, **given)
        code.refresh_from_db()
        return code

    return give


@pytest.fixture
def write(phones: PhoneList, now: datetime) -> Any:
    """Write from a phone; return what it was taken for."""

    def send(text: str) -> str:
        taken = actions.take_inbound(
            short_code=phones.short_code,
            phone_e164=PHONE,
            text=text,
            provider="test",
            provider_message_id=text,
            now=now,
        )
        return taken.meaning

    return send


class TestOwnWords:
    def test_stop_start_and_help(self, phones: PhoneList, words: Any, write: Any) -> None:
        PhoneSubscriptionFactory.create(phone_list=phones, phone_e164=PHONE)
        words(stop_words="adieu", start_words="Hallo, me revoilà", help_words="quoi?")

        taken = [write(text) for text in ("Adieu!", "ME REVOILA", "quoi")]

        assert taken == ["stop", "start", "help"]
        assert phones.subscriptions.get().state == "Subscribed"

    def test_are_kept_as_they_are_compared(self, words: Any) -> None:
        code = words(start_words="hallo\nHALLO", help_words="Où?")

        assert (code.start_words, code.help_words) == (["HALLO"], ["OU"])

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"help_words": "fin"}, "help_words"),
            ({"start_words": "info"}, "start_words"),
            ({"stop_words": "oui"}, "stop_words"),
            ({"stop_words": "adieu", "start_words": "Adieu"}, "start_words"),
            ({"start_words": "x" * 30}, "start_words"),
        ],
    )
    def test_mean_one_thing(self, words: Any, given: Any, field: str) -> None:
        with pytest.raises(InvalidValueError) as refused:
            words(**given)

        assert refused.value.field == field
